internal import Model

/// What the apply may do to one collection: a pure decision from what was counted.
///
/// Rule 2 of the architecture, in full: absence closes rows only in a complete, fully counted
/// collection without an unreadable record, in a newer epoch than the one last applied; and where
/// more than half of a collection of over 20 objects, or all of several, would go, they are only
/// marked as suspects and wait for a second complete listing a day later.
struct CollectionPlan: Equatable {
  var collection: String
  /// The outcome as recorded: never better than what the extractor said.
  var outcome: Outcome
  /// Why the recorded outcome differs, or what is held back.
  var message: String?
  var missing: [String]
  var records: Int64
  /// Whether the records are written.
  var writes: Bool
  /// What happens to open rows that the records do not confirm.
  var absence: Absence
  /// Whether the collection, or its scope, was retired after this epoch.
  var isRetired = false

  /// Whether the collection is from now on the one that this attempt said.
  var applies: Bool { writes && (outcome == .complete || records > 0) }

  enum Absence: Equatable {
    case kept, suspected, closed
  }
}

/// What was found in staging and in the graph about one collection of an attempt.
struct CollectionCount: Equatable {
  var ended: CollectionEnded
  /// Different sequence numbers in staging.
  var distinctSequences: Int64
  /// Tainted records whose object key could not be read.
  var taintedWithoutKey: Int64
  /// Objects with open rows, and how many of these have no record in this attempt.
  var openObjects: Int64
  var absentObjects: Int64
  /// The epoch the collection was last applied from.
  var appliedEpoch: Int64?
  /// The epoch in which it, or its scope, was last retired.
  var retiredEpoch: Int64?
}

extension CollectionPlan {
  init(_ count: CollectionCount, epoch: Int64) {
    let ended = count.ended
    collection = ended.collection
    outcome = ended.outcome
    message = ended.message
    missing = ended.missing
    records = count.distinctSequences
    absence = .kept
    isRetired = count.retiredEpoch.map { $0 >= epoch } ?? false
    guard !isRetired else {
      writes = false
      message = "retired since: nothing of this epoch is applied"
      return
    }
    writes = count.appliedEpoch.map { $0 < epoch } ?? true
    guard writes else {
      message = "a newer epoch was applied already"
      return
    }
    guard outcome == .complete else {
      // `unchanged` has no records; the others may have some, which are true as far as they go.
      return
    }
    if count.distinctSequences != ended.records {
      outcome = .partial
      message = "\(count.distinctSequences) of \(ended.records) records arrived"
    } else if count.taintedWithoutKey > 0 {
      outcome = .partial
      message = "\(count.taintedWithoutKey) records could not be read, not even their key"
    } else if Self.isSuspect(open: count.openObjects, absent: count.absentObjects) {
      absence = .suspected
      message =
        "\(count.absentObjects) of \(count.openObjects) objects are gone at once: kept as suspects "
        + "until a second complete listing at least a day later, or a person confirms them "
        + "(sv0 removals)"
    } else {
      absence = .closed
    }
  }

  /// More than half of a collection of over 20, or falling to zero from more than one.
  static func isSuspect(open: Int64, absent: Int64) -> Bool {
    (open > 20 && absent * 2 > open) || (open > 1 && absent == open)
  }
}
