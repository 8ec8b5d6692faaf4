// Invariants:
// 1. A version number only grows, by one per change that is published; the same content publishes
//    nothing.
// 2. A finding is resolved only by an evaluation that read everything the finding was judged from
//    and found the condition gone.
// 3. Where something could not be read, an open finding stays open and says what is missing; one
//    that is resolved stays resolved.
// 4. A finding that was resolved for `tombstoneAfter` leaves the topic by one tombstone, which is no
//    version; found again it is published with the next version and may get another one later.
// 5. What is held is stored and not published: a finding that never was has version 0, and nothing
//    is said of it when it goes. What is published already is held back only where its rule, not
//    the tenant, has changed, and until the next change.
//
//   (none) ──found──► new ──changed──► updated ──gone──► resolved ──found──► reopened
//     │                ▲└──────────gone──────────────────►   ▲  │                │  ▲
//    found, held       │                                     └──┼───gone─────────┘  │
//     ▼                │                   90 days, tombstone   ▼                   │
//   held, version 0 ───┘                               resolved, tombstoned ──found─┘
//     │  ▲       released, or high
//    gone│ found, held
//     ▼  │
//   resolved, version 0
//
// A suppression makes an open finding `suppressed`, and its end makes that `updated`.
public import Model

/// A finding's life so far.
public struct FindingLife: Sendable, Hashable {
  public var state: FindingState
  /// Of the last publication; 0 before the first.
  public var version: Int64
  /// Whether what is stored was not published, and waits.
  public var isHeld: Bool
  /// Of the content as it was last stored.
  public var digest: String
  public var firstSeenAt: Timestamp
  public var changedAt: Timestamp
  /// When the tombstone was sent; only of a resolved finding.
  public var tombstonedAt: Timestamp?

  public init(
    state: FindingState, version: Int64, isHeld: Bool = false, digest: String,
    firstSeenAt: Timestamp, changedAt: Timestamp, tombstonedAt: Timestamp? = nil
  ) {
    self.state = state
    self.version = version
    self.isHeld = isHeld
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

/// Whether what an evaluation says goes out.
public enum Disclosure: Sendable, Hashable {
  /// What is new waits, and so does the change of what is published.
  case hold
  /// What is new goes out, and what waits goes on waiting.
  case publish
  /// What waits goes out, too.
  case release
}

extension FindingLife {
  /// For how long a resolved finding stays on the topic.
  public static let tombstoneAfter = Duration.seconds(90 * 86400)

  /// When the finding leaves the topic; `nil` while it is open, and once it has left.
  public var tombstoneDueAt: Timestamp? {
    state == .resolved && version > 0 && tombstonedAt == nil
      ? changedAt + Self.tombstoneAfter : nil
  }

  /// Whether this is what the topic says.
  public var isPublished: Bool { version > 0 && !isHeld }

  /// The life after an observation; `nil` where nothing changes.
  public static func after(
    _ life: FindingLife?, _ observation: Observation, _ disclosure: Disclosure = .publish,
    isSuppressed: Bool = false, at now: Timestamp
  ) -> FindingLife? {
    guard var life, life.version > 0 || life.state.isOpen else {
      guard case .found(let digest) = observation else { return nil }
      var new = FindingLife(
        state: isSuppressed ? .suppressed : .new, version: 0, isHeld: true, digest: digest,
        firstSeenAt: life?.firstSeenAt ?? now, changedAt: now)
      if disclosure != .hold { new.publish() }
      return new
    }
    switch (observation, life.state) {
    case (.found(let digest), .resolved):
      life.become(isSuppressed ? .suppressed : .reopened, digest, at: now)
      life.publish()
    case (.gone, .resolved), (.notEvaluated, .resolved): return nil
    case (.gone(let digest), _):
      life.become(.resolved, digest, at: now)
      if life.version > 0 { life.publish() } else { life.isHeld = false }
    case (.found(let digest), _), (.notEvaluated(let digest), _):
      let isTurned = isSuppressed != (life.state == .suppressed)
      let isReleased = life.isHeld && disclosure == .release
      guard digest != life.digest || isTurned || isReleased else { return nil }
      let state = life.version == 0 ? FindingState.new : .updated
      life.become(isSuppressed ? .suppressed : state, digest, at: now)
      if life.version == 0 ? isReleased : disclosure != .hold || isTurned {
        life.publish()
      } else {
        life.isHeld = true
      }
    }
    return life
  }

  private mutating func become(_ state: FindingState, _ digest: String, at now: Timestamp) {
    self.state = state
    self.digest = digest
    changedAt = now
    tombstonedAt = nil
  }

  private mutating func publish() {
    version += 1
    isHeld = false
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
