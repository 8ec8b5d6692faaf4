internal import Authentication
internal import Cryptography
internal import Evaluation
internal import KafkaClient
internal import Loading
internal import LocalStack
internal import Model
internal import Observability
internal import Pipeline
internal import PostgresClient
internal import Scheduling
internal import Schema

/// Why a command ends, for the person who called it, and the exit code that says so to a script.
struct Failure: Error, CustomStringConvertible {
  /// The codes of `sysexits.h` that `sv0` uses.
  enum Code: Int32 {
    /// Done, with findings or outcomes that the caller asked to fail on.
    case outcome = 1
    case usage = 64
    case badData = 65
    case unreachable = 69
    case bug = 70
    case tryAgain = 75
    case permission = 77
    case configuration = 78
  }

  let code: Code
  /// What happened, what it means, what to do.
  let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  /// The failure that an error of a target means; `nil` for one that nobody here knows.
  init?(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as PostgresError: self.init(Self.code(of: error), "\(error)")
    case let error as KafkaError: self.init(Self.code(of: error), "\(error)")
    case let error as BadMessage: self.init(.badData, "\(error)")
    // A topic that is not the one that was read before: an operator decides.
    case let error as LoadingError where !error.isRetriable:
      self.init(.configuration, "\(error)")
    case let error as SchedulingError where error.kind == .refused:
      self.init(.outcome, "\(error)")
    case let error as SchedulingError:
      self.init(
        error.cause.map(Self.code(of:)) ?? (error.isRetriable ? .tryAgain : .bug), "\(error)")
    case let error as EvaluationError: self.init(.configuration, "\(error)")
    case let error as AddressUnavailable: self.init(.configuration, "\(error)")
    case let error as CryptographyError: self.init(.configuration, "\(error)")
    case let error as SchemaError: self.init(.configuration, "\(error)")
    case let error as LocalStackError: self.init(.unreachable, "\(error)")
    case let error as any ClassifiedError:
      self.init(error.isRetriable ? .tryAgain : .bug, "\(error)")
    default: return nil
    }
  }

  /// Every problem of a file at once, each with file, line, key and what is accepted.
  static func configuration(_ problems: [ConfigurationProblem], in file: YAMLFile) -> Failure {
    let lines = problems.map { (file.line(of: $0.key), "\($0)") }
    let sorted = lines.sorted { $0.0 == $1.0 ? $0.1.precedes($1.1) : $0.0 < $1.0 }
    return Failure(
      .configuration,
      sorted.map { "\(file.path):\($0.0): \($0.1)" }.joined(separator: "\n"))
  }

  private static func code(of error: PostgresError) -> Code {
    switch (error.kind, error.sqlState?.errorClass) {
    case (.configuration, _): .configuration
    case (_, "28"): .permission
    case (_, "42") where error.sqlState == .insufficientPrivilege: .permission
    case (.connect, _), (.connectionLost, _): .unreachable
    // A table that is not there: the database was not migrated.
    case (_, "42"), (_, "3D"): .configuration
    default: error.isRetriable ? .tryAgain : .bug
    }
  }

  private static func code(of error: KafkaError) -> Code {
    switch error.code {
    case .brokerUnreachable, .timedOut: .unreachable
    case .authenticationFailed, .authorizationFailed: .permission
    // Another process has the same SV0_INSTANCE.
    case .configuration, .unknownTopic, .memberFenced: .configuration
    default: error.isRetriable ? .tryAgain : .bug
    }
  }
}
