internal import Logging
internal import Metrics
package import Model
internal import Pipeline

/// A record of a finished attempt that a person had delivered again, because it could not be read
/// the first time.
///
/// Invariants:
/// 1. It is written only while its collection holds what its attempt left: whatever else was
///    applied since, or retired, is newer, and it is superseded.
/// 2. It belongs to its attempt's epoch: what it opens begins there, in a new version of the graph.
/// 3. It closes only versions that it replaces. A removal, or a record that still cannot be read,
///    changes nothing; how the collection ended stays as it was.
/// 4. Written a second time it changes nothing, not even the version of the graph.
package struct ReplayedRecord: Sendable {
  package var attempt: Attempt
  package var record: StagedRecord
  package var at: Timestamp

  package init(attempt: Attempt, record: StagedRecord, at: Timestamp) {
    self.attempt = attempt
    self.record = record
    self.at = at
  }
}

/// What became of a replayed record.
package enum Upserted: Sendable, Equatable {
  case written(epoch: Int64, graphVersion: Int64)
  case unchanged, superseded

  var word: String {
    switch self {
    case .written: "written"
    case .unchanged: "unchanged"
    case .superseded: "superseded"
    }
  }
}

extension Loader {
  func upsert(_ replayed: ReplayedRecord, under claim: Claim) async throws {
    let upserted: Upserted
    do {
      upserted = try await store.upsert(replayed, under: claim)
    } catch let error as RefusedData {
      throw BadMessage.unstorable(error)
    }
    Counter(label: "sv0_loader_replayed_total", dimensions: [("result", upserted.word)])
      .increment()
    log.notice(
      "replayed record",
      metadata: replayed.attempt.metadata.merging([
        "collection": "\(replayed.record.collection)", "sequence": "\(replayed.record.sequence)",
        "result": "\(upserted.word)",
      ]) { $1 })
    if case .written(let epoch, let graphVersion) = upserted {
      try await wake(replayed.attempt, epoch: epoch, graphVersion: graphVersion)
    }
  }
}
