public import Extraction
internal import JSONReader
public import Model

/// What every connector must do, whatever its platform. The results are violations, for a person.
public enum ConnectorConformance {
  /// Checks what a connector says about itself.
  public static func violations(of connector: any Connector) -> [String] {
    var violations: [String] = []
    let collections = connector.catalog.collections
    if connector.version.split(separator: "/").count != 2 {
      violations.append("the version is not NAME/NUMBER")
    }
    if Set(collections.map(\.name)).count != collections.count {
      violations.append("two collections have the same name")
    }
    let operations = collections.flatMap(\.operations) + connector.catalog.authentication
    for collection in collections {
      let name = collection.name
      if collection.operations.isEmpty { violations.append("\(name) names no operation") }
      if !name.hasPrefix("\(connector.platform.rawValue).") || name.contains("@") {
        violations.append("\(name) is not named after the platform")
      }
    }
    for operation in operations
    where operation.permission.isEmpty || !operation.source.hasPrefix("https://") {
      violations.append("\(operation.name) lacks its permission or its source")
    }
    if connector.problems(settings: .null, credentials: .null).count < 2 {
      violations.append("settings and credentials that are no objects are not both refused")
    }
    if connector.problems(settings: ["nobody-knows": 1], credentials: ["nobody-knows": 1]).count < 2
    {
      violations.append("unknown keys are not refused")
    }
    return violations
  }

  /// Checks an attempt that came to its last word.
  ///
  /// - Parameter secrets: texts planted in the platform's answers and in the credentials.
  public static func violations(
    of attempt: PublishedAttempt, by connector: any Connector, dispatch: Dispatch,
    secrets: [String]
  ) -> [String] {
    var violations = attempt.faults
    guard let started = attempt.started, let ended = attempt.ended else {
      return violations + ["the attempt has no scan.started or no scan.ended"]
    }
    violations += order(attempt, started, ended)
    let key = dispatch.scope.description
    for message in attempt.messages {
      if message.key != Array(key.utf8) { violations.append("a message's key is not the scope") }
      if message.topic != Topic.scanProgress, message.partition != dispatch.rawPartition {
        violations.append("a message went to another partition than the dispatch names")
      }
    }
    let permitted = connector.catalog.operations
    for collection in attempt.collections {
      for call in collection.calls where !permitted.contains(call.operation) {
        violations.append("\(call.operation) was called and is not in the catalog")
      }
      for call in collection.calls where call.url.contains("?") {
        violations.append("\(call.operation) is on record with a query")
      }
      if collection.outcome != .complete, collection.message?.isEmpty ?? true {
        violations.append("\(collection.collection) is \(collection.outcome) without a reason")
      }
      if collection.outcome == .denied, collection.missing.isEmpty {
        violations.append("\(collection.collection) was denied and names no permission")
      }
    }
    let everything = attempt.everything
    for secret in secrets where everything.contains(secret) {
      violations.append("a planted secret left the worker")
    }
    return violations
  }

  private static func order(
    _ attempt: PublishedAttempt, _ started: ScanStarted, _ ended: ScanEnded
  ) -> [String] {
    var violations: [String] = []
    let names = attempt.collections.map(\.collection)
    if Set(names) != Set(started.collections) || names.count != started.collections.count {
      violations.append("not every collection that was started ended, once")
    }
    for collection in attempt.collections {
      let records = attempt.records(of: collection.collection)
      if records.map(\.sequence) != Array(0..<collection.records) {
        violations.append("\(collection.collection): sequences are not dense from 0")
      }
      if Set(records.map(\.key)).count != records.count {
        violations.append("\(collection.collection): two records have the same key")
      }
      let calls = Set(collection.calls.map(\.number))
      for record in records {
        if !calls.contains(record.call) {
          violations.append("\(collection.collection): a record's call is not listed")
        }
        if (try? JSONDocument(parsing: Array(record.text.utf8)))?.root.kind != .object {
          violations.append("\(collection.collection): a record is not a JSON object")
        }
      }
    }
    if ended.records != Int64(attempt.records.count) {
      violations.append("scan.ended counts other records than were sent")
    }
    guard case .heartbeat = attempt.progress.first?.phase else {
      return violations + ["the first progress is not a heartbeat"]
    }
    guard case .ended(let outcome, _) = attempt.progress.last?.phase, outcome == ended.outcome
    else {
      return violations + ["the last progress does not repeat the outcome of scan.ended"]
    }
    return violations
  }
}
