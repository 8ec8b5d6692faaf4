/// Hexadecimal text: two digits a byte.
public enum Hex {
  /// The bytes as lower-case hexadecimal text.
  public static func encode(_ bytes: some Collection<UInt8>) -> String {
    String(unsafeUninitializedCapacity: bytes.count * 2) { text in
      var count = 0
      for byte in bytes {
        text[count] = digit(byte >> 4, letters: "a")
        text[count + 1] = digit(byte & 15, letters: "a")
        count += 2
      }
      return count
    }
  }

  /// The bytes that the text stands for, in either letter case.
  ///
  /// - Throws: `CryptographyError.malformedText`.
  public static func decode(_ text: String) throws(CryptographyError) -> [UInt8] {
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in text.utf8 {
      guard let value = value(of: digit) else { throw .malformedText(encoding: "hex") }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    guard high == nil else { throw .malformedText(encoding: "hex") }
    return bytes
  }

  /// The digit of a value below 16; `letters` is the one for 10.
  static func digit(_ value: UInt8, letters: Unicode.Scalar) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: letters) + value - 10
  }

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
