internal import AWSConnector
internal import Extraction
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
