internal import Extraction

extension AWSService {
  /// Source: Lambda Developer Guide, "Lambda quotas": 15 control plane requests a second.
  static let lambda = AWSService(
    "lambda", .restJSON, perSecond: 15, pages: "lambda/latest/api/API_")
}

extension AWSOperation {
  private static let pages = Paging("Marker", output: ["NextMarker"])

  static let listFunctions = AWSOperation(
    .lambda, "ListFunctions", get: "/2015-03-31/functions", paging: pages)
  /// Source: Lambda Developer Guide, "Lambda quotas": GetPolicy has 15 a second of its own.
  static let getPolicy = AWSOperation(
    .lambda, "GetPolicy", get: "/2015-03-31/functions/{FunctionName}/policy",
    rate: Rate(perSecond: 15))
  static let getFunctionURLConfig = AWSOperation(
    .lambda, "GetFunctionUrlConfig", get: "/2021-10-31/functions/{FunctionName}/url")
  static let listEventSourceMappings = AWSOperation(
    .lambda, "ListEventSourceMappings", get: "/2015-03-31/event-source-mappings", paging: pages)
}

extension AWSUnit {
  static let lambda: [AWSUnit] = [
    .tree(
      AWSListing(
        .listFunctions, items: ["Functions"],
        [
          AWSKind(
            "aws.lambda.function", key: .item("FunctionArn"), redaction: .environment,
            AWSNormalizer.function)
        ],
        each: [
          AWSListing(
            .getPolicy, ["FunctionName": .item("FunctionName")],
            [
              AWSKind(
                "aws.lambda.policy", key: .parent("FunctionArn"),
                members: [
                  ("FunctionArn", .parent("FunctionArn")), ("Policy", .item("Policy")),
                  ("RevisionId", .item("RevisionId")),
                ], AWSNormalizer.functionPolicy)
            ]),
          AWSListing(
            .getFunctionURLConfig, ["FunctionName": .item("FunctionName")],
            [AWSKind("aws.lambda.url", key: .item("FunctionArn"), AWSNormalizer.functionURL)]),
          aliases, eventInvokeConfigs,
        ])),
    versions, layers,
    .tree(
      AWSListing(
        .listEventSourceMappings, items: ["EventSourceMappings"],
        [
          AWSKind(
            "aws.lambda.eventSourceMapping", key: .item("UUID"), AWSNormalizer.eventSourceMapping)
        ])),
  ]
}
