import CCurl
import HTTPTypes

/// What the transfers' thread knows: who waits, who runs. Used on that thread only.
final class RunningTransfers {
  private let multi: UnsafeMutableRawPointer
  private let configuration: HTTPConfiguration
  private let authorities: [UInt8]?
  private var queue: AdmissionQueue
  private var waiting: [UInt64: TransferLoop.Submission] = [:]
  private var running: [UInt64: (transfer: Transfer, submission: TransferLoop.Submission)] = [:]
  /// Not later than the first deadline among those that wait.
  private var nextDeadline: ContinuousClock.Instant?

  init(
    multi: UnsafeMutableRawPointer, configuration: HTTPConfiguration, authorities: [UInt8]?
  ) {
    self.multi = multi
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
      var left: Int32 = 0
      curl_multi_perform(multi, &left)
      // A transfer that ended makes room: start the next one before sleeping.
      if !finishEnded() { curl_multi_poll(multi, nil, 0, pollMilliseconds(), nil) }
    }
    for id in Array(waiting.keys) + Array(running.keys) { stop(id, .closed) }
    loop.end()
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
        guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
          throw HTTPError(.failed, host: submission.exchange.target.name, detail: "not started")
        }
        running[submission.id] = (transfer, submission)
      } catch {
        queue.finish(origin: entry.origin)
        answer(submission, .failure(error))
      }
    }
  }

  /// Answers what has ended; true when anything had.
  private func finishEnded() -> Bool {
    var hasFinished = false
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      var context: UnsafeMutablePointer<CChar>?
      _ = sv0_curl_get_string(message.pointee.easy_handle, CURLINFO_PRIVATE, &context)
      guard message.pointee.msg == CURLMSG_DONE, let context else { continue }
      // Removing the handle invalidates the message, so its result is read first.
      let result = sv0_curl_result(message)
      let id = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().id
      guard let (transfer, submission) = remove(id) else { continue }
      answer(submission, transfer.outcome(result))
      hasFinished = true
    }
    return hasFinished
  }

  /// Ends a request early, wherever it is; does nothing when it has been answered.
  private func stop(_ id: UInt64, _ kind: HTTPError.Kind) {
    let submission: TransferLoop.Submission
    if let waitingSubmission = waiting.removeValue(forKey: id) {
      _ = queue.withdraw(id)
      submission = waitingSubmission
    } else if let (_, runningSubmission) = remove(id) {
      submission = runningSubmission
    } else {
      return
    }
    answer(submission, .failure(HTTPError(kind, host: submission.exchange.target.name)))
  }

  private func remove(
    _ id: UInt64
  ) -> (transfer: Transfer, submission: TransferLoop.Submission)? {
    guard let entry = running.removeValue(forKey: id) else { return nil }
    curl_multi_remove_handle(multi, entry.transfer.easy)
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

  /// Until the next deadline among those that wait, at most a minute; libcurl shortens it for
  /// those that run.
  private func pollMilliseconds() -> Int32 {
    guard let nextDeadline else { return 60_000 }
    return Int32(min(60_000, max(0, milliseconds(nextDeadline - ContinuousClock.now) + 1)))
  }

  private func answer(_ submission: TransferLoop.Submission, _ answer: TransferLoop.Answer) {
    submission.continuation.resume(returning: answer)
  }
}
