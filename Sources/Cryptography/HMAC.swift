import COpenSSL

/// Keyed hashing, to sign and to verify messages.
///
/// Source: RFC 2104, test vectors in RFC 4231.
public enum HMAC {
  /// The 32-byte HMAC-SHA-256 of `message`.
  ///
  /// A key of any length is allowed; longer than 64 bytes it is hashed first, as the RFC says.
  /// To verify, compare with `isEqualInConstantTime`, not with `==`.
  public static func sha256(
    _ message: some Collection<UInt8>, key: some Collection<UInt8>
  ) -> [UInt8] {
    let message = Array(message)
    var key = Array(key)
    // OpenSSL takes the length as a C int; the RFC's own first step makes any key short.
    if key.count > 64 { key = SHA256.hash(key) }
    return [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
      let digest = COpenSSL.HMAC(
        Algorithm.sha256.pointer, key, Int32(key.count), message, message.count,
        buffer.baseAddress, nil)
      guard digest != nil else { Algorithm.stop() }
      count = SHA256.byteCount
    }
  }

  /// The 32-byte HMAC-SHA-256 of the message under a secret key.
  public static func sha256(_ message: some Collection<UInt8>, key: Secret) -> [UInt8] {
    sha256(message, key: key.bytes)
  }
}
