/// A PostgreSQL error code of five characters; the first two are its class.
///
/// Source: https://www.postgresql.org/docs/15/errcodes-appendix.html
public struct SQLState: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: String

  public init(rawValue: String) {
    self.rawValue = rawValue
  }

  public var description: String { rawValue }

  /// The first two characters: `23` for every integrity violation.
  public var errorClass: String { String(rawValue.prefix(2)) }

  public static let unableToConnect = Self(rawValue: "08001")
  public static let connectionFailure = Self(rawValue: "08006")
  public static let commitOutcomeUnknown = Self(rawValue: "08007")
  public static let notNullViolation = Self(rawValue: "23502")
  public static let foreignKeyViolation = Self(rawValue: "23503")
  public static let uniqueViolation = Self(rawValue: "23505")
  public static let checkViolation = Self(rawValue: "23514")
  public static let inFailedTransaction = Self(rawValue: "25P02")
  public static let idleInTransactionTimeout = Self(rawValue: "25P03")
  public static let invalidPassword = Self(rawValue: "28P01")
  public static let invalidAuthorization = Self(rawValue: "28000")
  public static let unknownDatabase = Self(rawValue: "3D000")
  public static let serializationFailure = Self(rawValue: "40001")
  public static let deadlockDetected = Self(rawValue: "40P01")
  public static let insufficientPrivilege = Self(rawValue: "42501")
  public static let undefinedColumn = Self(rawValue: "42703")
  public static let undefinedTable = Self(rawValue: "42P01")
  public static let diskFull = Self(rawValue: "53100")
  public static let tooManyConnections = Self(rawValue: "53300")
  public static let lockNotAvailable = Self(rawValue: "55P03")
  public static let queryCanceled = Self(rawValue: "57014")
  public static let adminShutdown = Self(rawValue: "57P01")
  public static let crashShutdown = Self(rawValue: "57P02")
  public static let cannotConnectNow = Self(rawValue: "57P03")

  /// Whether the same work may succeed later without anybody changing it.
  var isTransient: Bool {
    switch self {
    case .commitOutcomeUnknown: false
    case .serializationFailure, .deadlockDetected, .idleInTransactionTimeout, .lockNotAvailable,
      .queryCanceled, .adminShutdown, .crashShutdown, .cannotConnectNow:
      true
    default: errorClass == "08" || errorClass == "53"
    }
  }

  /// What it means and what to do, for the person on call; `nil` where the message says it all.
  var advice: String? {
    switch self {
    case .commitOutcomeUnknown:
      "The transaction may or may not be stored: read its effect back before repeating the work."
    case .uniqueViolation: "A row with this key exists already."
    case .foreignKeyViolation: "A row refers to one that does not exist."
    case .notNullViolation, .checkViolation: "A value breaks a rule of the table."
    case .inFailedTransaction: "An earlier statement of this transaction failed; see its error."
    case .idleInTransactionTimeout:
      "The worker paused too long inside a transaction; nothing was stored."
    case .invalidPassword, .invalidAuthorization:
      "The server refused the user: check user, password and pg_hba.conf."
    case .unknownDatabase: "Check the database name in the connection string."
    case .serializationFailure, .deadlockDetected:
      "Concurrent transactions collided; nothing was stored, the work can be repeated."
    case .insufficientPrivilege: "The role lacks a grant: compare it with the migrations."
    case .undefinedTable, .undefinedColumn:
      "The schema is older or newer than this program: run the migrations."
    case .diskFull: "The server's disk is full; nothing can be stored until space is freed."
    case .tooManyConnections: "Raise max_connections, or lower this worker's maximum."
    case .lockNotAvailable: "Another transaction holds a lock; the work can be repeated."
    case .queryCanceled:
      "The statement timeout passed or an operator cancelled it; nothing was stored."
    case .adminShutdown, .crashShutdown:
      "The server ended the connection, usually for a restart; the work can be repeated."
    case .cannotConnectNow: "The server is starting up or shutting down; try again."
    case .unableToConnect:
      "Is the server running there and reachable? Check host, port, firewall and TLS mode."
    case .connectionFailure:
      "Nothing was stored by this transaction; the work can be repeated on a new connection."
    default: nil
    }
  }
}
