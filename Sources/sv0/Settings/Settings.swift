internal import Evaluation
internal import Foundation
internal import Logging
internal import Model
internal import Observability

/// What a process needs to know about where it runs: the file given by `--config`, and over it the
/// environment. Everything that is wrong is listed at once.
struct Settings: Sendable {
  /// Kafka's bootstrap servers.
  var kafka: String?
  /// Any librdkafka property, from `kafkaProperties:` or `SV0_KAFKA_*` (dots as underscores).
  var kafkaProperties: [String: String] = [:]
  /// Connection URL of the workers' role.
  var postgres: String?
  /// Connection URL of the owner, for `sv0 migrate` only.
  var postgresOwner: String?
  /// Set: static membership in consumer groups under this id. Unset: dynamic.
  var instance: String?
  var logLevel = Logger.Level.info
  var logFormat = Observability.LogFormat.json
  /// `host:port` of health and metrics; port 0 takes a free one.
  var httpListen = HostPort(host: "127.0.0.1", port: 9464)
  /// How long a tenant's graph must have been quiet before it is evaluated.
  var evaluatorQuiet = Duration.seconds(10)
  /// How long an evaluation waits for quiet at most.
  var evaluatorMaximumDelay = Duration.seconds(60)
  /// Ages from which rules find something.
  var thresholds = RuleThresholds()
  /// How long an attempt may be silent before it is given to somebody else.
  var schedulerLease = Duration.seconds(60)
  /// Lost attempts after which a run is failed.
  var schedulerAttempts = 3
  /// Runs under way at a time, per platform.
  var schedulerInFlight = 64
  /// Of these, runs of one tenant; by default it may have them all.
  var schedulerInFlightPerTenant = 10_000
  /// Attempts that one extractor executes at a time.
  var extractorRuns = 4
  /// Bytes of messages that one loader stages at most; the largest open attempt fails beyond it.
  var loaderStagedBytes = 4 << 30

  struct HostPort: Equatable {
    var host: String
    var port: Int
  }

  /// - Throws: `Failure` 78 that lists every problem with its file and line, or its variable.
  init(path: String?, environment: [String: String]) throws(Failure) {
    var problems: [String] = []
    if let path {
      let file = try YAMLFile(path: path)
      for (key, text) in Self.scalars(file.value) {
        let known = Self.all.first { $0.key == key }
        let problem =
          if let known { known.set(&self, text) } else if let name = Self.kafkaProperty(key) {
            setKafkaProperty(name, text)
          } else {
            "is unknown; accepted are \(Self.all.map(\.key).joined(separator: ", ")), "
              + "kafkaProperties.NAME"
          }
        if let problem { problems.append("\(path):\(file.line(of: key)): \(key): \(problem)") }
      }
    }
    for (variable, text) in environment.sorted(by: { $0.key.precedes($1.key) }) {
      if let known = Self.all.first(where: { $0.variable == variable }) {
        if let problem = known.set(&self, text) { problems.append("\(variable): \(problem)") }
      } else if variable.hasPrefix("SV0_KAFKA_") {
        let name = variable.dropFirst("SV0_KAFKA_".count).lowercased()
        _ = setKafkaProperty(name.replacing("_", with: "."), text)
      }
    }
    guard problems.isEmpty else {
      throw Failure(.configuration, problems.joined(separator: "\n"))
    }
  }

  func requireKafka() throws(Failure) -> String {
    guard let kafka else { throw Self.missing("kafka", "host:port of the Kafka brokers") }
    return kafka
  }

  func requirePostgres() throws(Failure) -> String {
    guard let postgres else { throw Self.missing("postgres", "the workers' connection URL") }
    return postgres
  }

  func requirePostgresOwner() throws(Failure) -> String {
    guard let postgresOwner else {
      throw Self.missing("postgresOwner", "the connection URL of the database's owner")
    }
    return postgresOwner
  }

  private static func missing(_ key: String, _ what: String) -> Failure {
    let variable = all.first { $0.key == key }?.variable ?? key
    return Failure(
      .configuration,
      "\(variable) is not set: \(what). Export it, or set '\(key)' in the --config file; "
        + "`sv0 local up` starts servers and prints the exports.")
  }

  private mutating func setKafkaProperty(_ name: String, _ text: String) -> String? {
    kafkaProperties[name] = text
    return nil
  }

  private static func kafkaProperty(_ key: String) -> String? {
    key.hasPrefix("kafkaProperties.") ? String(key.dropFirst("kafkaProperties.".count)) : nil
  }

  /// Dotted keys and texts of a file's scalars.
  private static func scalars(_ value: JSON, at key: String = "") -> [(String, String)] {
    switch value {
    case .object(let members):
      members.sorted { $0.key.precedes($1.key) }.flatMap {
        scalars($0.value, at: key.isEmpty ? $0.key : "\(key).\($0.key)")
      }
    case .array: [(key, "")]
    case .string(let text): [(key, text)]
    case .integer, .number, .bool, .null: [(key, value.text)]
    }
  }
}
