/// Base64 with `+`, `/` and padding: webhook secrets and signatures, basic authentication.
///
/// Decoding is strict: no white space, no missing padding, no stray bits after the last byte, so
/// one byte string has exactly one text. Source: RFC 4648 section 4.
public enum Base64 {
  /// The bytes as base64 text, padded to a multiple of four characters.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    Alphabet.standard.encode(bytes, isPadded: true)
  }

  /// The bytes that the text stands for.
  ///
  /// - Throws: `CryptographyError.malformedText`.
  public static func decode(_ text: String) throws(CryptographyError) -> [UInt8] {
    var digits = Array(text.utf8)[...]
    var padding = 0
    while digits.last == UInt8(ascii: "="), padding < 2 {
      digits.removeLast()
      padding += 1
    }
    guard (digits.count + padding).isMultiple(of: 4), let bytes = Alphabet.standard.decode(digits)
    else { throw .malformedText(encoding: "base64") }
    return bytes
  }
}

/// Base64 with `-` and `_` and no padding: JSON web tokens, values in URLs.
///
/// As strict as `Base64`; padding is refused. Source: RFC 4648 section 5, RFC 7515 section 2.
public enum Base64URL {
  /// The bytes as base64url text without padding.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    Alphabet.url.encode(bytes, isPadded: false)
  }

  /// The bytes that the text stands for.
  ///
  /// - Throws: `CryptographyError.malformedText`.
  public static func decode(_ text: String) throws(CryptographyError) -> [UInt8] {
    guard let bytes = Alphabet.url.decode(Array(text.utf8)[...]) else {
      throw .malformedText(encoding: "base64url")
    }
    return bytes
  }
}

/// The 64 digits of one variant, and their values.
private struct Alphabet: Sendable {
  static let standard = Alphabet("+/")
  static let url = Alphabet("-_")

  let digits: [UInt8]
  /// The value of each byte as a digit; 64 where it is none.
  let values: [UInt8]

  init(_ lastTwo: String) {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    digits = Array((letters + lastTwo).utf8)
    var values = [UInt8](repeating: 64, count: 256)
    for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
    self.values = values
  }

  func encode(_ bytes: some Collection<UInt8>, isPadded: Bool) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var bits: UInt32 = 0
    var bitCount = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        text.append(digits[Int(bits >> UInt32(bitCount) & 63)])
      }
    }
    if bitCount > 0 { text.append(digits[Int(bits << UInt32(6 - bitCount) & 63)]) }
    while isPadded, !text.count.isMultiple(of: 4) { text.append(UInt8(ascii: "=")) }
    return String(decoding: text, as: UTF8.self)
  }

  /// `nil` when a byte is no digit, one digit is left over, or the unused last bits are not zero.
  func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4)
    var bits: UInt32 = 0
    var bitCount = 0
    for digit in text {
      let value = values[Int(digit)]
      guard value < 64 else { return nil }
      bits = bits << 6 | UInt32(value)
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
      }
    }
    return bits & (1 << UInt32(bitCount) - 1) == 0 ? bytes : nil
  }
}
