import CCurl

/// Sets options of an easy handle and remembers the first refusal.
struct EasyOptions {
  let easy: UnsafeMutableRawPointer
  private(set) var result = CURLE_OK

  init(easy: UnsafeMutableRawPointer) {
    self.easy = easy
  }

  mutating func set(_ option: CURLoption, _ value: Int) {
    note(sv0_curl_set_long(easy, option, value))
  }

  /// libcurl copies the text.
  mutating func set(_ option: CURLoption, _ value: String) {
    note(sv0_curl_set_string(easy, option, value))
  }

  /// libcurl keeps the pointer.
  mutating func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer) {
    note(sv0_curl_set_pointer(easy, option, value))
  }

  /// libcurl keeps the list.
  mutating func set(_ option: CURLoption, _ value: UnsafeMutablePointer<curl_slist>?) {
    note(sv0_curl_set_list(easy, option, value))
  }

  mutating func set(_ option: CURLoption, _ callback: sv0_curl_write_callback) {
    note(sv0_curl_set_callback(easy, option, callback))
  }

  mutating func setOffset(_ option: CURLoption, _ value: Int) {
    note(sv0_curl_set_off_t(easy, option, curl_off_t(value)))
  }

  /// libcurl copies as many bytes as `CURLOPT_POSTFIELDSIZE_LARGE` said before.
  mutating func setCopiedBytes(_ option: CURLoption, _ bytes: [UInt8]) {
    bytes.withUnsafeBytes { buffer in
      note(
        sv0_curl_set_pointer(easy, option, UnsafeMutableRawPointer(mutating: buffer.baseAddress)))
    }
  }

  mutating func setBlob(_ option: CURLoption, _ bytes: [UInt8]) {
    note(sv0_curl_set_blob(easy, option, bytes, bytes.count))
  }

  /// Appends a copy of the line; on failure the list stays as it was.
  mutating func append(_ line: String, to list: inout UnsafeMutablePointer<curl_slist>?) {
    guard let longer = curl_slist_append(list, line) else { return note(CURLE_OUT_OF_MEMORY) }
    list = longer
  }

  private mutating func note(_ code: CURLcode) {
    if result == CURLE_OK { result = code }
  }
}
