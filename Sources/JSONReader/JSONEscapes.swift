/// RFC 8259 section 7, for text whose escapes the parser has already checked.
enum JSONEscapes {
  static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var at = text.startIndex
    while at < text.endIndex {
      let byte = text[at]
      at += 1
      guard byte == UInt8(ascii: "\\"), at < text.endIndex else {
        output.append(byte)
        continue
      }
      let escape = text[at]
      at += 1
      switch escape {
      case UInt8(ascii: "b"): output.append(0x08)
      case UInt8(ascii: "f"): output.append(0x0C)
      case UInt8(ascii: "n"): output.append(0x0A)
      case UInt8(ascii: "r"): output.append(0x0D)
      case UInt8(ascii: "t"): output.append(0x09)
      case UInt8(ascii: "u"): output.append(contentsOf: String(character(text, &at)).utf8)
      default: output.append(escape)
      }
    }
    return output
  }

  /// Reads the digits after `\u`, and the second escape of a surrogate pair.
  private static func character(_ text: ArraySlice<UInt8>, _ at: inout Int) -> Unicode.Scalar {
    var value = codeUnit(text, &at)
    if (0xD800...0xDBFF).contains(value) {
      at += 2
      value = 0x10000 + (value - 0xD800) << 10 + (codeUnit(text, &at) &- 0xDC00)
    }
    return Unicode.Scalar(value) ?? "\u{FFFD}"
  }

  private static func codeUnit(_ text: ArraySlice<UInt8>, _ at: inout Int) -> UInt32 {
    var value: UInt32 = 0
    for digit in text[at..<at + 4] {
      let number = digit <= UInt8(ascii: "9") ? digit - 0x30 : (digit | 0x20) - 0x57
      value = value << 4 | UInt32(number)
    }
    at += 4
    return value
  }

  /// Appends `text` as a JSON string, escaping only what RFC 8259 requires.
  static func append(_ text: ArraySlice<UInt8>, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    // What needs no escape goes over in runs, not byte by byte.
    var rest = text
    while let at = rest.firstIndex(where: needsEscape) {
      output.append(contentsOf: rest[..<at])
      appendEscape(of: rest[at], to: &output)
      rest = rest[(at + 1)...]
    }
    output.append(contentsOf: rest)
    output.append(UInt8(ascii: "\""))
  }

  private static func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
  }

  private static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
    switch byte {
    case 0x0A: output.append(contentsOf: "\\n".utf8)
    case 0x0D: output.append(contentsOf: "\\r".utf8)
    case 0x09: output.append(contentsOf: "\\t".utf8)
    case 0..<0x20:
      let digits = Array("0123456789abcdef".utf8)
      output.append(contentsOf: "\\u00".utf8)
      output.append(digits[Int(byte >> 4)])
      output.append(digits[Int(byte & 15)])
    default:
      output.append(UInt8(ascii: "\\"))
      output.append(byte)
    }
  }
}
