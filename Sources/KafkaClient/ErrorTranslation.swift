internal import CKafka

extension KafkaError {
  /// Translates a code of librdkafka.
  ///
  /// - Parameters:
  ///   - action: what was tried, as the start of a sentence: `Producing to topic "a"`.
  ///   - detail: librdkafka's own words; `nil` takes its description of the code.
  init(
    _ code: rd_kafka_resp_err_t, while action: String, detail: String? = nil,
    topic: String? = nil, partition: Int32? = nil, isFatal: Bool = false
  ) {
    let meaning = Meaning(code)
    let reason = detail ?? String(cString: rd_kafka_err2str(code))
    let name = String(cString: rd_kafka_err2name(code))
    self.init(
      meaning.code, "\(action) failed: \(reason) (\(name)). \(meaning.advice)",
      topic: topic, partition: partition, isRetriable: meaning.isRetriable && !isFatal,
      isFatal: isFatal || meaning.isFatal)
  }

  /// Translates and frees an error object of librdkafka.
  init(consuming error: OpaquePointer, while action: String) {
    let detail = rd_kafka_error_string(error).map { String(cString: $0) }
    self.init(
      rd_kafka_error_code(error), while: action, detail: detail,
      isFatal: rd_kafka_error_is_fatal(error) != 0)
    rd_kafka_error_destroy(error)
  }
}

/// What a code of librdkafka means to its reader.
private struct Meaning {
  var code: KafkaError.Code
  var isRetriable = false
  var isFatal = false
  var advice: String

  init(_ code: KafkaError.Code, retry: Bool = false, fatal: Bool = false, _ advice: String) {
    self.code = code
    self.isRetriable = retry
    self.isFatal = fatal
    self.advice = advice
  }

  init(_ error: rd_kafka_resp_err_t) {
    self =
      Self.connection(error) ?? Self.access(error) ?? Self.group(error) ?? Self.data(error)
      ?? Self(
        .other(error.rawValue), retry: retriable.contains(error.rawValue),
        retriable.contains(error.rawValue)
          ? "This passes by itself; it is retried." : "See the broker's log.")
  }

  private static func connection(_ error: rd_kafka_resp_err_t) -> Self? {
    switch error {
    case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
      RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
      Self(
        .brokerUnreachable, retry: true,
        "Check that the brokers run and that their addresses (bootstrap.servers and "
          + "advertised.listeners) can be reached from here.")
    case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
      RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR__WAIT_COORD:
      Self(.timedOut, retry: true, "The broker is slow or unreachable; try again.")
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      Self(
        .deliveryTimedOut, retry: true,
        "The broker did not acknowledge it within message.timeout.ms; it may still be stored.")
    case RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__PURGE_QUEUE,
      RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      Self(.closed, "The client was closed before the broker answered.")
    default: nil
    }
  }

  private static func access(_ error: rd_kafka_resp_err_t) -> Self? {
    switch error {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
      RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE,
      RD_KAFKA_RESP_ERR__SSL:
      Self(
        .authenticationFailed,
        "Check security.protocol, the sasl.* and the ssl.* properties against the broker's.")
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      Self(.authorizationFailed, "Grant this client's principal the missing ACL.")
    default: nil
    }
  }

  private static func group(_ error: rd_kafka_resp_err_t) -> Self? {
    switch error {
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
      Self(
        .rebalanced, retry: true,
        "The group is moving partitions; what was not committed is read again by its next owner.")
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      Self(
        .memberFenced, fatal: true,
        "Another process uses this group.instance.id; give each process its own.")
    case RD_KAFKA_RESP_ERR__STATE:
      Self(.invalidState, "The client is not in a state for this call.")
    default: nil
    }
  }

  private static func data(_ error: rd_kafka_resp_err_t) -> Self? {
    switch error {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
      RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      // A topic that was just created takes a moment to be known; a partition number does not.
      Self(
        .unknownTopic, retry: error != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        "Topics are not created by themselves: create it, or check its partition count.")
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
      RD_KAFKA_RESP_ERR__NO_OFFSET:
      Self(
        .offsetOutOfRange,
        "The messages there are gone (retention, or a recreated topic) or no offset is "
          + "committed; decide where to read from and assign that offset.")
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      Self(
        .messageTooLarge,
        "Raise message.max.bytes here and max.message.bytes of the topic, or send less.")
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: Self(.alreadyExists, "Nothing was changed.")
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION, RD_KAFKA_RESP_ERR_INVALID_CONFIG,
      RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
      RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_INVALID_REQUEST,
      RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR_INVALID_RECORD,
      RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, RD_KAFKA_RESP_ERR_INVALID_GROUP_ID,
      RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      Self(.requestRefused, "Change the request; repeating it gives the same answer.")
    default: nil
    }
  }
}

/// Codes of the protocol that pass by themselves.
/// Source: https://kafka.apache.org/protocol.html#protocol_error_codes, column "retriable".
private let retriable: Set<Int32> = [
  RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE.rawValue,
  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION.rawValue,
  RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE.rawValue,
  RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION.rawValue,
  RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS.rawValue,
  RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE.rawValue,
  RD_KAFKA_RESP_ERR_NOT_COORDINATOR.rawValue,
  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS.rawValue,
  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND.rawValue,
  RD_KAFKA_RESP_ERR_NOT_CONTROLLER.rawValue,
  RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR.rawValue,
  RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH.rawValue,
  RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH.rawValue,
  RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT.rawValue,
  RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED.rawValue,
  RD_KAFKA_RESP_ERR__QUEUE_FULL.rawValue,
  RD_KAFKA_RESP_ERR__RETRY.rawValue,
]
