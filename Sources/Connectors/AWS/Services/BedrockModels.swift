internal import Extraction
internal import JSONReader
internal import Model

// Models of the account, the names under which models are called, and where calls are logged.

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 1000))

  static let listCustomModels = AWSOperation(
    .bedrock, "ListCustomModels", get: "/custom-models", fixed: ["isOwned": "true"], paging: pages)
  static let listImportedModels = AWSOperation(
    .bedrock, "ListImportedModels", get: "/imported-models", paging: pages)
  static let listModelDeployments = AWSOperation(
    .bedrock, "ListCustomModelDeployments", get: "/model-customization/custom-model-deployments",
    paging: pages)
  static let listInferenceProfiles = AWSOperation(
    .bedrock, "ListInferenceProfiles", get: "/inference-profiles",
    fixed: ["type": "APPLICATION"], paging: pages)
  static let listProvisionedModels = AWSOperation(
    .bedrock, "ListProvisionedModelThroughputs", get: "/provisioned-model-throughputs",
    paging: pages)
  static let listMarketplaceEndpoints = AWSOperation(
    .bedrock, "ListMarketplaceModelEndpoints", get: "/marketplace-model/endpoints", paging: pages)
  static let getMarketplaceEndpoint = AWSOperation(
    .bedrock, "GetMarketplaceModelEndpoint", get: "/marketplace-model/endpoints/{endpointArn}")
  static let getInvocationLogging = AWSOperation(
    .bedrock, "GetModelInvocationLoggingConfiguration", get: "/logging/modelinvocations")
  static let getBedrockPolicy = AWSOperation(
    .bedrock, "GetResourcePolicy", get: "/resource-policy/{resourceArn}")
}

extension AWSListing {
  /// The policy of what is listed, or read, under the ARN at a member.
  static func bedrockPolicy(_ name: String, of arn: String) -> AWSListing {
    AWSListing(
      .getBedrockPolicy, ["resourceArn": .item(arn)],
      [
        AWSKind(
          name, key: .parent(arn),
          members: [("Arn", .parent(arn)), ("Policy", .item("resourcePolicy"))],
          AWSNormalizer.resourcePolicy(name, of: "Arn", "Policy"))
      ])
  }
}

extension AWSUnit {
  static let bedrockModels: [AWSUnit] = [
    .tree(
      AWSListing(
        .listCustomModels, items: ["modelSummaries"], isOmittedWhenEmpty: true,
        [AWSKind("aws.bedrock.customModel", key: .item("modelArn"), AWSNormalizer.customModel)],
        each: [.bedrockPolicy("aws.bedrock.customModelPolicy", of: "modelArn")])),
    .tree(
      AWSListing(
        .listImportedModels, items: ["modelSummaries"], isOmittedWhenEmpty: true,
        [
          AWSKind("aws.bedrock.importedModel", key: .item("modelArn"), AWSNormalizer.importedModel)
        ])),
    .tree(
      AWSListing(
        .listModelDeployments, items: ["modelDeploymentSummaries"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.bedrock.modelDeployment", key: .item("customModelDeploymentArn"),
            redaction: Redaction("failures, which are prose: dropped", removed: ["failureMessage"]),
            AWSNormalizer.modelDeployment)
        ])),
    .tree(
      AWSListing(
        .listInferenceProfiles, items: ["inferenceProfileSummaries"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.bedrock.inferenceProfile", key: .item("inferenceProfileArn"),
            redaction: Redaction("descriptions: dropped", removed: ["description"]),
            AWSNormalizer.inferenceProfile)
        ])),
    .tree(
      AWSListing(
        .listProvisionedModels, items: ["provisionedModelSummaries"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.bedrock.provisionedModel", key: .item("provisionedModelArn"),
            AWSNormalizer.provisionedModel)
        ])),
    .tree(
      AWSListing(
        .listMarketplaceEndpoints, items: ["marketplaceModelEndpoints"], isOmittedWhenEmpty: true,
        each: [
          AWSListing(
            .getMarketplaceEndpoint, ["endpointArn": .item("endpointArn")],
            items: ["marketplaceModelEndpoint"],
            [
              AWSKind(
                "aws.bedrock.marketplaceEndpoint", key: .item("endpointArn"),
                redaction: Redaction(
                  "messages of states, which are prose: dropped",
                  removed: ["statusMessage", "endpointStatusMessage"]),
                AWSNormalizer.marketplaceEndpoint)
            ])
        ])),
    .tree(
      AWSListing(
        .getInvocationLogging, items: ["loggingConfig"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.bedrock.invocationLogging",
            key: .joined(["arn:aws:bedrock:", .region, ":", .account, ":invocation-logging"]),
            members: [("Region", .region), ("Logging", .at(0, []))],
            AWSNormalizer.invocationLogging)
        ])),
  ]
}

