package import Model

/// What the apply may do to one collection: a pure decision from what was counted.
///
/// Invariants:
/// 1. Absence closes rows only in a complete, fully counted `full` listing without a record that
///    cannot be read, not even its key, in a newer epoch than the one last applied and than the one
///    in which the collection was retired.
/// 2. Where more than half of a collection of over 20 objects, or all of several, would go, they
///    are only marked as suspects and wait for a second complete listing a day later.
/// 3. A `delta` is applied only where the collection was left at the token that it began from. It
///    closes the objects that a record names as removed, and only if it is complete, fully counted,
///    and every record could be read; else it is `partial`, and what it adds is true all the same.
/// 4. `activity` closes nothing.
/// 5. A stored token says that the graph has everything up to it: it moves only with a complete
///    listing of which nothing is held back. A `full` one that holds something back, suspects or
///    a record that cannot be read, leaves none, so that the next listing is `full` again; a delta
///    or a listing of activity leaves the token it began from, so that the same is told again.
/// 6. The recorded outcome is never better than what the extractor said.
/// 7. Records that were emitted again prove nothing new: they close only what present objects no
///    longer say, move no token, and leave the collection as old as it was.
///
/// ```
/// collection.ended ─┬─ retired, or of an older epoch ─────────────► nothing
///                   ├─ delta from another token ──────────────────► nothing, partial
///                   ├─ not complete, not counted, not readable ───► written, nothing closed
///                   ├─ emitted again ─────────────────────────────► written, what is unsaid closed
///                   └─ complete ─┬─ full ─┬─ too much is gone ────► written, suspects
///                                │        └───────────────────────► written, absent closed
///                                ├─ delta ────────────────────────► written, named closed
///                                └─ activity ─────────────────────► written
/// ```
package struct CollectionPlan: Sendable, Equatable {
  /// What the extractor said.
  package var ended: CollectionEnded
  /// The outcome as recorded.
  package var outcome: Outcome
  /// Why the recorded outcome differs, or what is held back.
  package var message: String?
  /// How many records were found.
  package var records: Int64
  /// Whether the records are written.
  package var writes: Bool
  package var closes = Closing.nothing
  package var token = TokenChange.kept
  /// Whether the collection, or its scope, was retired after this epoch.
  package var isRetired = false

  package var collection: String { ended.collection }

  /// Whether the collection is from now on the one that this attempt said.
  package var applies: Bool { writes && (outcome == .complete || records > 0) }

  /// Whether the collection is as of this epoch what the platform has.
  package var isCurrent: Bool { writes && outcome == .complete }

  /// Whether what is absent from this epoch is gone, or a suspect.
  package var provesAbsence: Bool {
    isCurrent && ended.kind == .full && ended.asOf == nil && outcome.provesAbsence
  }

  /// When the outcome was known, and the collection current, if it is.
  ///
  /// - Parameter now: when it is not as old as it says.
  package func known(at now: Timestamp) -> Timestamp { min(ended.asOf ?? now, now) }

  /// Which open rows end that the records do not confirm.
  package enum Closing: Sendable, Equatable {
    case nothing
    /// Of a full listing: what present objects no longer say, and suspects that waited long enough;
    /// the rest of what is absent becomes a suspect.
    case suspects
    /// Of a full listing: all that is absent.
    case absent
    /// Of a full listing that was emitted again: what present objects no longer say.
    case unsaid
    /// Of a delta: all of the objects whose newest record is a removal.
    case named
  }

  package enum TokenChange: Sendable, Equatable {
    case kept
    case set(String?)
  }
}

/// What was found in staging and in the graph about one collection of an attempt.
package struct CollectionCount: Sendable, Equatable {
  package var ended: CollectionEnded
  /// Different sequence numbers in staging.
  package var distinctSequences: Int64
  /// Tainted records, and those of them whose object key could not be read.
  package var tainted: Int64
  package var taintedWithoutKey: Int64
  /// Objects with open rows, and how many of these have no record in this attempt, or one that says
  /// that they are gone. Looked at only where `asksForAbsence`.
  package var openObjects: Int64
  package var absentObjects: Int64
  /// Where the listing that was last applied ended.
  package var token: String?
  /// The epoch the collection was last applied from.
  package var appliedEpoch: Int64?
  /// The epoch in which it, or its scope, was last retired.
  package var retiredEpoch: Int64?

  package init(
    ended: CollectionEnded, distinctSequences: Int64, tainted: Int64, taintedWithoutKey: Int64,
    openObjects: Int64 = 0, absentObjects: Int64 = 0, token: String?, appliedEpoch: Int64?,
    retiredEpoch: Int64?
  ) {
    self.ended = ended
    self.distinctSequences = distinctSequences
    self.tainted = tainted
    self.taintedWithoutKey = taintedWithoutKey
    self.openObjects = openObjects
    self.absentObjects = absentObjects
    self.token = token
    self.appliedEpoch = appliedEpoch
    self.retiredEpoch = retiredEpoch
  }

  /// Whether what is absent matters.
  package var asksForAbsence: Bool { ended.kind == .full && ended.outcome.provesAbsence }

  /// Why the listing, though complete, is not to be taken for complete.
  fileprivate var doubt: String? {
    if distinctSequences != ended.records {
      return "\(distinctSequences) of \(ended.records) records arrived"
    }
    if taintedWithoutKey > 0 {
      return "\(taintedWithoutKey) records could not be read, not even their key"
    }
    if ended.kind == .delta, tainted > 0 {
      return "\(tainted) records could not be read: the same changes are asked for again"
    }
    return nil
  }
}

extension CollectionPlan {
  package init(_ count: CollectionCount, epoch: Int64) {
    let ended = count.ended
    self.ended = ended
    outcome = ended.outcome
    message = ended.message
    records = count.distinctSequences
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
    if ended.kind == .delta, count.token == nil || count.token != ended.from {
      writes = false
      refuseChanges()
      return
    }
    // `unchanged` has no records; the others may have some, which are true as far as they go.
    guard outcome == .complete else { return }
    if let doubt = count.doubt {
      outcome = .partial
      message = doubt
      return
    }
    guard ended.asOf == nil else {
      closes =
        switch ended.kind {
        case .full: .unsaid
        case .delta: .named
        case .activity: .nothing
        }
      return
    }
    switch ended.kind {
    case .full: close(count)
    case .delta:
      closes = .named
      token = .set(ended.token)
    case .activity: token = count.tainted == 0 ? .set(ended.token) : .kept
    }
  }

  private mutating func refuseChanges() {
    switch outcome {
    case .complete, .unchanged, .partial:
      outcome = .partial
      message =
        "changes since a token at which this collection was not left: nothing of them is applied, "
        + "the next scan continues where it was left, or lists everything"
    case .denied, .throttled, .unsupported, .failed: break
    }
  }

  private mutating func close(_ count: CollectionCount) {
    if Self.isSuspect(open: count.openObjects, absent: count.absentObjects) {
      closes = .suspects
      message =
        "\(count.absentObjects) of \(count.openObjects) objects are gone at once: kept as suspects "
        + "until a second complete listing at least a day later, or a person confirms them "
        + "(sv0 removals)"
    } else {
      closes = .absent
    }
    token = .set(closes == .absent && count.tainted == 0 ? count.ended.token : nil)
  }

  /// A suspect is closed when it is still absent this much later.
  package static let suspicion = Duration.seconds(24 * 3600)

  /// More than half of a collection of over 20, or falling to zero from more than one.
  package static func isSuspect(open: Int64, absent: Int64) -> Bool {
    (open > 20 && absent * 2 > open) || (open > 1 && absent == open)
  }
}
