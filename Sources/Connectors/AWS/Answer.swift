internal import Extraction
internal import HTTPTypes
internal import JSONReader
internal import Model

/// What AWS answered to one read.
struct AWSAnswer: Sendable {
  /// The result, without the query protocol's wrappers.
  var result: JSONView
  /// The number of the call in each of the logs.
  var calls: [Int]

  /// The number of the call in the first log.
  var call: Int { calls.first ?? 0 }

  init(_ operation: AWSOperation, body: [UInt8], calls: [Int]) throws(JSONError) {
    let limits = JSONLimits(maximumBytes: 64 << 20)
    self.calls = calls
    if let member = operation.textMember {
      let text: JSON = [member: .string(String(decoding: body, as: UTF8.self))]
      result = try JSONDocument(parsing: text.bytes, limits: limits).root
      return
    }
    guard operation.service.isXML else {
      result = try JSONDocument(parsing: body, limits: limits).root
      return
    }
    let document = try JSONDocument(
      parsing: AWSXML.json(from: body, limits: limits), limits: limits)
    switch operation.service.wire {
    case .query:
      result = try document.root.value(
        at: "\(operation.name)Response", "\(operation.name)Result")
    case .ec2: result = try document.root.value(at: "\(operation.name)Response")
    default:
      // S3 names the root after the type, so any is right.
      guard let root = document.root.members.flatMap({ Array($0).first }) else {
        throw .missing(path: "$", expected: "an element")
      }
      result = root.value
    }
  }

  /// The cursor of the next page; `nil` where there is none.
  func cursor(_ path: [String]) throws(JSONError) -> String? {
    var reached = result
    for name in path {
      guard let next = try reached.optionalValue(at: name) else { return nil }
      reached = next
    }
    return reached.isNull ? nil : try reached.string()
  }
}

/// A refusal by AWS.
///
/// The server's own text is quoted only where it says which action is not allowed: other texts
/// repeat parts of the request, a session token among them.
struct AWSError: FailureConvertible, Equatable {
  var operation: String
  /// `AccessDenied`; empty where the answer was no AWS error.
  var code: String
  var status: Int
  /// The action that is not allowed.
  var action: String?
  /// The sentence about it.
  var explanation: String?
  /// The kind of policy that forbids it, where that is not a missing grant.
  var limit: String?
  /// Where S3 says that the bucket is.
  var region: String?

  init(_ operation: AWSOperation, _ response: HTTPResponse, _ body: [UInt8]) {
    self.operation = operation.fullName
    status = response.status.code
    var text: String?
    (code, text) = Self.read(response, body)
    if operation.service.wire == .restXML,
      let header = HTTPField.Name("x-amz-bucket-region"),
      let named = response.headerFields[header], AWSSettings.isRegion(named)
    {
      region = named
    }
    guard isDenied else { return }
    action = operation.action
    guard let text, let after = text.firstRange(of: "not authorized to perform: ") else { return }
    let named = text[after.upperBound...].prefix { !$0.isWhitespace && $0 != "," }
    if Self.isAction(named) { action = String(named) }
    limit = Self.limits.first { text.contains($0) }
    explanation = String(
      text.unicodeScalars.filter { $0.value >= 0x20 }.prefix(300).map(Character.init))
  }