extension AWSNormalizer {
  static func customModel(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .system, "aws.bedrock.customModel", arn: "modelArn", name: root.name("modelName"),
      [
        "status": root.json("modelStatus"), "base": root.json("baseModelArn"),
        "customization": root.json("customizationType"), "created": root.time("creationTime"),
      ]
    ).assertions
  }

  static func importedModel(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .system, "aws.bedrock.importedModel", arn: "modelArn", name: root.name("modelName"),
      ["architecture": root.json("modelArchitecture"), "created": root.time("creationTime")]
    ).assertions
  }

  static func modelDeployment(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .resourceSet, "aws.bedrock.modelDeployment", arn: "customModelDeploymentArn",
      name: root.name("customModelDeploymentName"),
      ["status": root.json("status"), "created": root.time("createdAt")])
    assertions.link(.contains, id, try root.text("modelArn"))
    return assertions
  }

  static func inferenceProfile(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .resourceSet, "aws.bedrock.inferenceProfile", arn: "inferenceProfileArn",
      name: root.name("inferenceProfileName"),
      [
        "status": root.json("status"), "type": root.json("type"),
        "created": root.time("createdAt"),
      ])
    for model in try root.texts("models", "modelArn") { assertions.link(.contains, id, model) }
    return assertions
  }

  static func provisionedModel(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .resourceSet, "aws.bedrock.provisionedModel", arn: "provisionedModelArn",
      name: root.name("provisionedModelName"),
      ["status": root.json("status"), "created": root.time("creationTime")])
    assertions.link(.contains, id, try root.text("modelArn"))
    return assertions
  }

  /// A model of the marketplace runs on an endpoint of SageMaker, which is described there.
  static func marketplaceEndpoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let id = try record.identifier(root.value(at: "endpointArn"))
    let sageMaker = try root.inner("endpointConfig")?.inner("sageMaker")
    var assertions = Assertions()
    assertions.link(
      .runsAs, id, try sageMaker?.text("executionRole"), "marketplace",
      ["model": try root.json("modelSourceIdentifier")])
    return assertions
  }

  /// Prompts and answers of all calls of the region go there.
  static func invocationLogging(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let logging = try record.root.value(at: "Logging")
    let region = try record.root.name("Region")
    let id = record.local("bedrock", region, "invocation-logging")
    let cloudWatch = try logging.inner("cloudWatchConfig")
    let group = try cloudWatch?.text("logGroupName")
    var assertions = try record.thing(
      .automation, "aws.bedrock.invocationLogging", id: id, name: "invocation logging",
      [
        "text": logging.flag("textDataDeliveryEnabled"),
        "image": logging.flag("imageDataDeliveryEnabled"),
        "embedding": logging.flag("embeddingDataDeliveryEnabled"),
      ]
    ).assertions
    assertions.link(.runsAs, id, try cloudWatch?.text("roleArn"))
    assertions.link(
      .invokes, id, group.map { record.local("logs", region, "log-group:\($0)") }, "log group")
    for bucket in [
      try logging.inner("s3Config"), try cloudWatch?.inner("largeDataDeliveryS3Config"),
    ] {
      assertions.link(
        .invokes, id, try bucket?.text("bucketName").map { "arn:aws:s3:::\($0)" }, "bucket")
    }
    return assertions
  }
}
