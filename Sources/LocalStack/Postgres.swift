import Foundation
import Glibc

/// A private PostgreSQL cluster on loopback, without a Unix socket.
///
/// Superuser `sv0_owner` owns the database `sv0`; the workers log in as `sv0`, a member of the
/// group roles that row-level security is written for. Passwords are random and never in an
/// argument list.
struct Postgres: Server {
  private let programs: (initdb: String, postgres: String, psql: String)
  private let data: String
  private let log: String
  private let ownerPassword = randomPassword()
  private let workerPassword = randomPassword()
  private var cluster: String { "\(data)/cluster" }

  static let groupRoles = ["sv0_worker", "sv0_loader", "sv0_queue"]

  init(programs: Programs, data: String, log: String) throws(LocalStackError) {
    self.programs = try (
      programs.postgres("initdb"), programs.postgres("postgres"), programs.postgres("psql")
    )
    self.data = data
    self.log = log
  }

  /// Creates the cluster. It is thrown away, so nothing waits for the disk.
  func initialize() async throws(LocalStackError) {
    let passwordFile = "\(data)/password"
    try makeFolder()
    try write(ownerPassword, to: passwordFile)
    try await Launch(
      command: asServerUser([
        programs.initdb, "--pgdata=\(cluster)", "--username=sv0_owner",
        "--auth=scram-sha-256", "--pwfile=\(passwordFile)", "--encoding=UTF8",
        "--locale=C.UTF-8", "--no-sync",
      ]), log: log
    ).run()
    unsafe unlink(passwordFile)
  }

  func launch(port: UInt16) -> Launch {
    let settings = [
      "listen_addresses=127.0.0.1", "port=\(port)", "unix_socket_directories=", "fsync=off",
    ]
    return Launch(
      command: asServerUser(
        [programs.postgres, "-D", cluster] + settings.flatMap { ["-c", $0] }), log: log)
  }

  /// Accepting is enough here: `prepare` runs the first statements, and retries.
  func answers(port: UInt16) -> Bool { Probe.accepts(host: "127.0.0.1", port: port) }

  func prepare(port: UInt16) async throws(LocalStackError) -> [String: String] {
    let groups = Self.groupRoles
    let statements =
      groups.map { "CREATE ROLE \($0) NOLOGIN;" } + [
        "CREATE ROLE sv0 LOGIN NOINHERIT PASSWORD '\(workerPassword)' IN ROLE \(groups.joined(separator: ", "));",
        "CREATE DATABASE sv0 OWNER sv0_owner;",
      ]
    try await waitUntilAnswering(port: port)
    let script = "\(data)/roles.sql"
    try write(statements.joined(separator: "\n"), to: script)
    defer { unsafe unlink(script) }
    try await psql(["--file=\(script)"], port: port).run()
    let address = "127.0.0.1:\(port)/sv0"
    return [
      "SV0_POSTGRES": "postgresql://sv0:\(workerPassword)@\(address)",
      "SV0_POSTGRES_OWNER": "postgresql://sv0_owner:\(ownerPassword)@\(address)",
    ]
  }

  /// The socket is open shortly before the server accepts sessions ("is starting up").
  private func waitUntilAnswering(port: UInt16) async throws(LocalStackError) {
    var attempts = 0
    while true {
      do {
        return try await psql(["--command=SELECT 1"], port: port).run()
      } catch {
        attempts += 1
        guard attempts < 20, case .ended(_, _, let tail) = error, tail.contains("starting up")
        else { throw error }
      }
    }
  }

  private func psql(_ arguments: [String], port: UInt16) -> Launch {
    Launch(
      command: [
        programs.psql, "--no-psqlrc", "--quiet", "--tuples-only", "--set=ON_ERROR_STOP=1",
      ] + arguments,
      environment: [
        "PGHOST": "127.0.0.1", "PGPORT": String(port), "PGUSER": "sv0_owner",
        "PGPASSWORD": ownerPassword, "PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "10",
      ], log: log.replacingOccurrences(of: ".log", with: "-roles.log"))
  }

  // MARK: Running as `postgres`

  /// PostgreSQL refuses to run as root.
  private var isRoot: Bool { geteuid() == 0 }

  private func asServerUser(_ command: [String]) -> [String] {
    guard isRoot else { return command }
    return ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + command
  }

  private func makeFolder() throws(LocalStackError) {
    guard unsafe mkdir(data, 0o700) == 0 else {
      throw .system("making \(data)", reason: lastReason())
    }
    try handOver(data)
  }

  /// Writes a file that only the server's user can read.
  private func write(_ text: String, to path: String) throws(LocalStackError) {
    guard
      FileManager.default.createFile(
        atPath: path, contents: Data((text + "\n").utf8), attributes: [.posixPermissions: 0o600])
    else { throw .system("writing \(path)", reason: lastReason()) }
    try handOver(path)
  }

  private func handOver(_ path: String) throws(LocalStackError) {
    guard isRoot else { return }
    guard let user = unsafe getpwnam("postgres") else {
      throw .missingProgram("PostgreSQL's system user `postgres`", path: "/etc/passwd entry")
    }
    guard unsafe chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
      throw .system("giving \(path) to postgres", reason: lastReason())
    }
  }
}

/// 128 random bits as hexadecimal digits: needs no quoting in SQL, URLs or shells.
private func randomPassword() -> String {
  var generator = SystemRandomNumberGenerator()
  return [generator.next(), generator.next()].map { (half: UInt64) in
    let digits = String(half, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }.joined()
}
