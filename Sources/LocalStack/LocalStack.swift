public import Foundation

/// Private servers for tests, the demo and development: a Kafka-protocol broker, PostgreSQL, and
/// moto (an AWS API server).
///
/// ```swift
/// let environment = try await LocalStack.up(directory: ".sv0", services: [.broker, .postgres])
/// print(environment.exportLines.joined(separator: "\n"))  // export SV0_KAFKA='127.0.0.1:40123' …
/// try await LocalStack.down(directory: ".sv0")
/// ```
///
/// Invariants:
/// 1. A server is identified by process id *and* start time, so that `down` never signals a
///    process that got a recycled id. Nothing is ever searched for by name.
/// 2. The state file in the directory is written before a server is waited for: whatever
///    interrupts `up`, `down` finds what it started.
/// 3. `up` returns when every server answers its own protocol, on a socket that our process holds.
///    A port is chosen by the kernel; a port lost to someone else in between is chosen again.
/// 4. `up` is repeatable: a running stack answers the same environment. If one of its servers has
///    died the whole stack starts afresh, because a broker's offsets and the positions that
///    Postgres holds belong together.
/// 5. A failed `up` stops what that call started, and removes its data.
///
/// The servers are daemons in sessions of their own and outlive the caller. Their data is in a
/// fresh directory under the temporary directory (`postgres` cannot read root's home), the state
/// file (mode 0600: it holds throw-away passwords) and logs are in the given directory; `down`
/// leaves only the logs. Calls on one directory, from any process, take turns under a file lock.
///
/// Settings that are read: `SV0_VENV` (Python environment; default: the nearest `.venv` upward),
/// `SV0_POSTGRES_BIN` (default `/usr/lib/postgresql/15/bin`), and `SV0_KAFKA`, `SV0_POSTGRES` with
/// `SV0_POSTGRES_OWNER`, `SV0_MOTO`: where one is set that service is not started; it is checked
/// that it answers, and passed through.
public enum LocalStack {
  /// A server of the stack.
  public enum Service: String, Codable, CaseIterable, Sendable {
    case broker, postgres, moto

    /// The variables that hold this service's address; all or none are set by the user.
    var variables: [String] {
      switch self {
      case .broker: ["SV0_KAFKA"]
      case .postgres: ["SV0_POSTGRES", "SV0_POSTGRES_OWNER"]
      case .moto: ["SV0_MOTO"]
      }
    }
  }

  /// How to reach the servers: `SV0_KAFKA` (`host:port`), `SV0_POSTGRES` and `SV0_POSTGRES_OWNER`
  /// (URLs with passwords; worker and owner role), `SV0_MOTO` (URL).
  public struct Environment: Sendable, Equatable {
    public let variables: [String: String]

    /// One shell line a variable, sorted by name, for `eval "$(sv0 local up)"`.
    public var exportLines: [String] {
      variables.sorted { $0.key < $1.key }.map { name, value in
        "export \(name)='\(value.replacingOccurrences(of: "'", with: "'\\''"))'"
      }
    }
  }

  /// Starts the services that do not run yet and waits until all answer.
  ///
  /// - Parameters:
  ///   - directory: holds the state file and logs; created if absent. One stack per directory.
  ///   - settings: the variables named above; the process's own by default.
  /// - Throws: what is missing and how to install it, or the tail of the failed server's log.
  public static func up(
    directory: String, services: Set<Service>,
    settings: [String: String] = ProcessInfo.processInfo.environment
  ) async throws(LocalStackError) -> Environment {
    try await up(directory: directory, services: services, settings: settings, ports: Port.free)
  }

  static func up(
    directory: String, services: Set<Service>, settings: [String: String],
    ports: @Sendable @escaping () throws(LocalStackError) -> UInt16
  ) async throws(LocalStackError) -> Environment {
    let given = try GivenServers(services: services, settings: settings)
    try given.checkAnswering(settings: settings)
    let folder = try StackDirectory(path: directory)
    let lock = try await folder.lock()
    defer { lock.release() }

    var state = try folder.readState()
    if let found = state, !found.servers.allSatisfy({ $0.isReady && $0.process.isRunning }) {
      try await stop(found, in: folder)
      state = nil
    }
    let running = Set(state?.servers.map(\.service) ?? [])
    let missing = Service.allCases.filter {
      services.contains($0) && !given.services.contains($0) && !running.contains($0)
    }
    if !missing.isEmpty {
      let starter = Starter(folder: folder, programs: Programs(settings: settings), ports: ports)
      state = try await starter.start(missing, beside: state)
    }
    let own = state?.servers.map(\.variables) ?? []
    return Environment(
      variables: (own + [given.variables]).reduce(into: [:]) { $0.merge($1) { _, new in new } })
  }

  /// Stops exactly what `up` started in this directory, and removes its data and the state file.
  ///
  /// Each server is asked to stop and killed after ten seconds. Without a stack it does nothing.
  /// - Returns: the services that were running.
  @discardableResult
  public static func down(directory: String) async throws(LocalStackError) -> [Service] {
    guard FileManager.default.fileExists(atPath: directory) else { return [] }
    let folder = try StackDirectory(path: directory)
    let lock = try await folder.lock()
    defer { lock.release() }
    guard let state = try folder.readState() else { return [] }
    let running = state.servers.filter(\.process.isRunning).map(\.service)
    try await stop(state, in: folder)
    return running
  }

  private static func stop(
    _ state: StackState, in folder: StackDirectory
  ) async throws(LocalStackError) {
    for server in state.servers.reversed() {
      await server.process.stop(signal: server.service.stopSignal)
    }
    try state.removeData()
    try folder.removeState()
  }
}
