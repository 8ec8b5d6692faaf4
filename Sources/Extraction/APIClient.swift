public import HTTPTypes
internal import Logging
internal import Metrics
public import Model

/// One read, as a connector describes it to `APIClient`.
public struct APIRequest: Sendable {
  /// `service:Operation`, as in the catalog.
  public var operation: String
  /// Calls with the same key share a rate.
  public var rateKey: String
  public var rate: Rate
  /// Whether the rate is that of something that all attempts of a worker draw on: the account that
  /// its own credentials are of.
  public var isRateOfWorker: Bool
  public var limits: TransportLimits
  /// Builds the request anew for each attempt, with the credentials and time of that moment.
  public var build: @Sendable () async throws -> (HTTPRequest, [UInt8])
  /// Says what an answer means.
  public var judge: @Sendable (HTTPResponse, [UInt8]) async throws -> Verdict

  public init(
    operation: String, rateKey: String, rate: Rate, isRateOfWorker: Bool = false,
    limits: TransportLimits = TransportLimits(),
    build: @escaping @Sendable () async throws -> (HTTPRequest, [UInt8]),
    judge: @escaping @Sendable (HTTPResponse, [UInt8]) async throws -> Verdict
  ) {
    self.operation = operation
    self.rateKey = rateKey
    self.rate = rate
    self.isRateOfWorker = isRateOfWorker
    self.limits = limits
    self.build = build
    self.judge = judge
  }
}

/// What an answer means for the call.
public enum Verdict: Sendable {
  case accepted
  /// Too many calls; `reason` is for a person.
  case throttled(reason: String)
  /// The platform failed in a way that may pass.
  case transient(reason: String)
  /// Something was mended (a token, the clock): repeat at once.
  case mended
  /// It will never work.
  case refused(any Error)
}

/// The answer to a read.
public struct APIAnswer: Sendable {
  public var response: HTTPResponse
  public var body: [UInt8]
  /// The number of the call in each of the logs.
  public var calls: [Int]
}

/// Sends reads: each waits for its rate, is repeated by the policy, counted, and put on record.
public struct APIClient: Sendable {
  private let platform: Platform
  private let context: AttemptContext
  private let policy: RetryPolicy
  private let limiter: RateLimiter
  private let workerLimiter: RateLimiter

  public init(platform: Platform, context: AttemptContext, policy: RetryPolicy = RetryPolicy()) {
    self.platform = platform
    self.context = context
    self.policy = policy
    limiter = RateLimiter(context.surroundings)
    workerLimiter = context.workerRates ?? limiter
  }

  /// - Parameter logs: the collections for which the call is made; the first stands for all of them
  ///   where turns are taken.
  /// - Throws: the error of `Verdict.refused`; `CollectionFailure` with outcome `throttled` or
  ///   `failed` when the policy gave up; `TransportError`; `CancellationError`.
  public func send(_ request: APIRequest, logs: [CallLog]) async throws -> APIAnswer {
    let began = context.surroundings.now()
    var failures = 0
    var mendings = 0
    while true {
      try await rates(of: request).wait(
        for: request.rateKey, rate: request.rate, by: logs.first.map(ObjectIdentifier.init))
      let (failure, answer) = try await attempt(request, logs: logs)
      if let answer { return answer }
      guard let failure else {
        mendings += 1
        guard mendings <= 2 else {
          throw CollectionFailure(
            .failed,
            "\(request.operation) was refused again after its credentials or its clock were mended."
          )
        }
        continue
      }
      failures += 1
      let attempts = failure.isUnresolved ? min(3, policy.maximumAttempts) : policy.maximumAttempts
      let spent = context.surroundings.now() - began
      guard failures < attempts,
        let pause = policy.pause(
          after: failures, spent: spent, retryAfter: failure.retryAfter,
          random: context.surroundings.random())
      else { throw failure.error(request.operation, attempts: failures) }
      note(failure, of: request, pause: pause)
      try await context.surroundings.sleep(pause)
    }
  }

  private func rates(of request: APIRequest) -> RateLimiter {
    request.isRateOfWorker ? workerLimiter : limiter
  }

