import Foundation
import Model
import Testing

@Suite struct ValueTests {
  @Test(arguments: [
    (JSON.object(["b": 1, "a": [true, .null, "x"]]), #"{"a":[true,null,"x"],"b":1}"#),
    (
      .string("\"\\\u{8}\u{9}\u{A}\u{C}\u{D}\u{1}\u{1F}é\u{1F600}"),
      #""\"\\\b\t\n\f\r\u0001\u001fé😀""#
    ),
    (.number("1.50"), "1.50"), (.integer(.min), "-9223372036854775808"), (.object([:]), "{}"),
    // By UTF-8 bytes: U+FF5E sorts before U+1F600, as UTF-16 would not have it.
    (.object(["\u{1F600}": 1, "\u{FF5E}": 2, "A": 3, "a": 4]), #"{"A":3,"a":4,"～":2,"😀":1}"#),
  ])
  func jsonIsCanonical(_ value: JSON, _ text: String) {
    #expect(value.text == text)
  }

  @Test func timesAreReadAndWrittenAsFoundationDoes() throws {
    let formatter = ISO8601DateFormatter()
    // From 1583, the first whole year of the Gregorian calendar, to 9999, at every time of day.
    for seconds in stride(from: -12_212_553_600, through: 253_402_300_799, by: 86_400_997) {
      let time = Timestamp(milliseconds: Int64(seconds) * 1000)
      let text = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
      #expect(time.description == text)
      #expect(Timestamp(text) == time)
    }
  }

  @Test(arguments: [
    ("2026-11-21T10:00:00.25Z", 1_795_255_200_250 as Int64?),
    ("2026-11-21T11:00:00+01:00", 1_795_255_200_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    ("2026-02-29T00:00:00Z", nil), ("2026-11-21T24:00:00Z", nil), ("2026-11-21", nil),
    ("2026-11-21T10:00:00", nil), ("2026-11-21T10:00:00.Z", nil), ("", nil),
    ("2026-13-01T00:00:00Z", nil), ("2026-11-21T10:00:00Zx", nil),
  ])
  func aTimeIsReadOnlyIfItIsOne(_ text: String, _ milliseconds: Int64?) {
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  /// Source: the specification's example, `01ARZ3NDEKTSV4RRFFQ69G5FAV`.
  @Test func aULIDIsTheSpecificationsExample() {
    let random: [UInt8] = [0xD6, 0x76, 0x4C, 0x61, 0xEF, 0xB9, 0x93, 0x02, 0xBD, 0x5B]
    let id = ULID(at: Timestamp(milliseconds: 1_469_922_850_259), random: random)
    #expect(id.description == "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    #expect(ULID.isValid(id.description))
    #expect(!ULID.isValid("81ARZ3NDEKTSV4RRFFQ69G5FAV"))
    #expect(!ULID.isValid("01ARZ3NDEKTSV4RRFFQ69G5FAI"))
  }

  @Test(arguments: [
    "acme/aws-prod/aws/111122223333", "a.b_c-d:e/x/aws/1",
  ])
  func aScopeKeyIsReadBack(_ key: String) {
    #expect(Scope(key)?.description == key)
  }

  @Test(arguments: [
    "", "acme", "acme/aws-prod/aws", "acme/aws-prod/aws/1/2", "acme//aws/1", "a b/c/aws/1",
    "acme/aws-prod/other/1", "acme/aws-prod/aws/",
  ])
  func whatIsNoScopeKeyIsRefused(_ key: String) {
    #expect(Scope(key) == nil)
  }

  /// Source: Apache Kafka, UtilsTest.testMurmur2 (hashes), `toPositive(hash) % partitions`.
  @Test(arguments: [
    ("21", -973_932_308 as Int32), ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
  ])
  func keysLandWhereJavaClientsPutThem(_ key: String, _ hash: Int32) {
    #expect(partition(ofKey: key, among: 1000) == (hash & 0x7FFF_FFFF) % 1000)
  }
}
