/// Where a webhook goes: an `https` URL, or `http` to this machine.
///
/// Whoever configures a sink must not be able to make the notifier talk to what only its machine
/// can reach without authentication: link-local addresses, among them the metadata services of the
/// clouds, are refused as literal hosts. A name that resolves to one is not seen here; those
/// services answer neither over TLS nor to a POST.
struct WebhookAddress: Sendable, Equatable {
  static let accepted = "an https URL without user name or fragment"

  let scheme: String
  /// Lower case; an IPv6 address in brackets.
  let host: String
  /// Host and, where given, port.
  let authority: String
  /// Path and query as they are sent.
  let path: String

  struct Refused: Error {
    var message: String
  }

  /// - Throws: `Refused`, which never quotes the text: paths of webhooks are often secret.
  init(_ text: String) throws(Refused) {
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x5C && $0 != 0x23 }),
      let colon = text.firstRange(of: "://")
    else {
      throw Refused(message: "must be \(Self.accepted), with other characters percent-encoded")
    }
    scheme = text[..<colon.lowerBound].lowercased()
    let rest = text[colon.upperBound...]
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    authority = rest[..<end].lowercased()
    path = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
    guard !authority.contains("@") else {
      throw Refused(
        message: "must not have a user name or password in it; sign with secret instead")
    }
    guard let host = Self.host(of: authority) else {
      throw Refused(
        message: "must be \(Self.accepted), with a host name or address and maybe a port")
    }
    self.host = host
    let address = IPAddress(host)
    guard address != nil || !Self.endsInNumber(host) else {
      throw Refused(
        message: "must not write an address in any other way than 192.0.2.1 or [2001:db8::1]")
    }
    guard address?.isLinkLocal != true else {
      throw Refused(
        message:
          "must not be a link-local, metadata or unspecified address: those lead to services "
          + "of the notifier's own machine or cloud")
    }
    let isLoopback = host == "localhost" || address?.isLoopback == true
    guard scheme == "https" || (scheme == "http" && isLoopback) else {
      throw Refused(message: "must be \(Self.accepted); plain http only to a loopback address")
    }
  }

  private static func host(of authority: String) -> String? {
    let host: Substring
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      host = authority[...end]
      guard IPAddress(String(host)) != nil else { return nil }
    } else {
      host = authority.prefix { $0 != ":" }
      let isName = host.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || "-._".utf8.contains(byte)
      }
      guard (1...253).contains(host.utf8.count), isName else { return nil }
    }
    let port = authority.dropFirst(host.count)
    guard port.isEmpty || (port.hasPrefix(":") && (UInt16(port.dropFirst()) ?? 0) > 0) else {
      return nil
    }
    return String(host)
  }

  /// Such hosts are IPv4 addresses to many resolvers, in forms that hide which (`0x7f.1`).
  /// Source: WHATWG URL, "ends in a number checker".
  private static func endsInNumber(_ host: String) -> Bool {
    let labels = host.split(separator: ".")
    guard let last = labels.last else { return true }
    return last.utf8.allSatisfy { (0x30...0x39).contains($0) } || last.hasPrefix("0x")
  }
}

/// A literal address, as sixteen bytes: IPv4 is mapped into IPv6.
struct IPAddress: Equatable {
  private let bytes: [UInt8]

  /// Reads `192.0.2.1` or `[2001:db8::1]`; `nil` for anything else.
  init?(_ host: String) {
    if host.hasPrefix("["), host.hasSuffix("]") {
      guard let bytes = Self.ipv6(host.dropFirst().dropLast()) else { return nil }
      self.bytes = bytes
    } else {
      guard let bytes = Self.ipv4(host[...]) else { return nil }
      self.bytes = Self.mapped + bytes
    }
  }

  var isLoopback: Bool {
    bytes == [UInt8](repeating: 0, count: 15) + [1] || ipv4.map { $0[0] == 127 } ?? false
  }

  /// Link-local, unspecified, or where a cloud's metadata service answers.
  var isLinkLocal: Bool {
    if let ipv4 {
      return ipv4[0] == 0 || ipv4.starts(with: [169, 254]) || ipv4 == [168, 63, 129, 16]
        || ipv4 == [100, 100, 100, 200]
    }
    let isUnspecified = bytes.allSatisfy { $0 == 0 }
    let isUnicast = bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
    // fd00:ec2::254, the metadata service of EC2.
    let isMetadata =
      bytes == [0xFD, 0, 0x0E, 0xC2] + [UInt8](repeating: 0, count: 10) + [0x02, 0x54]
    return isUnspecified || isUnicast || isMetadata
  }

  private static let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
  /// The well-known prefix under which NAT64 reaches IPv4. Source: RFC 6052.
  private static let translated: [UInt8] = [0, 0x64, 0xFF, 0x9B] + [UInt8](repeating: 0, count: 8)

  private var ipv4: ArraySlice<UInt8>.SubSequence? {
    guard bytes.starts(with: Self.mapped) || bytes.starts(with: Self.translated) else { return nil }
    return Array(bytes.suffix(4))[...]
  }

  private static func ipv4(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let octets = parts.compactMap { part in UInt8(part).flatMap { String($0) == part ? $0 : nil } }
    return parts.count == 4 && octets.count == 4 ? octets : nil
  }

  /// Source: RFC 4291 section 2.2.
  private static func ipv6(_ text: Substring) -> [UInt8]? {
    let halves = text.split(separator: "::", omittingEmptySubsequences: false)
    guard (1...2).contains(halves.count), let head = groups(halves[0]) else { return nil }
    guard halves.count == 2 else { return head.count == 16 ? head : nil }
    guard let tail = groups(halves[1]), head.count + tail.count <= 14 else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  private static func groups(_ text: Substring) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    var bytes: [UInt8] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1, part.contains(".") {
        guard let octets = ipv4(part) else { return nil }
        bytes += octets
      } else {
        guard (1...4).contains(part.utf8.count), part.utf8.first != UInt8(ascii: "+"),
          let group = UInt16(part, radix: 16)
        else { return nil }
        bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
      }
    }
    return bytes.count <= 16 ? bytes : nil
  }
}
