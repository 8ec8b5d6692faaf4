import COpenSSL

/// SHA-256, in one call or in pieces.
///
/// A digest is 32 bytes; its text form is 64 lower-case hexadecimal digits.
/// Source: FIPS 180-4.
public enum SHA256 {
  /// The digest's length in bytes.
  public static let byteCount = 32

  /// The 32-byte digest of `bytes`.
  public static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
    var hasher = Hasher()
    hasher.update(bytes)
    return hasher.finish()
  }

  /// The 32-byte digest of the text's UTF-8 bytes.
  public static func hash(_ text: String) -> [UInt8] { hash(text.utf8) }

  /// The digest of `bytes` as lower-case hexadecimal text.
  public static func hexDigest(_ bytes: some Collection<UInt8>) -> String {
    Hex.encode(hash(bytes))
  }

  /// The digest of the text's UTF-8 bytes as lower-case hexadecimal text.
  public static func hexDigest(_ text: String) -> String { Hex.encode(hash(text)) }

  /// Confirms that OpenSSL can hash. Call it once, when the process starts.
  ///
  /// - Throws: `CryptographyError.digestUnavailable`, with OpenSSL's reason.
  public static func checkAvailable() throws(CryptographyError) {
    ERR_clear_error()
    guard let algorithm = EVP_MD_fetch(nil, "SHA2-256", nil) else {
      throw .digestUnavailable(reason: drainOpenSSLErrors())
    }
    EVP_MD_free(algorithm)
  }

  /// A digest that grows as bytes arrive. It has one owner, and ends with `finish()`.
  public struct Hasher: ~Copyable {
    private let context: OpaquePointer

    public init() {
      guard let context = EVP_MD_CTX_new(),
        EVP_DigestInit_ex2(context, Algorithm.sha256.pointer, nil) == 1
      else { Algorithm.stop() }
      self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes to the end of what is hashed.
    public mutating func update(_ bytes: some Collection<UInt8>) {
      let isHashed =
        bytes.withContiguousStorageIfAvailable { update($0) }
        ?? Array(bytes).withUnsafeBufferPointer { update($0) }
      guard isHashed else { Algorithm.stop() }
    }

    /// Adds the text's UTF-8 bytes to the end of what is hashed.
    public mutating func update(_ text: String) { update(text.utf8) }

    /// The 32-byte digest of everything added.
    public consuming func finish() -> [UInt8] {
      [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
        guard EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1 else { Algorithm.stop() }
        count = SHA256.byteCount
      }
    }

    private func update(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
      EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
    }
  }
}

/// The fetched algorithm. Fetching costs more than hashing a small record, so it is done once.
///
/// `@unchecked Sendable`: OpenSSL lets threads share a fetched EVP_MD, which never changes.
/// Source: openssl-threads(7), "objects that are not modified after construction".
struct Algorithm: @unchecked Sendable {
  static let sha256 = Algorithm()

  let pointer: OpaquePointer

  private init() {
    guard let pointer = EVP_MD_fetch(nil, "SHA2-256", nil) else { Algorithm.stop() }
    self.pointer = pointer
  }

  /// Ends the process: without SHA-256 or memory no result would be true.
  static func stop() -> Never {
    fatalError(
      CryptographyError.digestUnavailable(reason: drainOpenSSLErrors()).description)
  }
}
