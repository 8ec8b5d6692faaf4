import HTTPTypes

/// Where a request goes, taken apart by one strict grammar.
///
/// libcurl's own parser is lenient (`http://2130706433`, `http://0x7f.1`, user names), so an
/// address is refused here before libcurl could read it differently from the checks.
struct Target {
  enum Scheme: String {
    case http, https
  }

  let scheme: Scheme
  /// Lower case; an IPv6 address in brackets.
  let host: String
  let port: UInt16
  /// Path and query as they are sent.
  let path: String

  /// As it appears in errors: the port only where it is not the scheme's own.
  var name: String { port == Self.defaultPort(scheme) ? host : "\(host):\(port)" }
  /// What connections and per-host limits are counted by.
  let origin: String
  var url: String { "\(scheme.rawValue)://\(name)\(path)" }

  /// Takes a request's target apart and applies the rule for plain HTTP.
  ///
  /// - Throws: `invalidRequest` and `plainHTTPRefused`.
  init(
    _ request: HTTPRequest, allowPlainHTTPToLoopback: Bool
  ) throws(HTTPError) {
    guard let (host, port) = splitAuthority(request.authority ?? "") else {
      throw HTTPError(
        .invalidRequest, detail: "the authority is not a host name or address and a port")
    }
    guard let scheme = Scheme(rawValue: request.scheme?.lowercased() ?? "") else {
      throw HTTPError(.invalidRequest, host: host, detail: "the scheme is not https")
    }
    let path = request.path ?? "/"
    guard isSendablePath(path) else {
      throw HTTPError(
        .invalidRequest, host: host,
        detail: "the path does not begin with / or has characters that must be percent-encoded")
    }
    self.init(
      scheme: scheme, host: host, port: port ?? Self.defaultPort(scheme), path: path)
    if scheme == .http, !(allowPlainHTTPToLoopback && isLoopback) {
      throw HTTPError(.plainHTTPRefused, host: name)
    }
  }

  init(scheme: Scheme, host: String, port: UInt16, path: String) {
    self.scheme = scheme
    self.host = host
    self.port = port
    self.path = path
    origin = "\(scheme.rawValue)://\(host):\(port)"
  }

  /// Whether the host can only be this machine: 127.0.0.0/8, ::1, localhost.
  var isLoopback: Bool {
    if ["127.0.0.1", "localhost", "[::1]"].contains(host) { return true }
    let octets = host.split(separator: ".", omittingEmptySubsequences: false)
    return octets.count == 4 && octets[0] == "127"
      && octets.allSatisfy { octet in UInt8(octet).map { String($0) == octet } ?? false }
  }

  /// Whether both are the same scheme, host and port.
  func hasSameOrigin(as other: Target) -> Bool {
    origin == other.origin
  }

  static func defaultPort(_ scheme: Scheme) -> UInt16 { scheme == .https ? 443 : 80 }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; `nil` for anything else, user names included.
private func splitAuthority(_ authority: String) -> (host: String, port: UInt16?)? {
  let host: Substring
  let rest: Substring
  if authority.hasPrefix("[") {
    guard let end = authority.utf8.firstIndex(of: UInt8(ascii: "]")) else { return nil }
    host = authority[...end]
    rest = authority[authority.index(after: end)...]
    let address = host.dropFirst().dropLast().utf8
    guard address.count >= 2, address.allSatisfy({ isHexDigit($0) || $0 == 0x3A || $0 == 0x2E })
    else { return nil }
  } else {
    let end = authority.utf8.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
    host = authority[..<end]
    rest = authority[end...]
    guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy(isNameByte) else { return nil }
  }
  if rest.isEmpty { return (host.lowercased(), nil) }
  let digits = rest.dropFirst()
  guard rest.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
    let port = UInt16(digits), port > 0
  else { return nil }
  return (host.lowercased(), port)
}

private func isHexDigit(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
}

/// Letters, digits, `-`, `.`, `_`: names with other letters come in their ASCII form (`xn--`).
private func isNameByte(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    || byte == 0x2D || byte == 0x2E || byte == 0x5F
}

/// Visible ASCII without `#`, which would begin a fragment, and `\`, which some read as `/`.
private func isSendablePath(_ path: String) -> Bool {
  path.hasPrefix("/")
    && path.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x23 && $0 != 0x5C }
}
