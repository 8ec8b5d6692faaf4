import Cryptography
import Testing

@Suite struct TextFormTests {
  /// RFC 4648 section 10.
  static let standard = [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ]

  @Test(arguments: standard) func base64RoundTrips(text: String, encoded: String) throws {
    #expect(Base64.encode(text.utf8) == encoded)
    #expect(try Base64.decode(encoded) == Array(text.utf8))
    let unpadded = String(encoded.prefix { $0 != "=" })
    #expect(Base64URL.encode(text.utf8) == unpadded)
    #expect(try Base64URL.decode(unpadded) == Array(text.utf8))
  }

  @Test func alphabetsDifferInTwoDigits() throws {
    let bytes: [UInt8] = [0xfb, 0xef, 0xff]
    #expect(Base64.encode(bytes) == "++//")
    #expect(Base64URL.encode(bytes) == "--__")
    #expect(throws: CryptographyError.malformedText(encoding: "base64")) {
      try Base64.decode("--__")
    }
    #expect(throws: CryptographyError.malformedText(encoding: "base64url")) {
      try Base64URL.decode("++//")
    }
  }

  @Test(arguments: [
    "Zg", "Zg=", "Zg===", "Z===", "=", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zg==Zg==",
  ])
  func base64IsStrict(text: String) {
    #expect(throws: CryptographyError.malformedText(encoding: "base64")) {
      try Base64.decode(text)
    }
  }

  @Test(arguments: ["Zg==", "Z", "Zh", "Zm9", "é"]) func base64URLIsStrict(text: String) {
    #expect(throws: CryptographyError.malformedText(encoding: "base64url")) {
      try Base64URL.decode(text)
    }
  }

  @Test func hexRoundTrips() throws {
    let bytes = [UInt8](0...255)
    #expect(Hex.encode([0x00, 0x9f, 0xff]) == "009fff")
    #expect(try Hex.decode(Hex.encode(bytes)) == bytes)
    #expect(try Hex.decode("aF") == [0xaf])
  }

  @Test(arguments: ["a", "0x", "g0", " 0"]) func hexIsStrict(text: String) {
    #expect(throws: CryptographyError.malformedText(encoding: "hex")) { try Hex.decode(text) }
  }

  @Test func errorsDoNotQuoteTheInput() {
    let error = #expect(throws: CryptographyError.self) { try Base64.decode("hunter2!") }
    #expect(error?.description.contains("hunter2") == false)
    #expect(error?.isRetriable == false)
  }
}
