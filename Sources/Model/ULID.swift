/// A sortable unique id of 26 characters: 48 bits of time, 80 random bits, in Crockford's base 32.
///
/// Source: https://github.com/ulid/spec
public struct ULID: Sendable, Hashable, CustomStringConvertible {
  public let description: String

  /// - Parameter random: at least ten bytes from a cryptographic source; the first ten are used.
  public init(at time: Timestamp, random: [UInt8]) {
    let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
    var value = UInt128(UInt64(clamping: time.milliseconds) & 0xFFFF_FFFF_FFFF)
    for byte in random.prefix(10) { value = value << 8 | UInt128(byte) }
    let characters = (0..<26).map { alphabet[Int(value >> UInt128((25 - $0) * 5) & 31)] }
    description = String(decoding: characters, as: UTF8.self)
  }

  /// Whether the text could be a ULID: 26 characters of the alphabet, and no overflow.
  public static func isValid(_ text: String) -> Bool {
    guard text.utf8.count == 26, let first = text.utf8.first, first <= UInt8(ascii: "7") else {
      return false
    }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "I"), UInt8(ascii: "L"), UInt8(ascii: "O"), UInt8(ascii: "U"): false
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      default: false
      }
    }
  }
}
