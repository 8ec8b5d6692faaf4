public import Model
internal import Synchronization

/// What a process knows about its own loops, for `/healthz` and `/readyz`.
///
/// Healthy means that every loop has turned recently, whatever the servers do. Ready means that
/// every loop has what it needs: partitions, a broker, a database.
public final class Health: Sendable {
  /// A loop that has not turned for this long is stuck. Generous: the apply of a scan of millions of
  /// records is one turn.
  public static let stallLimit = Duration.seconds(300)

  private struct Loop {
    /// `nil` while the loop rightly waits for as long as it takes.
    var lastTurn: Timestamp?
    var obstacle: String?
  }

  private let loops = Mutex<[String: Loop]>([:])
  private let now: @Sendable () -> Timestamp

  public init(now: @escaping @Sendable () -> Timestamp) {
    self.now = now
  }

  /// The loop has turned. `obstacle` says, for a person, why it cannot work right now.
  public func turned(_ loop: String, obstacle: String?) {
    let time = now()
    loops.withLock { $0[loop] = Loop(lastTurn: time, obstacle: obstacle) }
  }

  /// The loop has turned and is as ready as it was.
  public func turned(_ loop: String) {
    let time = now()
    loops.withLock { $0[loop]?.lastTurn = time }
  }

  /// The loop waits for room and may do so for long; its next turn ends this.
  public func waits(_ loop: String) {
    loops.withLock { $0[loop]?.lastTurn = nil }
  }

  /// The loop has ended as it should.
  public func ended(_ loop: String) {
    loops.withLock { _ = $0.removeValue(forKey: loop) }
  }

  /// Loops that have not turned for `stallLimit`, sorted; empty when healthy.
  public var stalled: [String] {
    let time = now()
    return loops.withLock { loops in
      loops.filter { loop in
        loop.value.lastTurn.map { time - $0 > Self.stallLimit } ?? false
      }.keys.sorted()
    }
  }

  /// Why the process is not ready, one line a loop, sorted; empty when ready.
  public var obstacles: [String] {
    loops.withLock { loops in
      loops.compactMap { loop in loop.value.obstacle.map { "\(loop.key): \($0)" } }.sorted()
    }
  }
}
