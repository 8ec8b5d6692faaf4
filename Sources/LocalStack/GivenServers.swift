import Foundation

/// Servers that the user named by variables, which are therefore not started.
struct GivenServers {
  let variables: [String: String]
  let services: Set<LocalStack.Service>

  /// An empty variable counts as unset.
  init(
    services: Set<LocalStack.Service>, settings: [String: String]
  ) throws(LocalStackError) {
    var variables: [String: String] = [:]
    var found: Set<LocalStack.Service> = []
    for service in services {
      let present = service.variables.filter { settings[$0]?.isEmpty == false }
      guard let first = present.first else { continue }
      if let absent = service.variables.first(where: { !present.contains($0) }) {
        throw .incompleteSettings(present: first, absent: absent)
      }
      for name in present { variables[name] = settings[name] }
      found.insert(service)
    }
    self.variables = variables
    self.services = found
  }

  /// Asks each named server once. Of a Kafka that wants TLS or SASL, and of Postgres, only that it
  /// accepts a connection is asked: the real clients hold the credentials.
  func checkAnswering(settings: [String: String]) throws(LocalStackError) {
    for (variable, value) in variables.sorted(by: { $0.key < $1.key }) {
      let isPlain = settings["SV0_KAFKA_SECURITY_PROTOCOL"].map { $0.lowercased() == "plaintext" }
      let addresses = Self.addresses(variable, value)
      let answering = addresses.contains { host, port in
        switch variable {
        case "SV0_KAFKA" where isPlain ?? true: Probe.kafka(host: host, port: port)
        case "SV0_MOTO": Probe.http(host: host, port: port, path: Moto.readyPath)
        default: Probe.accepts(host: host, port: port)
        }
      }
      // A Postgres address may be a socket path or a service name, which are left to libpq.
      if !answering, !addresses.isEmpty || variable != "SV0_POSTGRES" {
        let shown = addresses.map { "\($0.host):\($0.port)" }.joined(separator: ", ")
        throw .givenServerUnreachable(variable: variable, address: shown)
      }
    }
  }

  private static func addresses(_ variable: String, _ value: String) -> [(
    host: String, port: UInt16
  )] {
    if variable == "SV0_KAFKA" {
      return value.split(separator: ",").compactMap { URLComponents(string: "kafka://\($0)") }
        .compactMap { part in part.host.map { ($0, UInt16(clamping: part.port ?? 9092)) } }
    }
    guard let parts = URLComponents(string: value), let host = parts.host, !host.isEmpty else {
      return []
    }
    let usual = variable == "SV0_MOTO" ? (parts.scheme == "https" ? 443 : 80) : 5432
    return [(host, UInt16(clamping: parts.port ?? usual))]
  }
}
