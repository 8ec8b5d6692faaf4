internal import Logging
internal import Model

/// Repeats what fails for a reason that may pass, until it succeeds or the process drains.
struct Persistence: Sendable {
  let name: String
  let health: Health
  let log: Logger
  let sleep: Sleep

  /// - Throws: the first error that is not retriable; `CancellationError` when the process drains
  ///   while the operation is still failing.
  func run<Result: Sendable>(_ operation: () async throws -> Result) async throws -> Result {
    var backoff = Backoff()
    var failed = false
    while true {
      do {
        let result = try await operation()
        if failed {
          health.turned(name, obstacle: nil)
          log.notice("works again", metadata: ["loop": "\(name)"])
        }
        return result
      } catch let error where isRetriable(error) {
        let pause = backoff.next()
        health.turned(name, obstacle: "\(error)")
        log.warning(
          "failed; trying again",
          metadata: ["loop": "\(name)", "error": "\(error)", "pause": "\(pause)"])
        failed = true
        try await cancelledByDraining { try await sleep(pause) }
      }
    }
  }
}

/// Whether trying the same thing again can help.
func isRetriable(_ error: any Error) -> Bool {
  (error as? any ClassifiedError)?.isRetriable ?? false
}
