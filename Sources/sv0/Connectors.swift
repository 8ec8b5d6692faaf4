internal import AWSConnector
internal import Extraction
internal import Logging
internal import Model
internal import Scheduling

/// Every connector there is. A new platform is a line here.
enum Connectors {
  static let all: [any Connector] = [AWSConnector()]

  static func of(_ platform: Platform) throws(Failure) -> any Connector {
    guard let connector = all.first(where: { $0.platform == platform }) else {
      throw Failure(.bug, "no connector is registered for \(platform.rawValue)")
    }
    return connector
  }

  /// What each connector offers to read.
  static var collections: [Platform: [OfferedCollection]] {
    Dictionary(uniqueKeysWithValues: all.map { ($0.platform, $0.catalog.offers) })
  }

  /// Lists the accounts of organizations, of the platforms that have them: each within a minute.
  static func accountSources(
    _ transport: any Transport, _ log: Logger
  ) -> [Platform: AccountListing.Source] {
    var sources: [Platform: AccountListing.Source] = [:]
    for connector in all {
      guard let discovery = connector as? any AccountDiscovery else { continue }
      sources[connector.platform] = { settings, credentials in
        let context = AttemptContext(
          transport: transport,
          surroundings: Surroundings(now: Context.now, random: { Double.random(in: 0..<1) }),
          statistics: AttemptStatistics(), log: log)
        do {
          return try await within(.seconds(60)) {
            .accounts(
              try await discovery.accounts(
                settings: settings, credentials: credentials, in: context))
          }
        } catch {
          let reason = CollectionFailure(error).message
          log.warning("accounts could not be listed", metadata: ["reason": "\(reason)"])
          return .failed(reason: reason)
        }
      }
    }
    return sources
  }

  private static func within(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> AccountListing
  ) async throws -> AccountListing {
    try await withThrowingTaskGroup(of: AccountListing.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: limit)
        return .failed(reason: "not finished within \(limit)")
      }
      defer { group.cancelAll() }
      return try await group.next() ?? .failed(reason: "not begun")
    }
  }

  /// What each connector has to say about a connection file.
  static var rules: [Platform: ConnectionRules] {
    Dictionary(
      uniqueKeysWithValues: all.map { connector in
        let rules = ConnectionRules(
          collections: connector.catalog.offers,
          problems: { connector.problems(settings: $0, credentials: $1) })
        return (connector.platform, rules)
      })
  }
}

extension Catalog {
  fileprivate var offers: [OfferedCollection] {
    collections.map { OfferedCollection($0.name, isRoadmap: $0.isRoadmap) }
  }
}
