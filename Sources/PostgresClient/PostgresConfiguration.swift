internal import CPostgres

/// Where to connect and how patiently; it may hold a password and prints none.
public struct PostgresConfiguration: Sendable, CustomStringConvertible, CustomReflectable {
  /// The most connections open at once. Further transactions wait their turn.
  public var maximumConnections = 4
  /// The most transactions waiting for a connection. Beyond it they fail with a retriable error.
  public var maximumWaiters = 1000
  public var connectTimeout: Duration = .seconds(10)
  /// The server ends a statement after this, unless the transaction's options say otherwise.
  public var statementTimeout: Duration = .seconds(60)
  /// Shown in `pg_stat_activity`, unless the connection string names one.
  public var applicationName = "sv0"

  let connectionString: String
  let host: String
  let port: String
  let database: String

  /// Reads a `postgresql://` URL or a `key=value` string, as libpq understands them.
  ///
  /// What the string leaves out comes from libpq's environment variables and defaults.
  /// - Throws: `PostgresError` of kind `configuration` that does not quote the string.
  public init(_ connectionString: String) throws(PostgresError) {
    let hint =
      "expected postgresql://user:password@host:port/database, with special characters of the "
      + "password percent-encoded; the string is not shown, it may hold a password"
    var failure: UnsafeMutablePointer<CChar>?
    let options = PQconninfoParse(connectionString, &failure)
    // libpq's own message quotes pieces of the string.
    PQfreemem(failure)
    guard let options else {
      throw PostgresError(.configuration, nil, "the connection string cannot be read: \(hint)")
    }
    defer { PQconninfoFree(options) }
    var values: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        values[String(cString: keyword)] = String(cString: value)
      }
      option += 1
    }
    self.connectionString = connectionString
    host = values["host"] ?? values["hostaddr"] ?? "default host"
    port = values["port"] ?? "5432"
    database = values["dbname"] ?? "default"
    // An unescaped `@`, `/` or `:` of a password moves a part of it into a field that errors show.
    guard !host.contains("@"), !database.contains("@"),
      port.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ",") })
    else {
      throw PostgresError(
        .configuration, nil, "the connection string's host, port or database is not one: \(hint)")
    }
  }

  /// Host, port and database.
  public var description: String { "\(host):\(port)/\(database)" }

  public var customMirror: Mirror { Mirror(self, children: ["server": description]) }

  /// Keywords for `PQconnectStartParams`. A later one wins, and `dbname` expands to the string.
  var parameters: [(String, String)] {
    [
      ("fallback_application_name", applicationName),
      // Kerberos negotiation blocks, and the password methods do not need it.
      ("gssencmode", "disable"),
      // A server that vanished is noticed within half a minute, also while nothing is sent.
      ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
      ("tcp_user_timeout", "30000"),
      ("dbname", connectionString),
      ("client_encoding", "UTF8"),
    ]
  }
}
