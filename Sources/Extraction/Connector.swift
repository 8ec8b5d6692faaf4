public import Authentication
public import Logging
public import Model

/// A platform, as the workers see it.
///
/// A connector holds no state between attempts. It makes only calls that its catalog declares, and
/// publishes no secret: fields that may hold one are reduced before `CollectionOutput.publish`.
public protocol Connector: Sendable {
  var platform: Platform { get }
  /// Name and version, as evidence shows them: `aws/1`.
  var version: String { get }
  /// Every read that the connector can make.
  var catalog: Catalog { get }
  /// The repository's files that follow from the catalog, by path: what a customer deploys, and the
  /// reference.
  var documents: [String: String] { get }
  var normalizer: any Normalizer { get }

  /// Everything that is wrong with a connection's `settings` and `credentials`.
  func problems(settings: JSON, credentials: JSON) -> [ConfigurationProblem]

  /// Turns a dispatch into units of work, without any call.
  ///
  /// - Throws: all problems of the configuration at once.
  func prepare(
    _ dispatch: Dispatch, in context: AttemptContext
  ) throws(ConfigurationError) -> PreparedScan
}

extension Connector {
  public var documents: [String: String] { [:] }
}

/// What one attempt gives its connector to work with.
public struct AttemptContext: Sendable {
  public var transport: any Transport
  public var surroundings: Surroundings
  public var statistics: AttemptStatistics
  public var log: Logger
  /// The rates of what all attempts of the worker draw on together; `nil` where there is one alone.
  public var workerRates: RateLimiter?

  public init(
    transport: any Transport, surroundings: Surroundings, statistics: AttemptStatistics,
    log: Logger, workerRates: RateLimiter? = nil
  ) {
    self.transport = transport
    self.surroundings = surroundings
    self.statistics = statistics
    self.log = log
    self.workerRates = workerRates
  }
}

/// An attempt's work, ready to start.
public struct PreparedScan: Sendable {
  /// Obtains the credentials and checks that they are for the scope; its calls go to the log.
  public var authenticate: @Sendable (CallLog) async throws -> Void
  public var units: [ExtractionUnit]

  public init(
    authenticate: @escaping @Sendable (CallLog) async throws -> Void, units: [ExtractionUnit]
  ) {
    self.authenticate = authenticate
    self.units = units
  }

  public var collections: [String] { units.flatMap(\.collections) }
}

/// Collections that are read together, because the same calls feed them.
public struct ExtractionUnit: Sendable {
  /// The collections that were asked for, at least one.
  public var collections: [String]
  /// Reads them. An error ends those that have not ended, in the same way; otherwise they are
  /// `complete` when it returns.
  public var body: @Sendable (UnitOutput) async throws -> Void

  public init(
    collections: [String], body: @escaping @Sendable (UnitOutput) async throws -> Void
  ) {
    self.collections = collections
    self.body = body
  }
}

/// Which collections a dispatch asks for: names, prefixes that end in `*`, or nothing for all.
///
/// The name of a regional collection without its region means all regions.
public struct CollectionSelection: Sendable {
  private let patterns: [String]

  public init(_ patterns: [String]) {
    self.patterns = patterns
  }

  public func includes(_ collection: String) -> Bool {
    patterns.isEmpty
      || patterns.contains { pattern in
        pattern.hasSuffix("*")
          ? collection.hasPrefix(pattern.dropLast())
          : collection == pattern || collection.hasPrefix(pattern + "@")
      }
  }

  /// The same for a collection that is read only where it is named: by its name, or by a prefix
  /// that reaches into its service (`aws.kms.*`); not by `aws.*`, nor by nothing.
  public func names(_ collection: String) -> Bool {
    let service = collection.split(separator: ".").prefix(2).joined(separator: ".") + "."
    let specific = patterns.filter { !$0.hasSuffix("*") || $0.hasPrefix(service) }
    return !specific.isEmpty && CollectionSelection(specific).includes(collection)
  }
}
