/// The partition that Java clients and librdkafka's `murmur2_random` choose for a key.
///
/// Needed where a partition is named before anything is produced (a dispatch).
/// Source: Apache Kafka, `org.apache.kafka.common.utils.Utils.murmur2` and `toPositive`.
public func partition(ofKey key: String, among partitions: Int32) -> Int32 {
  Int32(murmur2(Array(key.utf8)) & 0x7FFF_FFFF) % partitions
}

private func murmur2(_ bytes: [UInt8]) -> UInt32 {
  let multiplier: UInt32 = 0x5BD1_E995
  var hash = 0x9747_B28C ^ UInt32(truncatingIfNeeded: bytes.count)
  var index = 0
  while index + 4 <= bytes.count {
    var word =
      UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
      | UInt32(bytes[index + 3]) << 24
    word &*= multiplier
    word ^= word >> 24
    word &*= multiplier
    hash = (hash &* multiplier) ^ word
    index += 4
  }
  let rest = bytes.count - index
  if rest > 0 {
    for offset in 0..<rest { hash ^= UInt32(bytes[index + offset]) << UInt32(8 * offset) }
    hash &*= multiplier
  }
  hash ^= hash >> 13
  hash &*= multiplier
  return hash ^ (hash >> 15)
}
