internal import CKafka
internal import Model

/// Owns a list of partitions in librdkafka's form.
struct PartitionList: ~Copyable {
  let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(_ partitions: some Collection<TopicPartition>) {
    self.init(partitions.map { ($0, Int64(RD_KAFKA_OFFSET_INVALID)) })
  }

  init(_ offsets: some Collection<(TopicPartition, Int64)>) {
    pointer = rd_kafka_topic_partition_list_new(Int32(offsets.count))
    for (partition, offset) in offsets {
      rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.partition)
        .pointee.offset = offset
    }
  }

  deinit { rd_kafka_topic_partition_list_destroy(pointer) }
}

extension KafkaError {
  static func first(
    in list: UnsafePointer<rd_kafka_topic_partition_list_t>, while action: String
  ) -> KafkaError? {
    for element in elements(of: list) where element.err != RD_KAFKA_RESP_ERR_NO_ERROR {
      let partition = TopicPartition(element)
      return KafkaError(
        element.err, while: "\(action) \(partition)", topic: partition.topic,
        partition: partition.partition)
    }
    return nil
  }
}

/// The elements of a list; valid as long as the list is.
func elements(
  of list: UnsafePointer<rd_kafka_topic_partition_list_t>
) -> UnsafeBufferPointer<rd_kafka_topic_partition_t> {
  UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt))
}

extension TopicPartition {
  init(_ element: rd_kafka_topic_partition_t) {
    self.init(topic: String(cString: element.topic), partition: element.partition)
  }
}
