internal import Authentication
internal import JSONReader
public import Model

/// How a collection ended, when it did not end by itself.
public struct CollectionFailure: ClassifiedError, Equatable, CustomStringConvertible {
  public var outcome: Outcome
  /// For a person: what happened, what it means, what to do.
  public var message: String
  /// The permissions whose lack ended it.
  public var missing: [String]

  public init(_ outcome: Outcome, _ message: String, missing: [String] = []) {
    self.outcome = outcome
    self.message = message
    self.missing = missing
  }

  /// Always false: what could be repeated was repeated.
  public var isRetriable: Bool { false }
  public var description: String { message }

  /// The failure that an error amounts to.
  ///
  /// Only errors whose texts are known to hold no values are quoted.
  public init(_ error: any Error) {
    switch error {
    case let failure as CollectionFailure: self = failure
    case let error as any FailureConvertible: self = error.collectionFailure
    case let error as JSONError:
      self.init(.failed, "The platform's answer has not the expected form: \(error).")
    case let error as AuthenticationError: self.init(.failed, error.message)
    case let error as ConfigurationError: self.init(.failed, error.description)
    case let error as TransportError: self.init(.failed, error.message)
    default:
      self.init(.failed, "The connector failed with \(type(of: error)), which it should not.")
    }
  }
}

/// A platform's error that knows how it ends a collection.
public protocol FailureConvertible: Error {
  var collectionFailure: CollectionFailure { get }
}

extension Outcome {
  /// How a whole scan ended, by how its collections did.
  public static func combined(_ outcomes: [Outcome]) -> Outcome {
    let failures = Set(outcomes).subtracting([.complete, .unchanged, .unsupported])
    guard let first = failures.first else { return .complete }
    let isAllTheSame = failures.count == 1 && outcomes.allSatisfy { $0 == first }
    return isAllTheSame ? first : .partial
  }
}
