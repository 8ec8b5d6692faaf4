import Model
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(1)))
struct PartitioningTests {
  /// Java's `Utils.murmur2`, as the reference for where a key belongs.
  /// Source: https://github.com/apache/kafka, `UtilsTest.testMurmur2` gives the known answers.
  private static func murmur2(_ data: [UInt8]) -> UInt32 {
    let multiplier: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(data.count)
    var rest = data[...]
    while rest.count >= 4 {
      var word = rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      word = word &* multiplier
      word ^= word >> 24
      hash = hash &* multiplier ^ (word &* multiplier)
      rest = rest.dropFirst(4)
    }
    if !rest.isEmpty {
      hash ^= rest.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      hash = hash &* multiplier
    }
    hash ^= hash >> 13
    hash = hash &* multiplier
    return hash ^ hash >> 15
  }

  @Test(
    "the reference gives Java's known answers",
    arguments: [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829),
      ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ])
  func reference(key: String, hash: Int32) {
    #expect(Int32(bitPattern: Self.murmur2(Array(key.utf8))) == hash)
  }

  @Test("keys land where Java's clients put them")
  func keys() async throws {
    let topic = try await KafkaFixture.makeTopic(partitions: 7)
    let producer = try KafkaProducer(KafkaFixture.configuration())
    for key in ["21", "foobar", "acme/aws-prod/aws/111122223333", "a", "", "🔑"] {
      let bytes = Array(key.utf8)
      let message = OutgoingMessage(topic: topic, key: bytes, value: [1])
      let delivery = try await producer.send(message).value()
      #expect(delivery.partition == Int32((Self.murmur2(bytes) & 0x7fff_ffff) % 7), "\(key)")
    }
    try await producer.close(deadline: .seconds(10))
  }
}
