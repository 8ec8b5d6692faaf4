// Invariants:
// 1. A version number only grows, by one per change that is published; the same content publishes
//    nothing.
// 2. A finding is resolved only by an evaluation that read everything the finding was judged from
//    and found the condition gone.
// 3. Where something could not be read, an open finding stays open and says what is missing; one
//    that is resolved stays resolved.
//
//   (none) ──found──► new ──changed──► updated ──gone──► resolved ──found──► reopened
//                      └──────────gone──────────────────►   ▲                   │
//                                                           └──────gone─────────┘
public import Model

/// A finding's life so far.
public struct FindingLife: Sendable, Hashable {
  public var state: FindingState
  public var version: Int64
  /// Of the content as it was last published.
  public var digest: String
  public var firstSeenAt: Timestamp
  public var changedAt: Timestamp

  public init(
    state: FindingState, version: Int64, digest: String, firstSeenAt: Timestamp,
    changedAt: Timestamp
  ) {
    self.state = state
    self.version = version
    self.digest = digest
    self.firstSeenAt = firstSeenAt
    self.changedAt = changedAt
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
  }
}
