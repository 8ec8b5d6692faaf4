public import Model

/// Keeps a credential, renews it before its end, and lets one renewal run at a time.
///
/// Invariants:
/// 1. At most one `obtain()` is under way; all who need its result wait for the same one.
/// 2. A credential is renewed from 80 % of its life or five minutes before its end on, whichever
///    comes first, and is never given out after its end.
/// 3. While a credential lasts, a renewal that fails is no error: it is tried again a little later.
/// 4. The renewal is cancelled only when everybody who waited for it was.
public actor CredentialCache<Credential: Sendable> {
  /// A credential and which one it is, so that a refused one can be told from its successor.
  public struct Grant: Sendable {
    public let credential: Credential
    public let number: Int
  }

  private struct Held {
    var grant: Grant
    var renewFrom: Timestamp?
    var expires: Timestamp?
  }
  private struct Renewal {
    var id: Int
    var task: Task<Grant, any Error>
    var waiting: Int
  }

  private let strategy: any CredentialStrategy<Credential>
  private let now: @Sendable () -> Timestamp
  private var held: Held?
  private var renewal: Renewal?
  private var renewals = 0

  public init(
    _ strategy: any CredentialStrategy<Credential>, now: @escaping @Sendable () -> Timestamp
  ) {
    self.strategy = strategy
    self.now = now
  }

  /// The credential to use now.
  ///
  /// - Throws: what the strategy throws, where no credential that lasts is held.
  public func current() async throws -> Grant {
    let time = now()
    if let held, held.renewFrom.map({ time < $0 }) ?? true { return held.grant }
    do {
      return try await renewed()
    } catch {
      guard !(error is CancellationError), let held, let expires = held.expires,
        now() < expires
      else { throw error }
      self.held?.renewFrom = min(expires, now() + .seconds(30))
      return held.grant
    }
  }

  /// A credential newer than the one that the platform refused.
  public func renewed(after refused: Grant) async throws -> Grant {
    if let held, held.grant.number > refused.number { return held.grant }
    return try await renewed()
  }

  private func renewed() async throws -> Grant {
    if renewal == nil {
      renewals += 1
      let id = renewals
      renewal = Renewal(id: id, task: Task { try await self.obtain(id) }, waiting: 0)
    }
    guard let task = renewal?.task, let id = renewal?.id else { throw CancellationError() }
    renewal?.waiting += 1
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      Task { await self.abandoned(id) }
    }
  }

  private func obtain(_ id: Int) async throws -> Grant {
    defer { if renewal?.id == id { renewal = nil } }
    let asked = now()
    let obtained = try await strategy.obtain()
    if let expires = obtained.expires, expires <= now() {
      throw AuthenticationError(
        .unusable, "The credential had ended when it arrived; check this machine's clock.")
    }
    let grant = Grant(credential: obtained.value, number: id)
    held = Held(
      grant: grant, renewFrom: obtained.expires.map { renewalTime(from: asked, to: $0) },
      expires: obtained.expires)
    return grant
  }

  private func abandoned(_ id: Int) {
    guard renewal?.id == id else { return }
    renewal?.waiting -= 1
    if renewal?.waiting == 0 {
      renewal?.task.cancel()
      renewal = nil
    }
  }
}

/// When to renew what lives from `start` to `end`.
func renewalTime(from start: Timestamp, to end: Timestamp) -> Timestamp {
  let fourFifths = start + (end - start) * 4 / 5
  return max(start, min(fourFifths, end + .seconds(-300)))
}
