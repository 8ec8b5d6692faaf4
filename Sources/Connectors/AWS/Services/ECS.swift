internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  /// Source: ECS API reference, "Request throttling": reads of clusters have a burst of 50 and 20 a
  /// second.
  static let ecs = AWSService(
    "ecs", .json(target: "AmazonEC2ContainerServiceV20141113"), perSecond: 10,
    pages: "AmazonECS/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 100))

  static let listECSClusters = AWSOperation(.ecs, "ListClusters", paging: pages)
  static let describeECSClusters = AWSOperation(
    .ecs, "DescribeClusters", fixed: ["include": ["TAGS", "CONFIGURATIONS"]])
  static let listECSServices = AWSOperation(.ecs, "ListServices", paging: pages)
  static let describeECSServices = AWSOperation(
    .ecs, "DescribeServices", fixed: ["include": ["TAGS"]])
  static let listTaskDefinitionFamilies = AWSOperation(
    .ecs, "ListTaskDefinitionFamilies", fixed: ["status": "ACTIVE"], paging: pages)
  static let describeTaskDefinition = AWSOperation(
    .ecs, "DescribeTaskDefinition", fixed: ["include": ["TAGS"]], rate: Rate(perSecond: 10))
}

extension AWSUnit {
  static let ecs: [AWSUnit] = [
    .tree(
      AWSListing(
        .listECSClusters, items: ["clusterArns"],
        each: [
          AWSListing(
            .describeECSClusters, ["clusters": .all([])], items: ["clusters"], batch: 100,
            [AWSKind("aws.ecs.cluster", key: .item("clusterArn"), AWSNormalizer.ecsCluster)]),
          AWSListing(
            .listECSServices, ["cluster": .item()], items: ["serviceArns"],
            each: [
              AWSListing(
                .describeECSServices, ["cluster": .item(), "services": .all([])],
                items: ["services"], batch: 10,
                [
                  AWSKind(
                    "aws.ecs.service", key: .item("serviceArn"),
                    redaction: Redaction("events, which are prose: dropped", removed: ["events"]),
                    AWSNormalizer.ecsService)
                ])
            ]),
        ])),
    .tree(
      AWSListing(
        .listTaskDefinitionFamilies, items: ["families"],
        each: [
          AWSListing(
            .describeTaskDefinition, ["taskDefinition": .item()],
            [
              AWSKind(
                "aws.ecs.taskDefinition",
                key: .joined([
                  "arn:aws:ecs:", .region, ":", .account, ":task-definition/",
                  .item("taskDefinition", "family"),
                ]),
                redaction: Redaction(
                  "values of environment variables, commands and options: replaced by their shape",
                  shapes: [
                    "taskDefinition.containerDefinitions.environment.value",
                    "taskDefinition.containerDefinitions.command",
                    "taskDefinition.containerDefinitions.entryPoint",
                    "taskDefinition.containerDefinitions.healthCheck.command",
                    "taskDefinition.containerDefinitions.logConfiguration.options",
                    "taskDefinition.containerDefinitions.firelensConfiguration.options",
                    "taskDefinition.containerDefinitions.dockerLabels",
                    "taskDefinition.proxyConfiguration.properties.value",
                  ]), AWSNormalizer.taskDefinition)
            ])
        ])),
  ]
}

extension AWSNormalizer {
  static func ecsCluster(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .container, "aws.ecs.cluster", arn: "clusterArn", name: root.name("clusterName"),
      ["status": root.json("status"), "tags": root.anyTags("tags")]
    ).assertions
  }

  static func ecsService(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let definition = try root.text("taskDefinition")
    var (id, assertions) = try record.thing(
      .automation, "aws.ecs.service", arn: "serviceArn", name: root.name("serviceName"),
      [
        "status": root.json("status"), "launchType": root.json("launchType"),
        "taskDefinition": definition.map(JSON.string),
        "executeCommand": root.flag("enableExecuteCommand"), "created": root.time("createdAt"),
        "targetGroups": root.set("loadBalancers", "targetGroupArn"), "tags": root.anyTags("tags"),
      ])
    assertions.link(.contains, try root.name("clusterArn"), id)
    assertions.link(.invokes, id, definition.map(taskFamily))
    assertions.link(.runsAs, id, try root.text("roleArn"), "service")
    for group in try Set(root.texts("loadBalancers", "targetGroupArn")) {
      assertions.link(.triggers, group, id)
    }
    return assertions
  }

  /// The newest active revision stands for its family.
  static func taskDefinition(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = try record.root.value(at: "taskDefinition")
    let id = taskFamily(try root.name("taskDefinitionArn"))
    var stored = StoredValues()
    var secrets: Set<String> = []
    var images: Set<String> = []
    var isPrivileged = false
    for container in try root.list("containerDefinitions") {
      stored.formUnion(try container.storedElements("environment"))
      secrets.formUnion(try container.texts("secrets", "valueFrom"))
      if let image = try container.text("image") { images.insert(image) }
      if try container.optionalBool(at: "privileged") == true { isPrivileged = true }
    }
    var assertions = try record.thing(
      .automation, "aws.ecs.taskDefinition", id: id, name: root.name("family"),
      [
        "revision": root.number("revision"), "networkMode": root.json("networkMode"),
        "images": .set(Array(images)), "privileged": .bool(isPrivileged),
        "secretReferences": secrets.isEmpty ? nil : .set(Array(secrets)),
        "tags": record.root.anyTags("tags"),
      ]
    ).assertions
    assertions.link(.runsAs, id, try root.text("taskRoleArn"))
    assertions.link(.runsAs, id, try root.text("executionRoleArn"), "execution")
    assertions.store(stored, in: id, "aws.ecs.environment")
    return assertions
  }
}
