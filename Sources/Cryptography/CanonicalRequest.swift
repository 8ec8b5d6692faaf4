/// A request in the one form that both sides of a version 4 signature hash.
struct CanonicalRequest {
  /// What is hashed.
  let text: String
  /// Header names in lower case, sorted, separated by `;`.
  let signedHeaders: String

  /// - Parameter normalizesPath: whether dot segments and repeated slashes are resolved and the
  ///   path is encoded again. S3 takes it as sent, because its keys may hold any of them.
  init(_ request: SigV4.Request, added: [SigV4.Field], normalizesPath: Bool) {
    var headers = ["host": [request.host]]
    for field in request.headers + added {
      headers[field.name.lowercased(), default: []].append(collapseSpaces(field.value))
    }
    let sorted = headers.sorted { $0.key < $1.key }
    signedHeaders = sorted.map(\.key).joined(separator: ";")
    let lines = sorted.map { "\($0.key):\($0.value.joined(separator: ","))\n" }.joined()
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
  value.split { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r\n" }.joined(separator: " ")
}

/// RFC 3986 section 5.2.4, with repeated slashes taken as one.
private func removeDotSegments(_ path: String) -> String {
  var kept: [Substring] = []
  for segment in path.split(separator: "/") where segment != "." {
    if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
  }
  let endsInSlash = path.hasSuffix("/") && !kept.isEmpty
  return "/" + kept.joined(separator: "/") + (endsInSlash ? "/" : "")
}
