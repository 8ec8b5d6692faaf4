internal import CKafka
internal import Model

/// One `rd_kafka_t` of a producer, from its first connection to its end.
///
/// `@unchecked Sendable`: `rd_kafka_t` and queues are thread-safe; `destroy` and `discard` are
/// called once, by the producer's thread, after no other user is left.
final class ProducerSession: @unchecked Sendable {
  enum Outcome {
    case queued
    /// The local queue is full, or the session is about to be replaced.
    case mustWait
    case refused(KafkaError)
  }

  let handle: ClientHandle
  private let queue: OpaquePointer

  init(_ configuration: KafkaConfiguration) throws(KafkaError) {
    handle = try ClientHandle.make(
      RD_KAFKA_PRODUCER, configuration, enforced: [:], events: RD_KAFKA_EVENT_DR)
    queue = rd_kafka_queue_get_main(handle.pointer)
  }

  /// Copies the message into the local queue; never blocks.
  ///
  /// - Parameter number: comes back in the delivery report; not 0.
  func produce(_ message: OutgoingMessage, number: UInt64) -> Outcome {
    let headers = message.headers.isEmpty ? nil : makeHeaders(message.headers)
    let error = withArguments(message, number: number, headers: headers) {
      rd_kafka_produceva(handle.pointer, $0.baseAddress, $0.count)
    }
    guard let error else { return .queued }
    // A list that was passed as a whole stays ours on failure; single headers would be freed
    // twice by 2.0.2 when the partition is unknown.
    if let headers { rd_kafka_headers_destroy(headers) }
    let code = rd_kafka_error_code(error)
    let failure = KafkaError(
      consuming: error, while: "Sending a message to topic \"\(message.topic)\"")
    switch code {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL where rd_kafka_outq_len(handle.pointer) > 0:
      return .mustWait
    case _ where handle.fatalError != nil:
      // The thread replaces the session, and then there is room.
      wake()
      return .mustWait
    default:
      return .refused(failure)
    }
  }

  /// Waits for the next event, to be destroyed by the caller.
  func nextEvent(milliseconds: Int32) -> OpaquePointer? {
    rd_kafka_queue_poll(queue, milliseconds)
  }

  /// Ends the current or the next wait for an event.
  func wake() {
    rd_kafka_queue_yield(queue)
  }

  /// The answers in an event; failures are left out once the session itself is broken, because
  /// then everything outstanding fails for that reason.
  func deliveryReports(in event: OpaquePointer) -> [(UInt64, Result<Delivery, KafkaError>)] {
    guard rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR else { return [] }
    let isBroken = handle.fatalError != nil
    var reports: [(UInt64, Result<Delivery, KafkaError>)] = []
    reports.reserveCapacity(rd_kafka_event_message_count(event))
    while let message = rd_kafka_event_message_next(event)?.pointee {
      let number = UInt64(UInt(bitPattern: message._private))
      guard message.err != RD_KAFKA_RESP_ERR_NO_ERROR else {
        let delivery = Delivery(partition: message.partition, offset: message.offset)
        reports.append((number, .success(delivery)))
        continue
      }
      guard !isBroken else { continue }
      let topic = String(cString: rd_kafka_topic_name(message.rkt))
      let failure = KafkaError(
        message.err, while: "Sending a message to topic \"\(topic)\"", topic: topic,
        partition: message.partition < 0 ? nil : message.partition)
      reports.append((number, .failure(failure)))
    }
    return reports
  }

  /// Fails everything that is outstanding; the reports follow as events.
  func purge() {
    rd_kafka_purge(handle.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
  }

  /// Frees a session nobody waits for any more.
  func discard() {
    purge()
    while let event = nextEvent(milliseconds: 0) { rd_kafka_event_destroy(event) }
    destroy()
  }

  /// Ends the connections and frees the handle; may block.
  func destroy() {
    rd_kafka_queue_destroy(queue)
    handle.destroy()
  }

  func injectFatalError() {
    rd_kafka_test_fatal_error(
      handle.pointer, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "injected by a test")
  }
}

private func makeHeaders(_ headers: [MessageHeader]) -> OpaquePointer? {
  let list = rd_kafka_headers_new(headers.count)
  for header in headers {
    var name = header.name
    name.withUTF8 { name in
      name.withMemoryRebound(to: CChar.self) { name in
        withBytes(header.value) { value in
          _ = rd_kafka_header_add(list, name.baseAddress, name.count, value.ptr, value.size)
        }
      }
    }
  }
  return list
}

private func withArguments<Result>(
  _ message: OutgoingMessage, number: UInt64, headers: OpaquePointer?,
  _ body: (UnsafeBufferPointer<rd_kafka_vu_t>) -> Result
) -> Result {
  message.topic.withCString { topic in
    withBytes(message.key) { key in
      withBytes(message.value) { value in
        var arguments = [
          argument(RD_KAFKA_VTYPE_TOPIC) { $0.cstr = topic },
          argument(RD_KAFKA_VTYPE_KEY) { ($0.mem.ptr, $0.mem.size) = (key.ptr, key.size) },
          argument(RD_KAFKA_VTYPE_VALUE) { ($0.mem.ptr, $0.mem.size) = (value.ptr, value.size) },
          argument(RD_KAFKA_VTYPE_MSGFLAGS) { $0.i = RD_KAFKA_MSG_F_COPY },
          argument(RD_KAFKA_VTYPE_OPAQUE) {
            $0.ptr = UnsafeMutableRawPointer(bitPattern: UInt(number))
          },
        ]
        if let partition = message.partition {
          arguments.append(argument(RD_KAFKA_VTYPE_PARTITION) { $0.i32 = partition })
        }
        if let headers {
          arguments.append(argument(RD_KAFKA_VTYPE_HEADERS) { $0.headers = headers })
        }
        return arguments.withUnsafeBufferPointer(body)
      }
    }
  }
}

private func argument(
  _ type: rd_kafka_vtype_t, _ set: (inout rd_kafka_vu_t.__Unnamed_union_u) -> Void
) -> rd_kafka_vu_t {
  var argument = rd_kafka_vu_t()
  argument.vtype = type
  set(&argument.u)
  return argument
}

/// Passes bytes to C: `nil` as a null pointer, nothing as a pointer to nothing.
private func withBytes<Result>(
  _ bytes: [UInt8]?, _ body: ((ptr: UnsafeMutableRawPointer?, size: Int)) -> Result
) -> Result {
  guard let bytes else { return body((nil, 0)) }
  guard !bytes.isEmpty else {
    var nothing: UInt8 = 0
    return withUnsafeMutablePointer(to: &nothing) { body((UnsafeMutableRawPointer($0), 0)) }
  }
  return bytes.withUnsafeBytes {
    // librdkafka copies from it and does not write to it.
    body((UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count))
  }
}
