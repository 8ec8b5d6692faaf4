// Invariants:
// 1. A version number only grows, by one per change that is published; the same content publishes
//    nothing.
// 2. A finding is resolved only by an evaluation that read everything the finding was judged from
//    and found the condition gone.
// 3. Where something could not be read, an open finding stays open and says what is missing; one
//    that is resolved stays resolved.
// 4. A finding that was resolved for `tombstoneAfter` leaves the topic by one tombstone, which is no
//    version; found again it is published with the next version and may get another one later.
//
//   (none) ──found──► new ──changed──► updated ──gone──► resolved ──found──► reopened
//                      └──────────gone──────────────────►   ▲  │                │  ▲
//                                                           └──┼───gone─────────┘  │
//                                        90 days, tombstone    ▼                   │
//                                                     resolved, tombstoned ──found─┘
public import Model

/// A finding's life so far.
public struct FindingLife: Sendable, Hashable {
  public var state: FindingState
  public var version: Int64
  /// Of the content as it was last published.
  public var digest: String
  public var firstSeenAt: Timestamp
  public var changedAt: Timestamp
  /// When the tombstone was sent; only of a resolved finding.
  public var tombstonedAt: Timestamp?

  public init(
    state: FindingState, version: Int64, digest: String, firstSeenAt: Timestamp,
    changedAt: Timestamp, tombstonedAt: Timestamp? = nil
  ) {
    self.state = state
    self.version = version
    self.digest = digest
    self.firstSeenAt = firstSeenAt
    self.changedAt = changedAt
    self.tombstonedAt = tombstonedAt
  }
}

/// What an evaluation says about a finding.
public enum Observation: Sendable, Hashable {
  /// The condition holds; the digest is that of the content.
  case found(digest: String)
  /// Everything was read and the condition is gone.
  case gone(digest: String)
  /// Not everything was read; the digest is that of the old content with what is missing.
  case notEvaluated(digest: String)
}

extension FindingLife {
  /// For how long a resolved finding stays on the topic.
  public static let tombstoneAfter = Duration.seconds(90 * 86400)

  /// When the finding leaves the topic; `nil` while it is open, and once it has left.
  public var tombstoneDueAt: Timestamp? {
    state == .resolved && tombstonedAt == nil ? changedAt + Self.tombstoneAfter : nil
  }

  /// The life after an observation; `nil` where nothing is published.
  public static func after(
    _ life: FindingLife?, _ observation: Observation, at now: Timestamp
  ) -> FindingLife? {
    guard var life else {
      guard case .found(let digest) = observation else { return nil }
      return FindingLife(
        state: .new, version: 1, digest: digest, firstSeenAt: now, changedAt: now)
    }
    switch (observation, life.state) {
    case (.found(let digest), .resolved): life.become(.reopened, digest, at: now)
    case (.gone, .resolved), (.notEvaluated, .resolved): return nil
    case (.gone(let digest), _): life.become(.resolved, digest, at: now)
    case (.found(let digest), _), (.notEvaluated(let digest), _):
      guard digest != life.digest else { return nil }
      life.become(life.state == .suppressed ? .suppressed : .updated, digest, at: now)
    }
    return life
  }

  private mutating func become(_ state: FindingState, _ digest: String, at now: Timestamp) {
    self.state = state
    self.digest = digest
    version += 1
    changedAt = now
    tombstonedAt = nil
  }
}

/// Which findings leave the topic now, and when the next one does.
struct Tombstones: Sendable, Equatable {
  /// Uids, in order.
  var due: [String] = []
  var nextDueAt: Timestamp?
}

extension Tombstones {
  /// - Parameters:
  ///   - published: as they were read.
  ///   - changes: what the evaluation makes of them.
  init(_ published: [PublishedFinding], _ changes: [FindingChange], at now: Timestamp) {
    var lives = Dictionary(published.map { ($0.uid, $0.life) }) { first, _ in first }
    for change in changes { lives[change.key.uid] = change.life }
    for (uid, life) in lives {
      guard let dueAt = life.tombstoneDueAt else { continue }
      if dueAt <= now {
        due.append(uid)
      } else {
        nextDueAt = min(nextDueAt ?? dueAt, dueAt)
      }
    }
    due.sort { $0.precedes($1) }
  }
}
