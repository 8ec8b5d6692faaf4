import CCurl
import HTTPTypes

/// A libcurl easy handle at work, with what has arrived so far.
///
/// Lives on the transfers' thread only: libcurl calls back on the thread that runs the multi
/// handle. The handle points at this object, so its owner keeps it until the handle is removed.
final class Transfer {
  let id: UInt64
  let exchange: Exchange
  let easy: UnsafeMutableRawPointer
  private var headerList: UnsafeMutablePointer<curl_slist>?
  private var resolveList: UnsafeMutablePointer<curl_slist>?
  /// Where libcurl writes its explanation. Only shown for TLS: others may quote the URL.
  private let errorText: UnsafeMutablePointer<CChar>
  private var body: [UInt8] = []
  private var fields: [HTTPField] = []
  private var headerByteCount = 0
  private var headersEnded = false
  /// Why a callback stopped the transfer.
  private var exceeded: HTTPError.Part?

  /// - Throws: `timedOut(.total)` when no time is left, `failed` when libcurl takes no option.
  init(
    id: UInt64, exchange: Exchange, configuration: HTTPConfiguration, authorities: [UInt8]?
  ) throws(HTTPError) {
    let host = exchange.target.name
    let left = milliseconds(exchange.deadline - ContinuousClock.now)
    guard left > 0 else {
      throw HTTPError(.timedOut(.total), host: host, detail: "limit \(exchange.limits.total)")
    }
    guard let easy = curl_easy_init() else {
      throw HTTPError(.failed, host: host, detail: "no handle")
    }
    self.id = id
    self.exchange = exchange
    self.easy = easy
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    var options = EasyOptions(easy: easy)
    setMethodAndHeaders(&options)
    setConnection(&options, configuration: configuration, authorities: authorities)
    setLimits(&options, millisecondsLeft: left)
    setCallbacks(&options)
    guard options.result == CURLE_OK else {
      throw HTTPError(.failed, host: host, detail: reason(options.result))
    }
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(headerList)
    curl_slist_free_all(resolveList)
    errorText.deallocate()
  }

  /// The response, or what libcurl's result means.
  func outcome(_ result: CURLcode) -> Result<(HTTPResponse, [UInt8]), HTTPError> {
    guard result == CURLE_OK else { return .failure(error(result)) }
    var status = 0
    _ = sv0_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    guard (100...999).contains(status) else {
      return .failure(HTTPError(.malformedResponse, host: exchange.target.name))
    }
    var headers = HTTPFields(fields)
    if headers.contains(.contentEncoding) {
      headers[.contentEncoding] = nil
      headers[.contentLength] = nil
    }
    return .success((HTTPResponse(status: .init(code: status), headerFields: headers), body))
  }

  // MARK: Options

  private func setMethodAndHeaders(_ options: inout EasyOptions) {
    options.set(CURLOPT_URL, exchange.target.url)
    options.set(CURLOPT_PATH_AS_IS, 1)
    if exchange.method == "HEAD" {
      options.set(CURLOPT_NOBODY, 1)
    } else {
      if exchange.sendsBody {
        options.set(CURLOPT_POST, 1)
        options.setOffset(CURLOPT_POSTFIELDSIZE_LARGE, exchange.body.count)
        options.setCopiedBytes(CURLOPT_COPYPOSTFIELDS, exchange.body)
      }
      options.set(CURLOPT_CUSTOMREQUEST, exchange.method)
    }
    for line in exchange.headerLines { options.append(line, to: &headerList) }
    options.set(CURLOPT_HTTPHEADER, headerList)
    options.set(CURLOPT_ACCEPT_ENCODING, "gzip")
  }

  private func setConnection(
    _ options: inout EasyOptions, configuration: HTTPConfiguration, authorities: [UInt8]?
  ) {
    let target = exchange.target
    options.set(CURLOPT_PROTOCOLS_STR, target.scheme.rawValue)
    options.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    options.set(CURLOPT_NOSIGNAL, 1)
    options.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    options.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    options.set(CURLOPT_SSL_VERIFYPEER, 1)
    options.set(CURLOPT_SSL_VERIFYHOST, 2)
    options.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    if let authorities { options.setBlob(CURLOPT_CAINFO_BLOB, authorities) }
    if configuration.proxy == .none || target.scheme == .http { options.set(CURLOPT_PROXY, "") }
    if target.host == "localhost" {
      // Whatever the resolver says, this name is this machine (RFC 6761 section 6.3).
      options.append("localhost:\(target.port):127.0.0.1,[::1]", to: &resolveList)
      options.set(CURLOPT_RESOLVE, resolveList)
    }
  }

  private func setLimits(_ options: inout EasyOptions, millisecondsLeft: Int) {
    let limits = exchange.limits
    let idleSeconds = (milliseconds(limits.idle) + 999) / 1000
    // libcurl reads 0 as "no limit", so the least is 1.
    options.set(CURLOPT_TIMEOUT_MS, millisecondsLeft)
    options.set(
      CURLOPT_CONNECTTIMEOUT_MS, max(1, min(milliseconds(limits.connect), millisecondsLeft)))
    options.set(CURLOPT_LOW_SPEED_TIME, max(1, idleSeconds))
    options.set(CURLOPT_LOW_SPEED_LIMIT, max(1, limits.idleBytesPerSecond))
  }

