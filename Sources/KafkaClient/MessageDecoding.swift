internal import CKafka
internal import Model

extension Message {
  /// Copies a message out of librdkafka's memory.
  init(_ pointer: UnsafePointer<rd_kafka_message_t>) {
    let message = pointer.pointee
    var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    self.init(
      topic: String(cString: rd_kafka_topic_name(message.rkt)), partition: message.partition,
      offset: message.offset,
      timestamp: Timestamp(milliseconds: rd_kafka_message_timestamp(pointer, &kind)),
      key: bytes(message.key, message.key_len), value: bytes(message.payload, message.len),
      headers: decodedHeaders(of: pointer))
  }
}

private func decodedHeaders(of message: UnsafePointer<rd_kafka_message_t>) -> [MessageHeader] {
  var list: OpaquePointer?
  guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [] }
  var headers: [MessageHeader] = []
  var name: UnsafePointer<CChar>?
  var value: UnsafeRawPointer?
  var size = 0
  while rd_kafka_header_get_all(list, headers.count, &name, &value, &size)
    == RD_KAFKA_RESP_ERR_NO_ERROR, let name
  {
    headers.append(MessageHeader(String(cString: name), bytes(value, size)))
  }
  return headers
}

/// A null pointer is Kafka's null, which differs from no bytes.
private func bytes(_ pointer: UnsafeRawPointer?, _ count: Int) -> [UInt8]? {
  guard let pointer else { return nil }
  return Array(UnsafeRawBufferPointer(start: pointer, count: count))
}
