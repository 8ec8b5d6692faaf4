internal import Extraction
internal import JSONReader
internal import Model

// Topics and queues.

extension AWSService {
  static let sns = AWSService(
    "sns", .query, version: "2010-03-31", perSecond: 10, pages: "sns/latest/api/API_")
  static let sqs = AWSService(
    "sqs", .json(target: "AmazonSQS", version: "1.0"), perSecond: 10,
    pages: "AWSSimpleQueueService/latest/APIReference/API_")
}

extension AWSOperation {
  static let listTopics = AWSOperation(.sns, "ListTopics", paging: Paging("NextToken"))
  static let getTopicAttributes = AWSOperation(.sns, "GetTopicAttributes")
  static let listSubscriptions = AWSOperation(
    .sns, "ListSubscriptions", paging: Paging("NextToken"))
  static let getSubscriptionAttributes = AWSOperation(.sns, "GetSubscriptionAttributes")
  static let listQueues = AWSOperation(
    .sqs, "ListQueues", paging: Paging("NextToken", limit: ("MaxResults", 1000)))
  static let getQueueAttributes = AWSOperation(
    .sqs, "GetQueueAttributes", fixed: ["AttributeNames": ["All"]])
}

extension AWSUnit {
  static let messaging: [AWSUnit] = [
    .tree(
      AWSListing(
        .listTopics, items: ["Topics"],
        each: [
          AWSListing(
            .getTopicAttributes, ["TopicArn": .item("TopicArn")],
            [
              AWSKind(
                "aws.sns.topic", key: .item("Attributes", "TopicArn"),
                redaction: Redaction(
                  "counters: dropped",
                  removed: [
                    "Attributes.SubscriptionsConfirmed", "Attributes.SubscriptionsPending",
                    "Attributes.SubscriptionsDeleted",
                  ]), AWSNormalizer.topic)
            ])
        ])),
    .tree(
      AWSListing(
        .listSubscriptions, items: ["Subscriptions"],
        [
          AWSKind(
            "aws.sns.subscription",
            // One that is not confirmed has no ARN of its own.
            key: .joined([
              .item("TopicArn"), "#", .item("Protocol"), "#", .digest(.item("Endpoint")),
            ]),
            members: [
              ("Subscription", .at(0, [])), ("EndpointDigest", .digest(.item("Endpoint"))),
            ],
            redaction: Redaction(
              "endpoints that are no ARN: reduced to their host, or to a digest",
              hosts: ["Subscription.Endpoint"]), AWSNormalizer.subscription)
        ],
        each: [
          AWSListing(
            .getSubscriptionAttributes, ["SubscriptionArn": .item("SubscriptionArn")],
            // Of one that is not confirmed the ARN is a word.
            absent: ["InvalidParameter"],
            [
              AWSKind(
                "aws.sns.subscriptionRole", key: .parent("SubscriptionArn"),
                members: [
                  ("SubscriptionArn", .parent("SubscriptionArn")),
                  ("TopicArn", .parent("TopicArn")),
                  ("SubscriptionRoleArn", .item("Attributes", "SubscriptionRoleArn")),
                ], AWSNormalizer.subscriptionRole)
            ])
        ])),
    .tree(
      AWSListing(
        .listQueues, items: ["QueueUrls"], isOmittedWhenEmpty: true,
        each: [
          AWSListing(
            .getQueueAttributes, ["QueueUrl": .item()],
            [
              AWSKind(
                "aws.sqs.queue", key: .item("Attributes", "QueueArn"),
                redaction: Redaction(
                  "counters: dropped",
                  removed: [
                    "Attributes.ApproximateNumberOfMessages",
                    "Attributes.ApproximateNumberOfMessagesDelayed",
                    "Attributes.ApproximateNumberOfMessagesNotVisible",
                  ]), AWSNormalizer.queue)
            ])
        ])),
  ]
}

extension AWSNormalizer {
  static func topic(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let attributes = try record.root.value(at: "Attributes")
    let id = try record.identifier(attributes.value(at: "TopicArn"))
    var assertions = try record.thing(
      .system, "aws.sns.topic", id: id,
      ["key": attributes.json("KmsMasterKeyId"), "owner": attributes.json("Owner")]
    ).assertions
    try assertions.govern(id, "aws.sns.topicPolicy", attributes, "Policy")
    return assertions
  }

  /// What a topic starts: its subscribers are fed by it.
  static func subscription(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let subscription = try record.root.value(at: "Subscription")
    let topic = try subscription.name("TopicArn")
    let kind = try subscription.name("Protocol")
    try record.check("\(topic)#\(kind)#\(try record.root.name("EndpointDigest"))")
    let isConfirmed = try subscription.name("SubscriptionArn").hasPrefix("arn:")
    let endpoint = try subscription.text("Endpoint") ?? ""
    var assertions = Assertions()
    let state: [String: JSON?] = ["protocol": .string(kind), "confirmed": .bool(isConfirmed)]
    if endpoint.hasPrefix("arn:") {
      assertions.link(.triggers, topic, unqualified(endpoint), kind, state)
    } else {
      assertions.link(.invokes, topic, hostName(endpoint), kind, state)
    }
    return assertions
  }

  /// The role as which a topic delivers to a subscriber, where it takes one.
  static func subscriptionRole(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let id = try record.identifier(record.root.value(at: "SubscriptionArn"))
    var assertions = Assertions()
    assertions.link(
      .runsAs, try record.root.name("TopicArn"), try record.root.text("SubscriptionRoleArn"), id)
    return assertions
  }

  static func queue(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let attributes = try record.root.value(at: "Attributes")
    let id = try record.identifier(attributes.value(at: "QueueArn"))
    var assertions = try record.thing(
      .system, "aws.sqs.queue", id: id,
      [
        "key": attributes.json("KmsMasterKeyId"),
        "encrypted": attributes.flag("SqsManagedSseEnabled"),
      ]
    ).assertions
    try assertions.govern(id, "aws.sqs.queuePolicy", attributes, "Policy")
    return assertions
  }
}
