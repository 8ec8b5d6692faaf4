internal import CKafka
internal import Model
internal import Synchronization

/// The blocking calls of `KafkaAdministration`, made on its thread only.
///
/// `@unchecked Sendable`: `rd_kafka_t` and queues are thread-safe; `destroy` is the thread's last
/// act.
final class AdministrationSession: @unchecked Sendable {
  private let configuration: KafkaConfiguration
  private let timeout: Int32
  private let handle: ClientHandle
  private let main: OpaquePointer
  private let answers: OpaquePointer
  /// Why brokers could not be reached since the last call that worked.
  private let connectionFailure = Mutex<(code: rd_kafka_resp_err_t, text: String)?>(nil)

  init(_ configuration: KafkaConfiguration, timeout: Duration) throws(KafkaError) {
    self.configuration = configuration
    self.timeout = timeout.milliseconds
    handle = try ClientHandle.make(RD_KAFKA_PRODUCER, configuration, enforced: [:], events: 0)
    main = rd_kafka_queue_get_main(handle.pointer)
    answers = rd_kafka_queue_new(handle.pointer)
  }

  /// Frees the queues and the handle; may block.
  func destroy() {
    rd_kafka_queue_destroy(answers)
    rd_kafka_queue_destroy(main)
    handle.destroy()
  }

  func ping() throws(KafkaError) {
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(handle.pointer, 0, nil, &metadata, timeout)
    if let metadata { rd_kafka_metadata_destroy(metadata) }
    try check(code, "Reaching Kafka")
  }

  func topics() throws(KafkaError) -> [String: TopicDescription] {
    var metadata: UnsafePointer<rd_kafka_metadata>?
    // All of them: asking by name may create a topic.
    let code = rd_kafka_metadata(handle.pointer, 1, nil, &metadata, timeout)
    defer { if let metadata { rd_kafka_metadata_destroy(metadata) } }
    try check(code, "Listing topics")
    guard let list = metadata?.pointee else { return [:] }
    var descriptions: [String: TopicDescription] = [:]
    for topic in UnsafeBufferPointer(start: list.topics, count: Int(list.topic_cnt))
    where topic.err == RD_KAFKA_RESP_ERR_NO_ERROR {
      let partitions = UnsafeBufferPointer(
        start: topic.partitions, count: Int(topic.partition_cnt))
      descriptions[String(cString: topic.topic)] = TopicDescription(
        partitions: topic.partition_cnt,
        replication: Int16(clamping: partitions.map(\.replica_cnt).min() ?? 0))
    }
    return descriptions
  }

  func watermarks(_ partition: TopicPartition) throws(KafkaError) -> (low: Int64, high: Int64) {
    var low: Int64 = 0
    var high: Int64 = 0
    let code = rd_kafka_query_watermark_offsets(
      handle.pointer, partition.topic, partition.partition, &low, &high, timeout)
    try check(code, "Reading the watermarks of \(partition)", of: partition)
    return (low, high)
  }

  func create(_ definitions: [TopicDefinition]) throws(KafkaError) -> [String: KafkaError] {
    var refused: [String: KafkaError] = [:]
    var requests: [OpaquePointer?] = []
    defer { for request in requests { rd_kafka_NewTopic_destroy(request) } }
    var text = [CChar](repeating: 0, count: 512)
    for definition in definitions {
      guard
        let request = rd_kafka_NewTopic_new(
          definition.name, definition.partitions, Int32(definition.replication), &text, text.count)
      else {
        refused[definition.name] = KafkaError(
          RD_KAFKA_RESP_ERR__INVALID_ARG, while: "Creating topic \"\(definition.name)\"",
          detail: String(nulTerminated: text), topic: definition.name)
        continue
      }
      requests.append(request)
      for (name, value) in definition.configuration.sorted(by: { $0.key < $1.key }) {
        rd_kafka_NewTopic_set_config(request, name, value)
      }
    }
    guard !requests.isEmpty else { return refused }
    let event = try ask("Creating topics", RD_KAFKA_ADMIN_OP_CREATETOPICS) { options in
      rd_kafka_CreateTopics(handle.pointer, &requests, requests.count, options, answers)
    }
    defer { rd_kafka_event_destroy(event) }
    var count = 0
    let results = rd_kafka_CreateTopics_result_topics(
      rd_kafka_event_CreateTopics_result(event), &count)
    refused.merge(failures(results, count)) { $1 }
    return refused
  }

