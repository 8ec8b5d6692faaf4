internal import CPostgres
internal import Glibc
internal import Synchronization

/// What a socket is waited for.
struct SocketInterest: OptionSet {
  let rawValue: UInt32
  static let read = Self(rawValue: EPOLLIN.rawValue)
  static let write = Self(rawValue: EPOLLOUT.rawValue)
}

/// One thread that waits on every connection's socket, so that no cooperative thread ever blocks.
///
/// A wait is one-shot: it arms the socket in epoll, and the poller's thread resumes it when the
/// socket is ready or has failed, or its deadline passed. A wait is known by a token that is never
/// reused, so an event left over from a closed or reused descriptor finds nobody and is ignored.
final class SocketPoller: Sendable {
  private struct Waiter {
    var continuation: CheckedContinuation<Bool, any Error>
    var deadline: ContinuousClock.Instant
  }

  private struct State {
    var nextToken: UInt64 = 1
    var waiters: [UInt64: Waiter] = [:]
    /// When the thread looks at deadlines next. It may wake early, never late.
    var nextLook: ContinuousClock.Instant?
  }

  private static let current = Mutex<SocketPoller?>(nil)
  private static let wakeToken: UInt64 = 0

  private let epoll: Int32
  private let wakeup: Int32
  private let state = Mutex(State())

  /// The process's poller; its thread lives as long as the process.
  static func shared() throws(PostgresError) -> SocketPoller {
    try current.withLock { (poller) throws(PostgresError) in
      if let poller { return poller }
      let started = try SocketPoller()
      poller = started
      return started
    }
  }

  private init() throws(PostgresError) {
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    wakeup = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    var event = epoll_event(
      events: SocketInterest.read.rawValue, data: epoll_data_t(u64: Self.wakeToken))
    guard epoll >= 0, wakeup >= 0, epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) == 0,
      startThread({ self.run() })
    else {
      if epoll >= 0 { Glibc.close(epoll) }
      if wakeup >= 0 { Glibc.close(wakeup) }
      throw PostgresError.outOfResources("the thread that waits on sockets could not start")
    }
  }

  /// Suspends until the socket is ready or failed (`true`), or the deadline passed (`false`).
  ///
  /// - Throws: `CancellationError` when `cancellable` and the task is cancelled.
  nonisolated(nonsending) func wait(
    _ socket: Int32, for interest: SocketInterest, until deadline: ContinuousClock.Instant,
    cancellable: Bool
  ) async throws -> Bool {
    let token = state.withLock { state in
      defer { state.nextToken += 1 }
      return state.nextToken
    }
    guard cancellable else {
      return try await withCheckedThrowingContinuation { continuation in
        arm(socket, interest, token, Waiter(continuation: continuation, deadline: deadline))
      }
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let waiter = Waiter(continuation: continuation, deadline: deadline)
        arm(socket, interest, token, waiter, unlessCancelled: true)
      }
    } onCancel: {
      // A handler that runs before the wait is armed finds nothing; `arm` then sees the cancelled
      // task, because the flag is set before handlers run.
      let waiter = state.withLock { $0.waiters.removeValue(forKey: token) }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  private func arm(
    _ socket: Int32, _ interest: SocketInterest, _ token: UInt64, _ waiter: Waiter,
    unlessCancelled: Bool = false
  ) {
    let (accepted, mustWake) = state.withLock { state in
      if unlessCancelled && Task.isCancelled { return (false, false) }
      state.waiters[token] = waiter
      if let next = state.nextLook, next <= waiter.deadline { return (true, false) }
      state.nextLook = waiter.deadline
      return (true, true)
    }
    guard accepted else { return waiter.continuation.resume(throwing: CancellationError()) }
    var event = epoll_event(
      events: interest.rawValue | EPOLLONESHOT.rawValue, data: epoll_data_t(u64: token))
    if epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0
      && (errno != ENOENT || epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0)
    {
      let taken = state.withLock { $0.waiters.removeValue(forKey: token) }
      taken?.continuation.resume(
        throwing: PostgresError.outOfResources("a socket could not be waited on (errno \(errno))"))
      return
    }
    if mustWake {
      var one: UInt64 = 1
      _ = Glibc.write(wakeup, &one, 8)
    }
  }

  private func run() {
    var events = [epoll_event](repeating: epoll_event(), count: 64)
    while true {
      let count = epoll_wait(epoll, &events, Int32(events.count), millisecondsToNextLook())
      for event in events.prefix(Int(max(0, count))) {
        let token = event.data.u64
        if token == Self.wakeToken {
          var value: UInt64 = 0
          _ = Glibc.read(wakeup, &value, 8)
          continue
        }
        let waiter = state.withLock { $0.waiters.removeValue(forKey: token) }
        waiter?.continuation.resume(returning: true)
      }
      expire()
    }
  }

  private func millisecondsToNextLook() -> Int32 {
    guard let next = state.withLock({ $0.nextLook }) else { return -1 }
    let (seconds, attoseconds) = (next - .now).components
    let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1
    return Int32(clamping: max(0, milliseconds))
  }

  private func expire() {
    let now = ContinuousClock.now
    let expired = state.withLock { state -> [Waiter] in
      guard let next = state.nextLook, next <= now else { return [] }
      let tokens = state.waiters.filter { $0.value.deadline <= now }.keys
      let expired = tokens.compactMap { state.waiters.removeValue(forKey: $0) }
      state.nextLook = state.waiters.values.map(\.deadline).min()
      return expired
    }
    for waiter in expired { waiter.continuation.resume(returning: false) }
  }
}

/// Runs a call that may block (a name look-up, `PQcancel`) on a thread of its own.
nonisolated(nonsending) func onOwnThread<Value: Sendable>(
  _ call: @escaping @Sendable () -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    if !startThread({ continuation.resume(returning: call()) }) {
      continuation.resume(
        throwing: PostgresError.outOfResources("a thread for a blocking call could not start"))
    }
  }
}

private final class ThreadBody {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func startThread(_ run: @escaping @Sendable () -> Void) -> Bool {
  let body = Unmanaged.passRetained(ThreadBody(run))
  var thread = pthread_t()
  let failure = pthread_create(
    &thread, nil,
    { argument in
      if let argument {
        Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
      }
      return nil
    }, body.toOpaque())
  guard failure == 0 else {
    body.release()
    return false
  }
  pthread_detach(thread)
  return true
}
