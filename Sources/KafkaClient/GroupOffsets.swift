internal import CKafka
internal import Model

/// Reads the answer to a request for one group's committed offsets; partitions without one are
/// left out.
func groupOffsets(in event: OpaquePointer) -> Result<[TopicPartition: Int64], KafkaError> {
  let action = "Reading committed offsets"
  let code = rd_kafka_event_error(event)
  guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
    return .failure(
      KafkaError(
        code, while: action, detail: rd_kafka_event_error_string(event).map { String(cString: $0) })
    )
  }
  var count = 0
  let result = rd_kafka_event_ListConsumerGroupOffsets_result(event)
  guard let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &count), count == 1
  else { return .success([:]) }
  if let error = rd_kafka_group_result_error(groups[0]) {
    // Owned by the event.
    return .failure(
      KafkaError(
        rd_kafka_error_code(error), while: action,
        detail: rd_kafka_error_string(error).map { String(cString: $0) }))
  }
  guard let list = rd_kafka_group_result_partitions(groups[0]) else { return .success([:]) }
  if let error = KafkaError.first(in: list, while: "\(action) of") { return .failure(error) }
  var offsets: [TopicPartition: Int64] = [:]
  for element in elements(of: list) where element.offset >= 0 {
    offsets[TopicPartition(element)] = element.offset
  }
  return .success(offsets)
}
