import CCurl
import HTTPTypes

/// What the transfers' thread knows: who waits, who runs. Used on that thread only.
final class RunningTransfers {
  private let events: SocketEvents
  private let configuration: HTTPConfiguration
  private let authorities: [UInt8]?
  private var queue: AdmissionQueue
  private var waiting: [UInt64: TransferLoop.Submission] = [:]
  private var running: [UInt64: (transfer: Transfer, submission: TransferLoop.Submission)] = [:]
  /// Not later than the first deadline among those that wait.
  private var nextDeadline: ContinuousClock.Instant?

  init(events: SocketEvents, configuration: HTTPConfiguration, authorities: [UInt8]?) {
    self.events = events
    self.configuration = configuration
    self.authorities = authorities
    queue = AdmissionQueue(
      maximum: max(1, configuration.maximumTransfers),
      maximumPerOrigin: max(1, configuration.maximumTransfersPerHost),
      maximumWaiting: max(0, configuration.maximumQueued))
  }

  /// Serves the loop until it closes.
  func run(_ loop: TransferLoop) {
    while true {
      let (submissions, cancellations, isClosing) = loop.takeInbox()
      for submission in submissions { accept(submission) }
      for id in cancellations { stop(id, .cancelled) }
      if isClosing { break }
      expireWaiting()
      startWaiting()
      let code = events.turn(deadline: nextDeadline)
      finishEnded()
      if code != CURLM_OK {
        let detail = "\(String(cString: curl_multi_strerror(code))), multi \(code.rawValue)"
        for id in Array(running.keys) { stop(id, .failed, detail) }
      }
    }
    for id in Array(waiting.keys) + Array(running.keys) { stop(id, .closed) }
  }

  private func accept(_ submission: TransferLoop.Submission) {
    let target = submission.exchange.target
    guard queue.enqueue(.init(id: submission.id, origin: target.origin)) else {
      answer(
        submission,
        .failure(
          HTTPError(
            .overloaded, host: target.name, detail: "limit \(configuration.maximumQueued)")))
      return
    }
    waiting[submission.id] = submission
    nextDeadline = min(nextDeadline ?? submission.exchange.deadline, submission.exchange.deadline)
    startWaiting()
  }

  private func startWaiting() {
    while let entry = queue.startNext() {
      guard let submission = waiting.removeValue(forKey: entry.id) else {
        queue.finish(origin: entry.origin)
        continue
      }
      do throws(HTTPError) {
        let transfer = try Transfer(
          id: submission.id, exchange: submission.exchange, configuration: configuration,
          authorities: authorities)
        guard curl_multi_add_handle(events.multi, transfer.easy) == CURLM_OK else {
          throw HTTPError(.failed, host: submission.exchange.target.name, detail: "not started")
        }
        running[submission.id] = (transfer, submission)
      } catch {
        queue.finish(origin: entry.origin)
        answer(submission, .failure(error))
      }
    }
  }

  /// Answers what has ended.
  private func finishEnded() {
    var left: Int32 = 0
    while let message = curl_multi_info_read(events.multi, &left) {
      var context: UnsafeMutablePointer<CChar>?
      _ = sv0_curl_get_string(message.pointee.easy_handle, CURLINFO_PRIVATE, &context)
      guard message.pointee.msg == CURLMSG_DONE, let context else { continue }
      // Removing the handle invalidates the message, so its result is read first.
      let result = sv0_curl_result(message)
      let id = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().id
      guard let (transfer, submission) = remove(id) else { continue }
      answer(submission, transfer.outcome(result))
    }
  }

  /// Ends a request early, wherever it is; does nothing when it has been answered.
  private func stop(_ id: UInt64, _ kind: HTTPError.Kind, _ detail: String = "") {
    let submission: TransferLoop.Submission
    if let waitingSubmission = waiting.removeValue(forKey: id) {
      _ = queue.withdraw(id)
      submission = waitingSubmission
    } else if let (_, runningSubmission) = remove(id) {
      submission = runningSubmission
    } else {
      return
    }
    let host = submission.exchange.target.name
    answer(submission, .failure(HTTPError(kind, host: host, detail: detail)))
  }

  private func remove(
    _ id: UInt64
  ) -> (transfer: Transfer, submission: TransferLoop.Submission)? {
    guard let entry = running.removeValue(forKey: id) else { return nil }
    curl_multi_remove_handle(events.multi, entry.transfer.easy)
    queue.finish(origin: entry.submission.exchange.target.origin)
    return entry
  }

  /// Ends what has waited past its deadline. libcurl watches the deadlines of what runs.
  private func expireWaiting() {
    let now = ContinuousClock.now
    guard let deadline = nextDeadline, deadline <= now else { return }
    for submission in waiting.values where submission.exchange.deadline <= now {
      stop(submission.id, .timedOut(.total))
    }
    nextDeadline = waiting.values.map(\.exchange.deadline).min()
  }

  private func answer(_ submission: TransferLoop.Submission, _ answer: TransferLoop.Answer) {
    submission.continuation.resume(returning: answer)
  }
}