  func configurations(_ topics: [String]) throws(KafkaError) -> [String: [String: String]] {
    guard !topics.isEmpty else { return [:] }
    var requests = topics.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
    defer { for request in requests { rd_kafka_ConfigResource_destroy(request) } }
    let action = "Reading the configuration of topics"
    let event = try ask(action, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS) { options in
      rd_kafka_DescribeConfigs(handle.pointer, &requests, requests.count, options, answers)
    }
    defer { rd_kafka_event_destroy(event) }
    var count = 0
    let resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event), &count)
    var configurations: [String: [String: String]] = [:]
    for resource in UnsafeBufferPointer(start: resources, count: count) {
      let topic = String(cString: rd_kafka_ConfigResource_name(resource))
      let code = rd_kafka_ConfigResource_error(resource)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw KafkaError(code, while: "\(action) \"\(topic)\"", topic: topic)
      }
      configurations[topic] = entries(of: resource)
    }
    return configurations
  }
}

// MARK: Answers

extension AdministrationSession {
  /// Makes a request and waits for its answer, to be destroyed by the caller.
  private func ask(
    _ action: String, _ operation: rd_kafka_admin_op_t, _ request: (OpaquePointer?) -> Void
  ) throws(KafkaError) -> OpaquePointer {
    let options = rd_kafka_AdminOptions_new(handle.pointer, operation)
    defer { rd_kafka_AdminOptions_destroy(options) }
    var text = [CChar](repeating: 0, count: 256)
    rd_kafka_AdminOptions_set_request_timeout(options, timeout, &text, text.count)
    request(options)
    // librdkafka answers every request, with a time-out at the latest.
    while true {
      guard let event = rd_kafka_queue_poll(answers, -1) else { continue }
      let code = rd_kafka_event_error(event)
      do throws(KafkaError) {
        let detail = rd_kafka_event_error_string(event).map { String(cString: $0) }
        try check(code, action, detail: detail)
      } catch {
        rd_kafka_event_destroy(event)
        throw error
      }
      return event
    }
  }

  /// - Throws: what `code` says, or why no broker was reached when it only says that it took long.
  private func check(
    _ code: rd_kafka_resp_err_t, _ action: String, detail: String? = nil,
    of partition: TopicPartition? = nil
  ) throws(KafkaError) {
    readNotices()
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else {
      return connectionFailure.withLock { $0 = nil }
    }
    let isSilence =
      code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT
    if isSilence, let cause = connectionFailure.withLock({ $0 }) {
      throw KafkaError(cause.code, while: action, detail: cause.text)
    }
    throw KafkaError(
      code, while: action, detail: detail, topic: partition?.topic,
      partition: partition?.partition)
  }

  private func readNotices() {
    while let event = rd_kafka_queue_poll(main, 0) {
      configuration.report(event)
      let code = rd_kafka_event_error(event)
      if rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR,
        // Says less than the error of the broker that went before.
        code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
        let text = rd_kafka_event_error_string(event)
      {
        let failure = (code: code, text: String(cString: text))
        connectionFailure.withLock { $0 = failure }
      }
      rd_kafka_event_destroy(event)
    }
  }

  private func failures(
    _ results: UnsafeMutablePointer<OpaquePointer?>?, _ count: Int
  ) -> [String: KafkaError] {
    var failures: [String: KafkaError] = [:]
    for result in UnsafeBufferPointer(start: results, count: count) {
      let code = rd_kafka_topic_result_error(result)
      guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
      let topic = String(cString: rd_kafka_topic_result_name(result))
      failures[topic] = KafkaError(
        code, while: "Creating topic \"\(topic)\"",
        detail: rd_kafka_topic_result_error_string(result).map { String(cString: $0) },
        topic: topic)
    }
    return failures
  }

  private func entries(of resource: OpaquePointer?) -> [String: String] {
    var count = 0
    let entries = rd_kafka_ConfigResource_configs(resource, &count)
    var configuration: [String: String] = [:]
    for entry in UnsafeBufferPointer(start: entries, count: count) {
      guard let value = rd_kafka_ConfigEntry_value(entry) else { continue }
      configuration[String(cString: rd_kafka_ConfigEntry_name(entry))] = String(cString: value)
    }
    return configuration
  }
}
