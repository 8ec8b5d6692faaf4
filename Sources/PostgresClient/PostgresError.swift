internal import CPostgres
public import Model

/// A failure of this target, safe to log: it never holds parameters, row values or a password.
///
/// The server's DETAIL and CONTEXT are never read, because they quote rows; quoted values in
/// messages of class 22 (data exceptions) are cut out.
public struct PostgresError: ClassifiedError, Sendable, CustomStringConvertible {
  /// What kind of thing failed.
  public enum Kind: Sendable, Equatable {
    /// The connection string or a setting is wrong.
    case configuration
    /// No connection could be opened.
    case connect
    /// An open connection broke.
    case connectionLost
    /// The server refused a statement; `sqlState` says why.
    case server
    /// The connection broke during COMMIT: stored or not, nobody knows. Never retried here.
    case commitOutcomeUnknown
    /// The pool's waiting line is full, or it is closed, or the process ran out of threads.
    case pool
    /// A column is missing, null, or of another type than asked for.
    case decoding
    /// A call that this target does not allow; a bug in the caller.
    case misuse
  }

  public var kind: Kind
  /// The server's code, or the nearest one of class 08 for connections; `nil` otherwise.
  public var sqlState: SQLState?
  /// The primary message, without values.
  public var message: String
  public var schema: String?
  public var table: String?
  public var column: String?
  public var constraint: String?
  /// Character of the statement the server points at, from 1.
  public var position: Int?
  /// Index in the list given to `pipeline`, from 0.
  public var statementIndex: Int?
  /// Whether the same work may succeed later, on a new connection, without anybody changing it.
  public var isRetriable: Bool

  init(_ kind: Kind, _ sqlState: SQLState? = nil, _ message: String, isRetriable: Bool? = nil) {
    self.kind = kind
    self.sqlState = sqlState
    self.message = message
    self.isRetriable = isRetriable ?? sqlState?.isTransient ?? false
  }

  public var description: String {
    var text = "Postgres"
    if let sqlState { text += " \(sqlState)" }
    if let statementIndex { text += " in statement \(statementIndex)" }
    text += ": \(message)"
    let names = [
      ("table", [schema, table].compactMap(\.self).joined(separator: ".")),
      ("column", column ?? ""), ("constraint", constraint ?? ""),
      ("position", position.map(String.init) ?? ""),
    ].filter { !$0.1.isEmpty }.map { "\($0.0) \($0.1)" }
    if !names.isEmpty { text += " (\(names.joined(separator: ", ")))" }
    if let advice = sqlState?.advice { text += ". \(advice)" }
    return text
  }

  /// Whether a whole transaction may be repeated at once: 40001 and 40P01.
  var isTransactionConflict: Bool {
    kind == .server && (sqlState == .serializationFailure || sqlState == .deadlockDetected)
  }

  static func outOfResources(_ message: String) -> Self {
    Self(.pool, nil, "\(message); raise the process's limits", isRetriable: true)
  }

  static func lost(_ message: String) -> Self {
    Self(.connectionLost, .connectionFailure, message)
  }
}

extension PostgresError {
  /// The error of a failed result; `nil` when the server sent none, because the connection broke.
  init?(result: OpaquePointer) {
    func field(_ code: Unicode.Scalar) -> String? {
      guard let text = PQresultErrorField(result, Int32(code.value)) else { return nil }
      return String(cString: text)
    }
    guard let code = field("C") else { return nil }
    let state = SQLState(rawValue: code)
    let message = field("M") ?? "no message"
    self.init(
      .server, state, state.errorClass == "22" ? PostgresError.withoutValues(message) : message)
    schema = field("s")
    table = field("t")
    column = field("c")
    constraint = field("n")
    position = field("P").flatMap { Int($0) }
  }

  /// Cuts what a data exception may quote: from the first to the last double quote, because values
  /// may hold quotes themselves, and what follows the first colon outside of them.
  ///
  /// `invalid input syntax for type integer: "x"` becomes `invalid input syntax for type integer`.
  static func withoutValues(_ message: String) -> String {
    var text = message
    if let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""), first < last {
      text.replaceSubrange(first...last, with: "\"…\"")
    }
    if let colon = text.firstIndex(of: ":") { text = String(text[..<colon]) }
    return text
  }
}
