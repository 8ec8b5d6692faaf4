import CCurl
import Glibc
import HTTPTypes
import Synchronization

/// The thread that runs a client's transfers.
///
/// Invariants:
/// 1. The multi handle and every easy handle are used on this thread only.
/// 2. Each submission is answered exactly once: refused, cancelled, finished or closed.
/// 3. A `Transfer` is kept until its handle has left the multi handle.
///
/// ```
/// perform ─► inbox ─► waiting (AdmissionQueue) ─► running (libcurl) ─► answered
///               └── cancel, deadline, close ──────────┴────────────────────►
/// ```
final class TransferLoop: Sendable {
  typealias Answer = Result<(HTTPResponse, [UInt8]), HTTPError>

  /// A class, because it goes from one place to the next.
  final class Submission: Sendable {
    let id: UInt64
    let exchange: Exchange
    let continuation: CheckedContinuation<Answer, Never>

    init(id: UInt64, exchange: Exchange, continuation: CheckedContinuation<Answer, Never>) {
      self.id = id
      self.exchange = exchange
      self.continuation = continuation
    }
  }

  struct Inbox {
    var nextID: UInt64 = 0
    var submissions: [Submission] = []
    var cancellations: [UInt64] = []
    var isClosing = false
    /// Whether the thread has been woken and has not looked yet.
    var isWoken = false
    var hasEnded = false
    var closeWaiters: [CheckedContinuation<Void, Never>] = []
  }

  private let wakeup: Wakeup
  private let inbox = Mutex(Inbox())

  private init(wakeup: Wakeup) {
    self.wakeup = wakeup
  }

  /// Starts the thread.
  ///
  /// - Throws: `invalidConfiguration`, `failed`.
  static func start(_ configuration: HTTPConfiguration) throws(HTTPError) -> TransferLoop {
    guard globalResult == CURLE_OK else {
      throw HTTPError(.failed, detail: "libcurl does not start")
    }
    let authorities: [UInt8]?
    if let path = configuration.extraCertificateAuthoritiesFile {
      authorities = try loadAuthorities(extra: path)
    } else {
      authorities = nil
    }
    let wakeup = try Wakeup()
    let loop = TransferLoop(wakeup: wakeup)
    let events = try SocketEvents(
      wakeup: wakeup, maximumConnections: max(1, configuration.maximumTransfers))
    do throws(HTTPError) {
      try startThread {
        let transfers = RunningTransfers(
          events: events, configuration: configuration, authorities: authorities)
        transfers.run(loop)
        events.close()
        loop.end()
      }
    } catch {
      events.close()
      throw error
    }
    return loop
  }

  /// Runs an exchange to its end; cancelling the task ends it early.
  func perform(_ exchange: Exchange) async throws(HTTPError) -> (HTTPResponse, [UInt8]) {
    let id = inbox.withLock { inbox in
      inbox.nextID += 1
      return inbox.nextID
    }
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        submit(Submission(id: id, exchange: exchange, continuation: continuation))
        // The handler may have run before there was anything to cancel.
        if Task.isCancelled { cancel(id) }
      }
    } onCancel: {
      cancel(id)
    }
    return try answer.get()
  }

  /// Asks the thread to end; returns at once.
  func requestClose() {
    post { $0.isClosing = true }
  }

  /// Asks the thread to end and waits until it has.
  func close() async {
    requestClose()
    await withCheckedContinuation { continuation in
      let hasEnded = inbox.withLock { inbox in
        if !inbox.hasEnded { inbox.closeWaiters.append(continuation) }
        return inbox.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
  }

  /// Everything that has come in since the last call.
  func takeInbox() -> (submissions: [Submission], cancellations: [UInt64], isClosing: Bool) {
    inbox.withLock { inbox in
      defer {
        inbox.submissions = []
        inbox.cancellations = []
        inbox.isWoken = false
      }
      return (inbox.submissions, inbox.cancellations, inbox.isClosing)
    }
  }

  /// The thread's last word: who waits for its end may go on.
  func end() {
    let waiters = inbox.withLock { inbox in
      inbox.hasEnded = true
      return inbox.closeWaiters
    }
    for waiter in waiters { waiter.resume() }
  }

  private func submit(_ submission: Submission) {
    let isAccepted = post { inbox in
      guard !inbox.isClosing else { return false }
      inbox.submissions.append(submission)
      return true
    }
    if !isAccepted {
      let host = submission.exchange.target.name
      submission.continuation.resume(returning: .failure(HTTPError(.closed, host: host)))
    }
  }

  private func cancel(_ id: UInt64) {
    post { $0.cancellations.append(id) }
  }

  /// Changes the inbox and wakes the thread, unless it has been woken already.
  private func post<Result>(_ change: (inout Inbox) -> Result) -> Result {
    let (result, isWoken) = inbox.withLock { inbox in
      defer { inbox.isWoken = true }
      return (change(&inbox), inbox.isWoken)
    }
    if !isWoken { wakeup.signal() }
    return result
  }

  /// libcurl's global state, set up once for the process.
  private static let globalResult = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
}

/// Runs `body` on a detached thread that takes no signals: those belong to the process's own
/// threads, and a write to a closed connection must not raise SIGPIPE.
private func startThread(_ body: @escaping @Sendable () -> Void) throws(HTTPError) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body))
  let code = pthread_create(
    &thread, nil,
    { context in
      var signals = sigset_t()
      sigfillset(&signals)
      pthread_sigmask(SIG_BLOCK, &signals, nil)
      if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  guard code == 0 else {
    box.release()
    throw HTTPError(.failed, detail: "no thread: \(String(cString: strerror(code)))")
  }
  pthread_detach(thread)
}
