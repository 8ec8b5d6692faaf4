/// A request in the one form that both sides of a version 4 signature hash.
struct CanonicalRequest {
  /// What is hashed.
  let text: String
  /// Header names in lower case, sorted, separated by `;`.
  let signedHeaders: String

  /// - Parameter normalizesPath: whether dot segments and repeated slashes are resolved and the
  ///   path is encoded again. S3 takes it as sent, because its keys may hold any of them.
  init(_ request: SigV4.Request, added: [SigV4.Field], normalizesPath: Bool) {
    // Few enough to be searched one after another.
    var headers = [(name: "host", value: request.host)]
    for field in request.headers + added {
      let (name, value) = (field.name.lowercased(), collapseSpaces(field.value))
      if let index = headers.firstIndex(where: { $0.name == name }) {
        headers[index].value += ",\(value)"
      } else {
        headers.append((name, value))
      }
    }
    headers.sort { $0.name < $1.name }
    signedHeaders = headers.map(\.name).joined(separator: ";")
    let lines = headers.map { "\($0.name):\($0.value)\n" }.joined()
    let path = request.path.isEmpty ? "/" : request.path
    let canonicalPath =
      normalizesPath ? SigV4.percentEncode(removeDotSegments(path), keepsSlashes: true) : path
    text = [
      request.method, canonicalPath, SigV4.queryString(request.query), lines, signedHeaders,
      request.payloadHash,
    ].joined(separator: "\n")
  }
}

/// Without spaces at either end, and with one where there were several.
private func collapseSpaces(_ value: String) -> String {
  var isBlankBefore = true
  let isCollapsed = value.utf8.allSatisfy { byte in
    defer { isBlankBefore = byte == 0x20 }
    return byte > 0x20 || (byte == 0x20 && !isBlankBefore)
  }
  if isCollapsed, !isBlankBefore { return value }
  var kept: [UInt8] = []
  kept.reserveCapacity(value.utf8.count)
  for byte in value.utf8 {
    let isBlank = byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    guard isBlank else {
      kept.append(byte)
      continue
    }
    if let last = kept.last, last != 0x20 { kept.append(0x20) }
  }
  if kept.last == 0x20 { kept.removeLast() }
  return String(decoding: kept, as: UTF8.self)
}

/// RFC 3986 section 5.2.4, with repeated slashes taken as one.
private func removeDotSegments(_ path: String) -> String {
  if path == "/" { return path }
  var kept: [Substring] = []
  for bytes in path.utf8.split(separator: UInt8(ascii: "/")) {
    let segment = Substring(bytes)
    if segment == ".." { _ = kept.popLast() } else if segment != "." { kept.append(segment) }
  }
  let endsInSlash = path.hasSuffix("/") && !kept.isEmpty
  return "/" + kept.joined(separator: "/") + (endsInSlash ? "/" : "")
}