  /// What made an attempt fail for now.
  private struct Failure {
    var reason: String
    var isThrottled = false
    var retryAfter: Duration?
    var transport: TransportError?

    var isUnresolved: Bool { transport?.kind == .nameNotResolved }

    func error(_ operation: String, attempts: Int) -> any Error {
      if let transport { return transport }
      return CollectionFailure(
        isThrottled ? .throttled : .failed,
        "\(operation) failed \(attempts) times, at last with: \(reason).")
    }
  }

  /// Both results are `nil` when something was mended.
  private func attempt(
    _ request: APIRequest, logs: [CallLog]
  ) async throws -> (Failure?, APIAnswer?) {
    let (message, body) = try await request.build()
    let at = context.surroundings.now()
    let response: HTTPResponse
    let answer: [UInt8]
    do {
      (response, answer) = try await context.transport.execute(
        message, body: body, limits: request.limits)
    } catch let error as TransportError {
      record(request, message, nil, at: at, logs: logs)
      guard error.isRetriable else { throw error }
      return (Failure(reason: error.message, transport: error), nil)
    }
    let numbers = record(request, message, response, at: at, logs: logs)
    let verdict = try await request.judge(response, answer)
    var retryAfter: Duration? {
      response.headerFields[.retryAfter].flatMap {
        HTTPDate.duration(ofRetryAfter: $0, at: context.surroundings.now())
      }
    }
    switch verdict {
    case .accepted:
      rates(of: request).answered(request.rateKey)
      return (nil, APIAnswer(response: response, body: answer, calls: numbers))
    case .throttled(let reason):
      rates(of: request).throttled(request.rateKey)
      return (Failure(reason: reason, isThrottled: true, retryAfter: retryAfter), nil)
    case .transient(let reason): return (Failure(reason: reason, retryAfter: retryAfter), nil)
    case .mended: return (nil, nil)
    case .refused(let error): throw error
    }
  }

  @discardableResult
  private func record(
    _ request: APIRequest, _ message: HTTPRequest, _ response: HTTPResponse?, at: Timestamp,
    logs: [CallLog]
  ) -> [Int] {
    let path = message.path ?? "/"
    let query = path.utf8.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
    let call = APICall(
      number: 0, method: message.method.rawValue, operation: request.operation,
      url:
        "\(message.scheme ?? "")://\(message.authority ?? "")\(path[..<(query ?? path.endIndex)])",
      status: response?.status.code ?? 0,
      requestID: response.map { requestID(of: $0) } ?? "", at: at)
    context.statistics.update { $0.calls += 1 }
    Counter(
      label: "sv0_platform_calls_total",
      dimensions: [
        ("platform", platform.rawValue), ("operation", request.operation),
        ("status", response.map { String($0.status.code) } ?? "none"),
      ]
    ).increment()
    return logs.map { $0.add(call) }
  }

  private func note(_ failure: Failure, of request: APIRequest, pause: Duration) {
    let milliseconds = pause.components.seconds * 1000 + pause.components.attoseconds / Int64(1e15)
    context.statistics.update {
      $0.retries += 1
      if failure.isThrottled { $0.throttledMilliseconds += milliseconds }
    }
    let dimensions = [("platform", platform.rawValue), ("operation", request.operation)]
    Counter(label: "sv0_platform_retries_total", dimensions: dimensions).increment()
    if failure.isThrottled {
      Counter(label: "sv0_platform_throttled_milliseconds_total", dimensions: dimensions)
        .increment(by: milliseconds)
    }
    context.log.debug(
      "call is repeated",
      metadata: [
        "operation": "\(request.operation)", "reason": "\(failure.reason)", "pause": "\(pause)",
      ])
  }
}

/// The platform's name for the request: evidence, and what its support asks for.
private func requestID(of response: HTTPResponse) -> String {
  for name in requestIDNames {
    guard let value = response.headerFields[name] else { continue }
    let kept = value.utf8.prefix(128).filter { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return String(decoding: kept, as: UTF8.self)
  }
  return ""
}

private let requestIDNames = ["x-amzn-requestid", "x-amz-request-id", "request-id", "x-request-id"]
  .compactMap { HTTPField.Name($0) }
