import CCurl
import Glibc

/// The certificate authorities to trust, as one PEM text: the system's and those of `path`.
///
/// One text, because libcurl takes a file *instead of* the system's bundle.
///
/// - Throws: `invalidConfiguration` when the file cannot be read or holds no certificate.
func loadAuthorities(extra path: String) throws(HTTPError) -> [UInt8] {
  guard let extra = readFile(path) else {
    throw HTTPError(
      .invalidConfiguration,
      detail: "the CA file \(path) cannot be read: \(String(cString: strerror(errno)))")
  }
  guard String(decoding: extra, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") else {
    throw HTTPError(.invalidConfiguration, detail: "the CA file \(path) holds no PEM certificate")
  }
  return (systemBundle().flatMap(readFile) ?? []) + [UInt8(ascii: "\n")] + extra
}

/// The path of the bundle that libcurl was built to use; `nil` where it uses a directory only,
/// which it then reads besides.
private func systemBundle() -> String? {
  guard let easy = curl_easy_init() else { return nil }
  defer { curl_easy_cleanup(easy) }
  var path: UnsafeMutablePointer<CChar>?
  guard sv0_curl_get_string(easy, CURLINFO_CAINFO, &path) == CURLE_OK, let path else { return nil }
  return String(cString: path)
}

/// At most 16 MiB; `nil` with `errno` when the file cannot be read.
private func readFile(_ path: String) -> [UInt8]? {
  guard let file = fopen(path, "re") else { return nil }
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 16 << 20)
  let count = fread(&bytes, 1, bytes.count, file)
  guard ferror(file) == 0 else { return nil }
  return Array(bytes.prefix(count))
}
