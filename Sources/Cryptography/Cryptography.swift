/// # Cryptography
///
/// What the pipeline needs of OpenSSL 3, as plain values: `SHA256` (receipts, digests), `HMAC`
/// (webhook signatures), `Base64`, `Base64URL`, `Hex` (text forms), `SecureRandom` (ids, nonces),
/// `isEqualInConstantTime` (comparing signatures), `Secret` (text that never prints) and `SigV4`
/// (AWS request signing). The only importer of `COpenSSL`.
///
/// Every function is synchronous, keeps no state between calls and may be called from any thread.
/// OpenSSL's error queue belongs to a thread, so each function that fails empties it before it
/// returns: an await between would read another task's errors.
///
/// Hashing does not throw. SHA-256 can fail only where OpenSSL has been configured without it, or
/// memory ran out; `SHA256.checkAvailable()` reports the first as an error, once, at the start of
/// the process. What depends on outside input (decoding text, asking for entropy) throws
/// `CryptographyError`.
///
/// ```swift
/// try SHA256.checkAvailable()
/// let receipt = SHA256.hexDigest(record.value)
/// let key = Secret(try Base64.decode(text))
/// let signature = Base64.encode(HMAC.sha256(message, key: key))
/// guard isEqualInConstantTime(signature.utf8, received.utf8) else { return .refused }
/// ```

import COpenSSL

/// Why a cryptographic operation gave no result.
///
/// Never carries the input: what failed to decode is often a credential.
public enum CryptographyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// OpenSSL has no usable SHA-256: its configuration or its provider modules are broken.
  case digestUnavailable(reason: String)
  /// The operating system gave OpenSSL no entropy.
  case randomnessUnavailable(reason: String)
  /// Text is not in the encoding named (`base64`, `base64url`, `hex`).
  case malformedText(encoding: String)

  /// Always false: the same call gives the same answer until somebody changes something.
  public var isRetriable: Bool { false }

  public var description: String {
    switch self {
    case .digestUnavailable(let reason):
      "OpenSSL offers no SHA-256 (\(reason)): nothing can be hashed or signed. "
        + "Check OPENSSL_CONF and the installed provider modules."
    case .randomnessUnavailable(let reason):
      "OpenSSL could not gather entropy (\(reason)): no id or nonce can be made. "
        + "Check that the process may call getrandom or read /dev/urandom."
    case .malformedText(let encoding):
      "The text is not \(encoding): it has another alphabet, length or padding. "
        + "Check that the value was copied whole and is in this encoding."
    }
  }
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
///
/// For signatures and tokens: an ordinary comparison stops at the first difference, which tells
/// a patient caller how much of a guess was right. The lengths are not hidden.
public func isEqualInConstantTime(
  _ left: some Collection<UInt8>, _ right: some Collection<UInt8>
) -> Bool {
  let left = Array(left)
  let right = Array(right)
  guard left.count == right.count else { return false }
  return CRYPTO_memcmp(left, right, left.count) == 0
}

/// Empties this thread's OpenSSL error queue and returns its first reason.
///
/// Call it in the same synchronous function as the call that failed.
func drainOpenSSLErrors() -> String {
  var reason: String?
  while true {
    let code = ERR_get_error()
    if code == 0 { return reason ?? "no reason given" }
    if reason == nil { reason = ERR_reason_error_string(code).map { String(cString: $0) } }
  }
}