  private func setCallbacks(_ options: inout EasyOptions) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    options.set(CURLOPT_PRIVATE, context)
    options.set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(errorText))
    options.set(CURLOPT_WRITEDATA, context)
    options.set(CURLOPT_WRITEFUNCTION) { bytes, _, count, context in
      guard let bytes, let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      return transfer.receiveBody(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
    options.set(CURLOPT_HEADERDATA, context)
    options.set(CURLOPT_HEADERFUNCTION) { bytes, _, count, context in
      guard let bytes, let context else { return 0 }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      return transfer.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
  }

  // MARK: Arriving bytes

  /// False stops the transfer.
  private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard body.count + bytes.count <= exchange.limits.responseBytes else {
      exceeded = .body
      return false
    }
    body.append(contentsOf: bytes)
    return true
  }

  /// Takes one header line with its line end; false stops the transfer.
  private func receiveHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
    headerByteCount += bytes.count
    guard headerByteCount <= exchange.limits.headerBytes else {
      exceeded = .headers
      return false
    }
    let line = bytes.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
    if line.starts(with: "HTTP/".utf8), fields.isEmpty || headersEnded, body.isEmpty {
      // A final response after an interim one begins anew.
      fields = []
      headersEnded = false
    } else if line.isEmpty {
      headersEnded = true
    } else if !headersEnded {
      append(line)
    }
    // Lines after the body are trailers: they are counted and dropped.
    return true
  }

  private func append(_ line: Slice<UnsafeRawBufferPointer>) {
    if let first = line.first, first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") {
      // A folded line continues the value before it (RFC 9112 section 5.2).
      guard let last = fields.popLast() else { return }
      let more = String(decoding: line.drop { $0 == first }, as: UTF8.self)
      fields.append(HTTPField(name: last.name, value: "\(last.value) \(more)"))
      return
    }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
      let name = HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self))
    else { return }
    let value = line[line.index(after: colon)...]
    fields.append(HTTPField(name: name, value: Array(value)))
  }

  // MARK: Errors

  private func error(_ result: CURLcode) -> HTTPError {
    let host = exchange.target.name
    if let exceeded {
      let limit =
        exceeded == .body ? exchange.limits.responseBytes : exchange.limits.headerBytes
      return HTTPError(.tooLarge(exceeded), host: host, detail: "limit \(limit) bytes")
    }
    var proxyStatus = 0
    _ = sv0_curl_get_long(easy, CURLINFO_HTTP_CONNECTCODE, &proxyStatus)
    if proxyStatus >= 300 {
      return HTTPError(.unreachable, host: host, detail: "the proxy answered \(proxyStatus)")
    }
    if result == CURLE_OPERATION_TIMEDOUT { return timeOutError() }
    let kind = kind(result)
    let detail = kind == .tlsRefused ? String(cString: errorText) : ""
    return HTTPError(kind, host: host, detail: detail.isEmpty ? reason(result) : detail)
  }

  private func timeOutError() -> HTTPError {
    let limits = exchange.limits
    var requestStart: curl_off_t = 0
    _ = sv0_curl_get_off_t(easy, CURLINFO_PRETRANSFER_TIME_T, &requestStart)
    let phase: HTTPError.Phase
    let limit: Duration
    // libcurl counts whole milliseconds from an earlier reading of the clock, so it gives up
    // a moment before the deadline; that is still the deadline's doing.
    if exchange.deadline - ContinuousClock.now < .milliseconds(10) {
      (phase, limit) = (.total, limits.total)
    } else if requestStart == 0 {
      (phase, limit) = (.connect, limits.connect)
    } else {
      (phase, limit) = (.idle, limits.idle)
    }
    return HTTPError(
      .timedOut(phase), host: exchange.target.name, detail: "limit \(limit)")
  }

  private func kind(_ result: CURLcode) -> HTTPError.Kind {
    switch result {
    case CURLE_COULDNT_CONNECT, CURLE_PROXY: return .unreachable
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: return .nameNotResolved
    case CURLE_SSL_CONNECT_ERROR:
      // A connection that breaks in the handshake is no verdict on the certificate.
      return String(cString: errorText).contains("SSL_ERROR_SYSCALL")
        || String(cString: errorText).contains("unexpected eof") ? .connectionLost : .tlsRefused
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CIPHER, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
      return .tlsRefused
    case CURLE_SSL_CACERT_BADFILE: return .invalidConfiguration
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR:
      return .connectionLost
    case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING, CURLE_UNSUPPORTED_PROTOCOL,
      CURLE_WRITE_ERROR:
      // The callbacks' own refusals are `exceeded`; what is left is the decompression.
      return .malformedResponse
    case CURLE_URL_MALFORMAT: return .invalidRequest
    default: return .failed
    }
  }
}

/// libcurl's constant text for a result, which quotes nothing of the request.
private func reason(_ result: CURLcode) -> String {
  "\(String(cString: curl_easy_strerror(result))), libcurl \(result.rawValue)"
}

/// Whole milliseconds, at most what libcurl can take.
func milliseconds(_ duration: Duration) -> Int {
  let (seconds, attoseconds) = duration.components
  guard seconds < 2_000_000 else { return 2_000_000_000 }
  return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
}
