import HTTPTypes

/// One request on the wire, checked and ready for libcurl.
struct Exchange: Sendable {
  let method: String
  private(set) var target: Target
  /// `name: value` lines in libcurl's form, without those that libcurl writes.
  private(set) var headerLines: [String]
  /// Empty where `sendsBody` is false.
  let body: [UInt8]
  let limits: HTTPLimits
  let deadline: ContinuousClock.Instant

  /// Whether a body, though perhaps an empty one, belongs to the method.
  var sendsBody: Bool { !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method) }

  /// - Throws: `invalidRequest`.
  init(
    _ request: HTTPRequest, body: [UInt8], target: Target, userAgent: String, limits: HTTPLimits,
    deadline: ContinuousClock.Instant
  ) throws(HTTPError) {
    func refusal(_ detail: String) -> HTTPError {
      HTTPError(.invalidRequest, host: target.name, detail: detail)
    }
    switch request.method {
    case .connect, .trace:
      throw refusal("the method \(request.method.rawValue) is not supported")
    case .get, .head:
      if !body.isEmpty { throw refusal("\(request.method.rawValue) has no body") }
    default: break
    }
    var lines: [String] = []
    var hasUserAgent = false
    var hasContentType = false
    for field in request.headerFields {
      let name = field.name.canonicalName
      if Self.ownHeaders.contains(name) { throw refusal("the client writes \(name) itself") }
      hasUserAgent = hasUserAgent || field.name == .userAgent
      hasContentType = hasContentType || field.name == .contentType
      lines.append(headerLine(field))
    }
    if !hasUserAgent { lines.append(headerLine(HTTPField(name: .userAgent, value: userAgent))) }
    // A name without a value takes out what libcurl would add: a form's type, a wait for 100.
    if !hasContentType { lines.append("content-type:") }
    lines.append("expect:")
    method = request.method.rawValue
    self.target = target
    headerLines = lines
    self.body = body
    self.limits = limits
    self.deadline = deadline
  }

  /// The same request at another path of the same server, with harmless headers only: a header
  /// that is not known to be harmless may be a credential meant for the first path.
  func redirected(to target: Target) -> Exchange {
    var next = self
    next.target = target
    next.headerLines = headerLines.filter { line in
      Self.redirectedHeaders.contains { line.lowercased().hasPrefix("\($0):") }
    }
    return next
  }

  private static let ownHeaders: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "expect", "accept-encoding",
  ]
  private static let redirectedHeaders = [
    "accept", "accept-language", "user-agent", "content-type", "expect",
  ]
}

/// libcurl's form: a semicolon instead of the colon keeps a header whose value is empty.
private func headerLine(_ field: HTTPField) -> String {
  field.value.isEmpty ? "\(field.name.rawName);" : "\(field.name.rawName): \(field.value)"
}
