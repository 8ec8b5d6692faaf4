import Cryptography
import Testing

@Suite struct DigestTests {
  /// FIPS 180-4, NIST's examples for SHA-256.
  static let digests = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ]

  @Test(arguments: digests) func hashesAsPublished(text: String, expected: String) throws {
    try SHA256.checkAvailable()
    #expect(SHA256.hexDigest(text) == expected)
    #expect(Hex.encode(SHA256.hash(Array(text.utf8)[...])) == expected)
  }

  @Test func hashesAMillionBytesAsPublished() {
    #expect(
      SHA256.hexDigest(repeatElement(UInt8(ascii: "a"), count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func piecesHashAsTheWhole() {
    var hasher = SHA256.Hasher()
    hasher.update("a")
    hasher.update([UInt8]())
    hasher.update(repeatElement(UInt8(ascii: "b"), count: 1))
    hasher.update("c")
    #expect(hasher.finish() == SHA256.hash("abc"))
  }

  /// RFC 4231 section 4, cases 1 to 4, 6 and 7.
  static let codes: [([UInt8], [UInt8], String)] = [
    (
      [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    ),
    (
      Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    ),
    (
      [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
    ),
    (
      Array(1...25), [UInt8](repeating: 0xcd, count: 50),
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    ),
    (
      [UInt8](repeating: 0xaa, count: 131),
      Array(
        ("This is a test using a larger than block-size key and a larger than block-size data. "
          + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    ),
  ]

  @Test(arguments: codes) func authenticatesAsPublished(
    key: [UInt8], message: [UInt8], expected: String
  ) {
    #expect(Hex.encode(HMAC.sha256(message, key: key)) == expected)
    #expect(Hex.encode(HMAC.sha256(message, key: Secret(key))) == expected)
  }

  @Test func emptyKeyAndMessageAreAllowed() {
    #expect(
      Hex.encode(HMAC.sha256([UInt8](), key: [UInt8]()))
        == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
  }

  @Test func randomBytesDiffer() throws {
    #expect(try SecureRandom.bytes(0) == [])
    let first = try SecureRandom.bytes(32)
    #expect(first.count == 32)
    #expect(try SecureRandom.bytes(32) != first)
  }

  @Test func comparisonSeesEveryDifference() {
    #expect(isEqualInConstantTime("abc".utf8, "abc".utf8))
    #expect(isEqualInConstantTime([UInt8](), [UInt8]()))
    #expect(!isEqualInConstantTime("abc".utf8, "abd".utf8))
    #expect(!isEqualInConstantTime("abc".utf8, "abcd".utf8))
  }
}
