internal import Authentication
internal import Extraction
internal import HTTPTypes
internal import JSONReader
internal import Logging
internal import Model
internal import Synchronization

/// Makes the calls of one attempt: builds, signs, reads what comes back.
///
/// Invariants:
/// 1. A refused, expired session is renewed once a call, and the call repeated.
/// 2. When a signature was out of time, the clock is corrected from the answer's `Date` and the call
///    repeated, once a call; the machine's clock is never trusted over AWS's. Calls that were signed
///    before another one corrected it are repeated too.
/// 3. A host whose name has no address is "not offered there" only if it is regional and this
///    attempt has reached another host by name; otherwise our own name resolution may be broken.
struct AWSClient: Sendable {
  let context: AttemptContext
  private let endpoint: AWSEndpoint?
  private let credentials: CredentialCache<SigningCredentials>?
  /// Whether other attempts call with the same credentials.
  private let isOfWorker: Bool
  private let api: APIClient
  private let shared: Shared

  private final class Shared: Sendable {
    struct State {
      /// What AWS's clock is ahead of ours.
      var clockOffset = Duration.zero
      var reached: Set<String> = []
    }
    let state = Mutex(State())
  }

  init(
    context: AttemptContext, endpoint: AWSEndpoint?,
    credentials: CredentialCache<SigningCredentials>?
  ) {
    self.context = context
    self.endpoint = endpoint
    self.credentials = credentials
    isOfWorker = false
    api = APIClient(platform: .aws, context: context)
    shared = Shared()
  }

  private init(
    _ other: AWSClient, _ credentials: CredentialCache<SigningCredentials>, isOfWorker: Bool
  ) {
    context = other.context
    endpoint = other.endpoint
    api = other.api
    shared = other.shared
    self.credentials = credentials
    self.isOfWorker = isOfWorker
  }

  /// The same client with other credentials: rates, clock and counts are shared.
  ///
  /// - Parameter isOfWorker: whether other attempts call with the same ones, and share their rates.
  func using(
    _ credentials: CredentialCache<SigningCredentials>, isOfWorker: Bool = false
  ) -> AWSClient {
    AWSClient(self, credentials, isOfWorker: isOfWorker)
  }

  /// Reads every page of a listing; an operation without pages has one.
  func pages(
    _ operation: AWSOperation, in region: String = AWSService.defaultRegion,
    _ input: [String: JSON] = [:], logs: [CallLog],
    _ page: (AWSAnswer) async throws -> Void
  ) async throws {
    guard let paging = operation.paging else {
      return try await page(call(operation, in: region, input, logs: logs))
    }
    var pager = Pager(operation.fullName)
    var hasMore = true
    while hasMore {
      var input = input
      if let cursor = pager.cursor { input[paging.input] = .string(cursor) }
      if let limit = paging.limit { input[limit.name] = .integer(limit.value) }
      let answer = try await call(operation, in: region, input, logs: logs)
      try await page(answer)
      let isTruncated = try paging.more.map { name throws(JSONError) in
        try answer.result.optionalBool(at: name, lenient: true) ?? false
      }
      let next = try answer.cursor(paging.output)
      if isTruncated == true, next?.isEmpty ?? true {
        throw CollectionFailure(
          .failed, "\(operation.fullName) says that there is more but not where; its list is cut.")
      }
      hasMore = try isTruncated != false && pager.advance(to: next)
    }
  }

  /// Makes one call; once more where AWS says that another region is the right one.
  ///
  /// - Throws: `AWSError` when AWS refused, and what `APIClient.send` throws.
  func call(
    _ operation: AWSOperation, in region: String = AWSService.defaultRegion,
    _ input: [String: JSON] = [:], logs: [CallLog] = []
  ) async throws -> AWSAnswer {
    do {
      return try await callOnce(operation, in: region, input, logs: logs)
    } catch let error as AWSError {
      guard let right = error.region, right != region else { throw error }
      return try await callOnce(operation, in: right, input, logs: logs)
    }
  }