  /// Source: botocore's service models and error tables.
  var isDenied: Bool {
    [
      "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError",
      "AuthorizationErrorException", "UnauthorizedException", "NotAuthorizedException",
    ].contains(code)
  }
  var isExpired: Bool {
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired"].contains(code)
  }
  /// Whether the clock may be wrong: the signature was too old or too new.
  var mayBeClock: Bool {
    [
      "SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed",
      "RequestInTheFuture", "RequestExpired",
    ].contains(code)
  }
  var isThrottled: Bool { status == 429 || Self.throttling.contains(code) }
  var isTransient: Bool {
    [500, 502, 503, 504].contains(status)
      || ["RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete"].contains(code)
  }
  /// That the object, which was listed before, has no such thing or is there no more.
  ///
  /// Source: the error names of botocore's service models.
  var isGone: Bool {
    code.hasPrefix("NoSuch") || code.contains("NotFound") || code.contains("DoesNotExist")
      || code.contains("NonExistent")
  }
  /// That the account has not signed up for the service, or the region has not all of it.
  private var isUnsupported: Bool {
    [
      "OptInRequired", "SubscriptionRequiredException", "UnknownOperationException",
      "RegionDisabledException",
    ].contains(code)
  }
  private var isCredential: Bool {
    [
      "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature",
      "MissingAuthenticationToken",
    ].contains(code) || isExpired || isUnknownCredential
  }

  /// That the credentials are none that are known there. A region that is switched off says so too.
  var isUnknownCredential: Bool {
    [
      "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId",
      "InvalidToken",
    ].contains(code)
  }
  /// That what was asked is wrong, and not who asks.
  var isOfInput: Bool { !isDenied && !isCredential && !isUnsupported }

  /// For a person: what came back.
  var summary: String {
    code.isEmpty ? "HTTP status \(status) without an AWS error" : "\(code) (HTTP status \(status))"
  }

  var collectionFailure: CollectionFailure {
    if isDenied {
      let permission = action ?? operation
      let remedy =
        limit.map { "a \($0) forbids it: allow \(permission) there for the role that reads" }
        ?? "grant \(permission) to the role that reads"
      return CollectionFailure(
        .denied,
        "\(operation) was denied; \(remedy) this account."
          + (explanation.map { " AWS says: \($0)" } ?? ""),
        missing: [permission])
    }
    if isCredential {
      return CollectionFailure(
        .failed,
        "\(operation) was refused with \(summary): the credentials are not valid there. Check "
          + "them, this machine's clock, and that the region is switched on for the account.")
    }
    if isUnsupported {
      return CollectionFailure(
        .unsupported, "\(operation) is not available to this account there: \(summary).")
    }
    return CollectionFailure(.failed, "\(operation) was refused with \(summary).")
  }

  /// Source: IAM User Guide, "Troubleshoot access denied error messages".
  private static let limits = [
    "service control policy", "resource control policy", "permissions boundary",
  ]

  private static let throttling: Set<String> = [
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
    "TooManyRequestsException", "ProvisionedThroughputExceededException",
    "TransactionInProgressException", "RequestLimitExceeded", "BandwidthLimitExceeded",
    "LimitExceededException", "RequestThrottled", "SlowDown", "EC2ThrottledException",
  ]

  /// Code and message, whichever of the three forms the body has.
  private static func read(_ response: HTTPResponse, _ body: [UInt8]) -> (String, String?) {
    var header: String?
    if let name = HTTPField.Name("x-amzn-errortype") { header = response.headerFields[name] }
    let isMarkup = body.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "<")
    let json = isMarkup ? try? AWSXML.json(from: body) : body
    guard let json, let root = try? JSONDocument(parsing: json).root else {
      return (plain(header ?? ""), nil)
    }
    var found = root
    for path in [["ErrorResponse", "Error"], ["Error"], ["Response", "Errors", "Error"]] {
      if let inner = path.reduce(root, { $0?[$1] }) { found = inner }
    }
    let code = header ?? text(found, "__type") ?? text(found, "Code") ?? text(found, "code") ?? ""
    return (plain(code), text(found, "message") ?? text(found, "Message"))
  }

  private static func text(_ view: JSONView, _ name: String) -> String? { view[name]?.string }

  /// `aws.lambda#Name:http://…` is `Name`; anything that is no name is empty.
  private static func plain(_ code: String) -> String {
    let name = code.prefix { $0 != ":" }.split(separator: "#").last ?? ""
    let isName =
      name.utf8.count <= 100
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") }
    return isName ? String(name) : ""
  }

  private static func isAction(_ text: Substring) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.count <= 100
          && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
      }
  }
}
