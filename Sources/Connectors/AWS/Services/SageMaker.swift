internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let sageMaker = AWSService(
    "sagemaker", .json(target: "SageMaker"), prefix: "api.sagemaker", signingName: "sagemaker",
    perSecond: 4, pages: "sagemaker/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("NextToken", limit: ("MaxResults", 100))

  static let listNotebookInstances = AWSOperation(
    .sageMaker, "ListNotebookInstances", paging: pages)
  static let describeNotebookInstance = AWSOperation(.sageMaker, "DescribeNotebookInstance")
  static let listSageMakerEndpoints = AWSOperation(.sageMaker, "ListEndpoints", paging: pages)
  static let describeSageMakerEndpoint = AWSOperation(.sageMaker, "DescribeEndpoint")
  static let listSageMakerModels = AWSOperation(.sageMaker, "ListModels", paging: pages)
  static let describeSageMakerModel = AWSOperation(.sageMaker, "DescribeModel")
}

extension AWSUnit {
  static let sageMaker: [AWSUnit] = [
    .tree(
      AWSListing(
        .listNotebookInstances, items: ["NotebookInstances"],
        each: [
          AWSListing(
            .describeNotebookInstance, ["NotebookInstanceName": .item("NotebookInstanceName")],
            [
              AWSKind(
                "aws.sagemaker.notebook", key: .item("NotebookInstanceArn"),
                redaction: Redaction(
                  "failures, which are prose: dropped", removed: ["FailureReason"]),
                AWSNormalizer.notebook)
            ])
        ])),
    .tree(
      AWSListing(
        .listSageMakerEndpoints, items: ["Endpoints"],
        each: [
          AWSListing(
            .describeSageMakerEndpoint, ["EndpointName": .item("EndpointName")],
            [
              AWSKind(
                "aws.sagemaker.endpoint", key: .item("EndpointArn"),
                redaction: Redaction(
                  "failures, which are prose: dropped", removed: ["FailureReason"]),
                AWSNormalizer.modelEndpoint)
            ])
        ])),
    .tree(
      AWSListing(
        .listSageMakerModels, items: ["Models"],
        each: [
          AWSListing(
            .describeSageMakerModel, ["ModelName": .item("ModelName")],
            [
              AWSKind(
                "aws.sagemaker.model", key: .item("ModelArn"),
                redaction: Redaction(
                  "values of environment variables: replaced by their shape",
                  shapes: ["PrimaryContainer.Environment", "Containers.Environment"],
                  removed: ["DeploymentRecommendation"]), AWSNormalizer.model)
            ])
        ])),
  ]
}

extension AWSNormalizer {
  static func notebook(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.sagemaker.notebook", arn: "NotebookInstanceArn",
      name: root.name("NotebookInstanceName"),
      [
        "status": root.json("NotebookInstanceStatus"), "created": root.time("CreationTime"),
        "internet": root.json("DirectInternetAccess"), "rootAccess": root.json("RootAccess"),
        "key": root.json("KmsKeyId"), "repository": root.json("DefaultCodeRepository"),
      ])
    assertions.link(.runsAs, id, try root.text("RoleArn"))
    return assertions
  }

  static func modelEndpoint(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .automation, "aws.sagemaker.endpoint", arn: "EndpointArn", name: root.name("EndpointName"),
      [
        "status": root.json("EndpointStatus"), "configuration": root.json("EndpointConfigName"),
        "created": root.time("CreationTime"),
      ]
    ).assertions
  }

  static func model(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var containers = try root.list("Containers")
    if let primary = try root.inner("PrimaryContainer") { containers.append(primary) }
    var images: Set<String> = []
    var stored = StoredValues()
    for container in containers {
      if let image = try container.text("Image") { images.insert(image) }
      stored.formUnion(try container.storedMembers("Environment"))
    }
    var (id, assertions) = try record.thing(
      .automation, "aws.sagemaker.model", arn: "ModelArn", name: root.name("ModelName"),
      [
        "images": .set(Array(images)), "isolated": root.flag("EnableNetworkIsolation"),
        "created": root.time("CreationTime"),
      ])
    assertions.link(.runsAs, id, try root.text("ExecutionRoleArn"))
    assertions.store(stored, in: id, "aws.sagemaker.environment")
    return assertions
  }
}