  private func callOnce(
    _ operation: AWSOperation, in region: String, _ input: [String: JSON], logs: [CallLog]
  ) async throws -> AWSAnswer {
    guard let credentials else {
      throw AuthenticationError(.unusable, "No credentials were given for this call.")
    }
    let host = operation.service.host(in: region, input)
    let signing = Signing()
    let request = APIRequest(
      operation: operation.fullName, rateKey: rateKey(operation, region), rate: rate(operation),
      isRateOfWorker: isOfWorker,
      build: {
        let grant = try await credentials.current()
        let offset = shared.state.withLock(\.clockOffset)
        signing.state.withLock { ($0.grant, $0.clockOffset) = (grant, offset) }
        return sign(operation, in: region, input, with: grant.credential, offset)
      },
      judge: { response, body in
        guard response.status.kind != .successful else { return .accepted }
        let error = AWSError(operation, response, body)
        if try await mend(error, response, credentials, signing) { return .mended }
        if error.isThrottled { return .throttled(reason: error.summary) }
        return error.isTransient ? .transient(reason: error.summary) : .refused(error)
      })
    do {
      let answer = try await api.send(request, logs: logs)
      shared.state.withLock { _ = $0.reached.insert(host) }
      return try AWSAnswer(operation, body: answer.body, calls: answer.calls)
    } catch let error as TransportError where error.kind == .nameNotResolved {
      guard operation.service.isRegional, isResolving(besides: host) else { throw error }
      throw CollectionFailure(
        .unsupported,
        "\(operation.service.name) is not offered in \(region): \(host) has no address.")
    }
  }

  /// What a call was last signed with, and what was mended for it.
  private final class Signing: Sendable {
    struct State {
      var grant: CredentialCache<SigningCredentials>.Grant?
      var clockOffset = Duration.zero
      var isRenewed = false
      var isClockCorrected = false
    }
    let state = Mutex(State())
  }

  /// Mends what made AWS refuse, if that can be done and has not been tried.
  private func mend(
    _ error: AWSError, _ response: HTTPResponse,
    _ credentials: CredentialCache<SigningCredentials>, _ signing: Signing
  ) async throws -> Bool {
    if error.mayBeClock, correctClock(response, signing) { return true }
    guard error.isExpired else { return false }
    let refused = signing.state.withLock { state in
      defer { state.isRenewed = true }
      return state.isRenewed ? nil : state.grant
    }
    guard let refused else { return false }
    _ = try await credentials.renewed(after: refused)
    return true
  }

  /// - Returns: whether the call was signed with another time than AWS's, and is now right.
  private func correctClock(_ response: HTTPResponse, _ signing: Signing) -> Bool {
    guard let text = response.headerFields[.date], let theirs = HTTPDate.timestamp(text) else {
      return false
    }
    let offset = theirs - context.surroundings.now()
    let isWrong = signing.state.withLock { state in
      defer { state.isClockCorrected = true }
      return !state.isClockCorrected && (offset - state.clockOffset).magnitude > .seconds(60)
    }
    guard isWrong else { return false }
    let isNews = shared.state.withLock { state in
      defer { state.clockOffset = offset }
      return (offset - state.clockOffset).magnitude > .seconds(60)
    }
    if isNews {
      context.log.warning(
        "this machine's clock differs from AWS's; signatures follow AWS's",
        metadata: ["difference": "\(offset)"])
    }
    return true
  }

  private func isResolving(besides host: String) -> Bool {
    shared.state.withLock { $0.reached.contains { $0 != host } }
  }

  private func sign(
    _ operation: AWSOperation, in region: String, _ input: [String: JSON],
    with credentials: SigningCredentials, _ clockOffset: Duration
  ) -> (HTTPRequest, [UInt8]) {
    let service = operation.service
    let place =
      endpoint ?? AWSEndpoint(scheme: "https", authority: service.host(in: region, input))
    let request = operation.request(input, to: place)
    let time = context.surroundings.now() + clockOffset
    let signer = RequestSigner(
      region: service.signingRegion(in: region), service: service.signingName)
    return (signer.signed(request, with: credentials, at: time), request.body)
  }

  private func rateKey(_ operation: AWSOperation, _ region: String) -> String {
    let service = operation.service
    let base = "\(service.signingRegion(in: region))/\(service.name)"
    return operation.rate != nil ? "\(base)/\(operation.name)" : base
  }

  /// What an account allows of an operation. A stand-in for AWS has none of AWS's quotas.
  func rate(_ operation: AWSOperation) -> Rate {
    endpoint == nil ? operation.rate ?? operation.service.rate : Rate(perSecond: 1000)
  }
}

extension Duration {
  fileprivate var magnitude: Duration { self < .zero ? .zero - self : self }
}
