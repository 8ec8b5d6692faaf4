import CCurl
import Glibc
import HTTPTypes
import Synchronization

/// The thread that runs a client's transfers.
///
/// Invariants:
/// 1. The multi handle and every easy handle are used on this thread only; the one exception is
///    `curl_multi_wakeup`, under the inbox's lock and never after `hasEnded`.
/// 2. Each submission is answered exactly once: refused, cancelled, finished or closed.
/// 3. A `Transfer` is kept until its handle has left the multi handle.
///
/// ```
/// perform ─► inbox ─► waiting (AdmissionQueue) ─► running (libcurl) ─► answered
///               └── cancel, deadline, close ──────────┴────────────────────►
/// ```
final class TransferLoop: Sendable {
  typealias Answer = Result<(HTTPResponse, [UInt8]), HTTPError>

  struct Submission: Sendable {
    let id: UInt64
    let exchange: Exchange
    let continuation: CheckedContinuation<Answer, Never>
  }

  struct Inbox {
    var nextID: UInt64 = 0
    var submissions: [Submission] = []
    var cancellations: [UInt64] = []
    var isClosing = false
    var hasEnded = false
    var closeWaiters: [CheckedContinuation<Void, Never>] = []
  }

  /// `@unchecked Sendable`: libcurl allows `curl_multi_wakeup` from any thread; all else is
  /// called by the loop's thread.
  private struct MultiHandle: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
  }

  private let multi: MultiHandle
  private let inbox = Mutex(Inbox())

  private init(multi: MultiHandle) {
    self.multi = multi
  }

  /// Starts the thread.
  ///
  /// - Throws: `invalidConfiguration`, `failed`.
  static func start(_ configuration: HTTPConfiguration) throws(HTTPError) -> TransferLoop {
    guard globalResult == CURLE_OK, let pointer = curl_multi_init() else {
      throw HTTPError(.failed, detail: "libcurl does not start")
    }
    let multi = MultiHandle(pointer: pointer)
    let loop = TransferLoop(multi: multi)
    do throws(HTTPError) {
      let authorities: [UInt8]?
      if let path = configuration.extraCertificateAuthoritiesFile {
        authorities = try loadAuthorities(extra: path)
      } else {
        authorities = nil
      }
      _ = sv0_curl_multi_set_long(
        pointer, CURLMOPT_MAXCONNECTS, max(1, configuration.maximumTransfers))
      try startThread {
        let transfers = RunningTransfers(
          multi: multi.pointer, configuration: configuration, authorities: authorities)
        transfers.run(loop)
      }
    } catch {
      curl_multi_cleanup(pointer)
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
    inbox.withLock { inbox in
      inbox.isClosing = true
      wake(inbox)
    }
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
      }
      return (inbox.submissions, inbox.cancellations, inbox.isClosing)
    }
  }

  /// The thread's last word: nobody may wake it any more, and who waits for its end may go on.
  func end() {
    let waiters = inbox.withLock { inbox in
      inbox.hasEnded = true
      curl_multi_cleanup(multi.pointer)
      return inbox.closeWaiters
    }
    for waiter in waiters { waiter.resume() }
  }

  private func submit(_ submission: Submission) {
    let isAccepted = inbox.withLock { inbox in
      guard !inbox.isClosing else { return false }
      inbox.submissions.append(submission)
      wake(inbox)
      return true
    }
    if !isAccepted {
      let host = submission.exchange.target.name
      submission.continuation.resume(returning: .failure(HTTPError(.closed, host: host)))
    }
  }

  private func cancel(_ id: UInt64) {
    inbox.withLock { inbox in
      inbox.cancellations.append(id)
      wake(inbox)
    }
  }

  private func wake(_ inbox: borrowing Inbox) {
    if !inbox.hasEnded { curl_multi_wakeup(multi.pointer) }
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
