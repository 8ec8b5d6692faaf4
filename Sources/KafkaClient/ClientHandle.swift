internal import CKafka

/// Owns one `rd_kafka_t` until `destroy`.
///
/// `@unchecked Sendable`: librdkafka documents `rd_kafka_t` as thread-safe ("fully thread safe");
/// only `destroy` must be last, and each owner calls it from its one thread.
final class ClientHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  private init(adopting pointer: OpaquePointer) {
    self.pointer = pointer
  }

  /// Ends the connections and frees the handle; may block.
  func destroy(flags: Int32 = 0) {
    rd_kafka_destroy_flags(pointer, flags)
  }

  /// Makes a client whose events and logs go to its queues.
  ///
  /// - Throws: `.configuration`, listing every bad property by name.
  static func make(
    _ type: rd_kafka_type_t, _ configuration: KafkaConfiguration, enforced: [String: String],
    events: Int32
  ) throws(KafkaError) -> ClientHandle {
    guard let conf = rd_kafka_conf_new() else { throw .outOfResources("memory") }
    var isTaken = false
    defer { if !isTaken { rd_kafka_conf_destroy(conf) } }

    let problems = apply(configuration, for: type, to: conf, enforced: enforced)
    guard problems.isEmpty else {
      throw KafkaError(
        .configuration,
        "Kafka cannot be used with these properties: \(problems.joined(separator: "; ")). "
          + "Correct them in the configuration (see librdkafka's CONFIGURATION.md).")
    }
    rd_kafka_conf_set_events(
      conf, events | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_ERROR)

    var text = [CChar](repeating: 0, count: 512)
    guard let pointer = rd_kafka_new(type, conf, &text, text.count) else {
      let reason = configuration.withoutValues(String(nulTerminated: text))
      throw KafkaError(
        .configuration, "librdkafka refused the configuration: \(reason). Correct the property.")
    }
    isTaken = true
    // To the main queue.
    rd_kafka_set_log_queue(pointer, nil)
    return ClientHandle(adopting: pointer)
  }

  private static func apply(
    _ configuration: KafkaConfiguration, for type: rd_kafka_type_t, to conf: OpaquePointer,
    enforced: [String: String]
  ) -> [String] {
    var problems: [String] = []
    if configuration.bootstrapServers.isEmpty {
      problems.append("the bootstrap servers are empty")
    }
    var text = [CChar](repeating: 0, count: 512)
    var defaults = KafkaConfiguration.commonDefaults
    defaults.merge(
      type == RD_KAFKA_PRODUCER
        ? KafkaConfiguration.producerDefaults : KafkaConfiguration.consumerDefaults
    ) { $1 }
    for (name, value) in defaults { rd_kafka_conf_set(conf, name, value, &text, text.count) }
    if type == RD_KAFKA_PRODUCER {
      // Not every build has zstd: the last one that is accepted stays.
      for codec in ["lz4", "zstd"] {
        rd_kafka_conf_set(conf, "compression.codec", codec, &text, text.count)
      }
    }
    for (name, value) in configuration.properties.sorted(by: { $0.key < $1.key }) {
      if KafkaConfiguration.reserved.contains(name) {
        problems.append("\"\(name)\" is set by this client and cannot be overridden")
        continue
      }
      // librdkafka's own text repeats the value, which may be a password.
      switch rd_kafka_conf_set(conf, name, value, &text, text.count) {
      case RD_KAFKA_CONF_UNKNOWN: problems.append("\"\(name)\" is not a property of librdkafka")
      case RD_KAFKA_CONF_INVALID: problems.append("\"\(name)\" has a value that is not accepted")
      default: break
      }
    }
    var settings = enforced
    settings["bootstrap.servers"] = configuration.bootstrapServers
    settings["log.queue"] = "true"
    for (name, value) in settings.sorted(by: { $0.key < $1.key })
    where rd_kafka_conf_set(conf, name, value, &text, text.count) != RD_KAFKA_CONF_OK {
      problems.append("\"\(name)\" has a value that is not accepted")
    }
    return problems
  }

  /// The fatal error that the handle is in, if any.
  var fatalError: (code: rd_kafka_resp_err_t, text: String)? {
    var text = [CChar](repeating: 0, count: 512)
    let code = rd_kafka_fatal_error(pointer, &text, text.count)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : (code, String(nulTerminated: text))
  }
}

extension KafkaConfiguration {
  /// The text with every property's value cut out of it.
  func withoutValues(_ text: String) -> String {
    properties.values.filter { $0.utf8.count > 2 }.reduce(text) {
      $0.replacing($1, with: "…")
    }
  }

  /// Passes a log or error event on; a client that is not asked to report drops it.
  func report(_ event: OpaquePointer) {
    guard let onNotice else { return }
    switch rd_kafka_event_type(event) {
    case RD_KAFKA_EVENT_LOG:
      var facility: UnsafePointer<CChar>?
      var text: UnsafePointer<CChar>?
      var level: Int32 = 0
      guard rd_kafka_event_log(event, &facility, &text, &level) == 0, let text else { return }
      onNotice(KafkaNotice(level: .init(syslog: level), text: String(cString: text)))
    case RD_KAFKA_EVENT_ERROR:
      guard let text = rd_kafka_event_error_string(event) else { return }
      onNotice(KafkaNotice(level: .warning, text: String(cString: text)))
    default: break
    }
  }
}

extension KafkaNotice.Level {
  fileprivate init(syslog level: Int32) {
    switch level {
    case ..<4: self = .error
    case 4: self = .warning
    case 5, 6: self = .info
    default: self = .debug
    }
  }
}

extension String {
  /// A C string in a buffer that librdkafka filled.
  init(nulTerminated buffer: [CChar]) {
    self.init(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension Duration {
  /// Whole milliseconds for C, at least 1.
  var milliseconds: Int32 {
    let (seconds, attoseconds) = components
    let total = seconds.multipliedReportingOverflow(by: 1000)
    guard !total.overflow else { return seconds < 0 ? 1 : .max }
    return Int32(clamping: max(1, total.partialValue + attoseconds / 1_000_000_000_000_000))
  }
}
