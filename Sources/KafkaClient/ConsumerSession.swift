internal import CKafka
internal import Model

/// One `rd_kafka_t` of a consumer with its queues; confined to the consumer's thread.
///
/// Messages have a queue of their own, apart from rebalances, errors and answers: so the thread
/// can leave messages unread while the caller is busy and still answer the group.
struct ConsumerSession {
  let handle: ClientHandle
  /// Everything but messages.
  let events: OpaquePointer
  let messages: OpaquePointer
  /// Takes the place of `events` while closing.
  let closing: OpaquePointer

  /// A name for consumers without group: librdkafka wants one before it assigns partitions.
  /// Nothing is ever committed under it.
  static let noGroup = "sv0-no-group"

  static func makeHandle(
    _ configuration: KafkaConfiguration, _ options: KafkaConsumer.Options
  ) throws(KafkaError) -> ClientHandle {
    var enforced = [
      "group.id": options.group ?? noGroup,
      "enable.auto.commit": "false",
      "enable.auto.offset.store": "false",
    ]
    if let instance = options.instance, options.group != nil {
      enforced["group.instance.id"] = instance
    }
    let handle = try ClientHandle.make(
      RD_KAFKA_CONSUMER, configuration, enforced: enforced,
      events: RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT)
    rd_kafka_poll_set_consumer(handle.pointer)
    guard options.group != nil else { return handle }
    let list = PartitionList(options.topics.map { TopicPartition(topic: $0, partition: -1) })
    let code = rd_kafka_subscribe(handle.pointer, list.pointer)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      handle.destroy()
      throw KafkaError(code, while: "Subscribing to \(options.topics.sorted())")
    }
    return handle
  }

  init(_ handle: ClientHandle, wakeUp: WakeUp) {
    self.handle = handle
    events = rd_kafka_queue_get_consumer(handle.pointer)
    messages = rd_kafka_queue_new(handle.pointer)
    closing = rd_kafka_queue_new(handle.pointer)
    for queue in [events, messages, closing] {
      var one: UInt64 = 1
      rd_kafka_queue_io_event_enable(
        queue, wakeUp.descriptor, &one, MemoryLayout.size(ofValue: one))
    }
  }

  /// Begins to fetch; after `unassign`, if anything was fetched before.
  func assign(
    _ offsets: [TopicPartition: KafkaConsumer.StartOffset]
  ) -> rd_kafka_resp_err_t {
    dropUnreadMessages()
    for partition in offsets.keys {
      let queue = rd_kafka_queue_get_partition(
        handle.pointer, partition.topic, partition.partition)
      rd_kafka_queue_forward(queue, messages)
      rd_kafka_queue_destroy(queue)
    }
    let list = PartitionList(offsets.map { ($0.key, $0.value.number) })
    return rd_kafka_assign(handle.pointer, list.pointer)
  }

  /// Stops fetching altogether.
  ///
  /// - Parameter reading: what is being fetched.
  func unassign(_ reading: some Collection<TopicPartition>) -> rd_kafka_resp_err_t {
    let code = rd_kafka_assign(handle.pointer, nil)
    // Stopping a partition also ends the forwarding of its queue, later and on librdkafka's
    // thread: the answer to any request behind it, even a refused one, tells that it is done and
    // the partition may be forwarded again.
    if !reading.isEmpty { seekAll(PartitionList(reading.map { ($0, 0) })) }
    dropUnreadMessages()
    return code
  }

  /// Seeks, and waits for the answers: they come from librdkafka's own thread, not from a broker.
  ///
  /// 2.0.2 waits a thousandth of the time it is given (it takes milliseconds for microseconds), so
  /// the request is repeated; repeating it does no harm.
  private func seekAll(_ list: borrowing PartitionList) {
    let deadline = ContinuousClock.now + .seconds(5)
    while let error = rd_kafka_seek_partitions(handle.pointer, list.pointer, 5000) {
      let code = rd_kafka_error_code(error)
      rd_kafka_error_destroy(error)
      if code != RD_KAFKA_RESP_ERR__TIMED_OUT || ContinuousClock.now > deadline { return }
    }
  }

  /// Sends a commit; its answer is an event with this number.
  func commit(_ next: [TopicPartition: Int64], number: Int) -> rd_kafka_resp_err_t {
    let list = PartitionList(next.map { ($0.key, $0.value) })
    return rd_kafka_commit_queue(
      handle.pointer, list.pointer, events, nil, UnsafeMutableRawPointer(bitPattern: number))
  }

  /// Asks for a group's offsets; the answer is an event with this number.
  func fetchCommitted(_ partitions: [TopicPartition], group: String, number: Int) {
    let options = rd_kafka_AdminOptions_new(
      handle.pointer, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS)
    defer { rd_kafka_AdminOptions_destroy(options) }
    rd_kafka_AdminOptions_set_opaque(options, UnsafeMutableRawPointer(bitPattern: number))
    let list = PartitionList(partitions)
    var request = rd_kafka_ListConsumerGroupOffsets_new(group, list.pointer)
    defer { rd_kafka_ListConsumerGroupOffsets_destroy(request) }
    rd_kafka_ListConsumerGroupOffsets(handle.pointer, &request, 1, options, events)
  }

  func dropUnreadMessages() {
    while let event = rd_kafka_queue_poll(messages, 0) { rd_kafka_event_destroy(event) }
  }

  /// Frees the queues and the handle; may block.
  func destroy() {
    for queue in [closing, messages, events] {
      rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
      rd_kafka_queue_destroy(queue)
    }
    // Closing was done, or given up, before.
    handle.destroy(flags: RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
  }
}

extension KafkaConsumer.StartOffset {
  fileprivate var number: Int64 {
    switch self {
    case .committed: Int64(RD_KAFKA_OFFSET_STORED)
    case .beginning: Int64(RD_KAFKA_OFFSET_BEGINNING)
    case .end: Int64(RD_KAFKA_OFFSET_END)
    case .offset(let offset): offset
    }
  }
}

extension KafkaError {
  /// Translates an error event that came while reading.
  init(reading event: OpaquePointer) {
    let detail = rd_kafka_event_error_string(event).map { String(cString: $0) }
    var partition: TopicPartition?
    if let element = rd_kafka_event_topic_partition(event) {
      partition = TopicPartition(element.pointee)
      rd_kafka_topic_partition_destroy(element)
    }
    self.init(
      rd_kafka_event_error(event), while: "Reading \(partition.map { "\($0)" } ?? "from Kafka")",
      detail: detail, topic: partition?.topic, partition: partition?.partition)
  }
}
