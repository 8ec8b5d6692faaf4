import CCurl
import HTTPTypes

/// Where a response redirects to; `nil` when it does not.
func redirectLocation(_ response: HTTPResponse) -> String? {
  [301, 302, 303, 307, 308].contains(response.status.code)
    ? response.headerFields[.location] : nil
}

extension Target {
  /// The target of a redirect, which must be at the same scheme, host and port.
  ///
  /// A token endpoint or API that sends its clients elsewhere is either misconfigured or not who
  /// it says; neither is followed.
  ///
  /// - Throws: `redirectRefused`.
  func redirected(
    to location: String, method: HTTPRequest.Method
  ) throws(HTTPError) -> Target {
    guard method == .get || method == .head else {
      throw HTTPError(
        .redirectRefused, host: name, detail: "only GET and HEAD are sent a second time")
    }
    guard let next = resolve(location) else {
      throw HTTPError(.redirectRefused, host: name, detail: "its location is not a usable address")
    }
    guard next.hasSameOrigin(as: self) else {
      throw HTTPError(
        .redirectRefused, host: name, detail: "it leads to another scheme, host or port")
    }
    return next
  }

  /// Resolves a relative or absolute location as RFC 3986 section 5 says; the fragment is dropped.
  private func resolve(_ location: String) -> Target? {
    guard let handle = curl_url() else { return nil }
    defer { curl_url_cleanup(handle) }
    guard curl_url_set(handle, CURLUPART_URL, url, UInt32(CURLU_PATH_AS_IS)) == CURLUE_OK,
      curl_url_set(handle, CURLUPART_URL, location, UInt32(CURLU_PATH_AS_IS)) == CURLUE_OK,
      part(handle, CURLUPART_USER) == nil, part(handle, CURLUPART_PASSWORD) == nil,
      let scheme = part(handle, CURLUPART_SCHEME), let host = part(handle, CURLUPART_HOST),
      let path = part(handle, CURLUPART_PATH)
    else { return nil }
    let port = part(handle, CURLUPART_PORT).map { ":\($0)" } ?? ""
    let query = part(handle, CURLUPART_QUERY).map { "?\($0)" } ?? ""
    return try? Target(
      HTTPRequest(method: .get, scheme: scheme, authority: host + port, path: path + query),
      allowPlainHTTPToLoopback: true)
  }
}

private func part(_ handle: OpaquePointer, _ which: CURLUPart) -> String? {
  var text: UnsafeMutablePointer<CChar>?
  guard curl_url_get(handle, which, &text, 0) == CURLUE_OK, let text else { return nil }
  defer { curl_free(text) }
  return String(cString: text)
}
