internal import Extraction
internal import JSONReader
internal import Model

// What builds and deploys: CodeBuild, CodePipeline, CloudFormation.

extension AWSService {
  static let codeBuild = AWSService(
    "codebuild", .json(target: "CodeBuild_20161006"), pages: "codebuild/latest/APIReference/API_")
  static let codePipeline = AWSService(
    "codepipeline", .json(target: "CodePipeline_20150709"),
    pages: "codepipeline/latest/APIReference/API_")
  static let cloudFormation = AWSService(
    "cloudformation", .query, version: "2010-05-15", perSecond: 2,
    pages: "AWSCloudFormation/latest/APIReference/API_")
}

extension AWSOperation {
  static let listBuildProjects = AWSOperation(
    .codeBuild, "ListProjects", paging: Paging("nextToken"))
  static let batchGetBuildProjects = AWSOperation(.codeBuild, "BatchGetProjects")
  static let listSourceCredentials = AWSOperation(.codeBuild, "ListSourceCredentials")
  static let listCodePipelines = AWSOperation(
    .codePipeline, "ListPipelines", paging: Paging("nextToken", limit: ("maxResults", 100)))
  static let getCodePipeline = AWSOperation(.codePipeline, "GetPipeline")
  static let describeStacks = AWSOperation(
    .cloudFormation, "DescribeStacks", paging: Paging("NextToken"))
}

extension AWSUnit {
  static let build: [AWSUnit] = [
    .tree(
      AWSListing(
        .listBuildProjects, items: ["projects"],
        each: [
          AWSListing(
            .batchGetBuildProjects, ["names": .all([])], items: ["projects"], batch: 100,
            [
              AWSKind(
                "aws.codebuild.project", key: .item("arn"),
                redaction: Redaction(
                  "values of environment variables, build specifications and the webhook's secret: "
                    + "replaced by their shape or dropped",
                  shapes: ["environment.environmentVariables.value"],
                  removed: [
                    "source.buildspec", "secondarySources.buildspec", "webhook.secret",
                    "webhook.payloadUrl",
                  ]), AWSNormalizer.buildProject)
            ])
        ])),
    .tree(
      AWSListing(
        .listSourceCredentials, items: ["sourceCredentialsInfos"],
        [
          AWSKind(
            "aws.codebuild.sourceCredential", key: .item("arn"), AWSNormalizer.sourceCredential)
        ])),
    .tree(
      AWSListing(
        .listCodePipelines, items: ["pipelines"],
        each: [
          AWSListing(
            .getCodePipeline, ["name": .item("name")],
            [
              AWSKind(
                "aws.codepipeline.pipeline", key: .item("metadata", "pipelineArn"),
                redaction: Redaction(
                  "configuration and variables of actions: only names and ARNs stay",
                  shapes: ["pipeline.variables.defaultValue"],
                  definitions: ["pipeline.stages.actions.configuration"]),
                AWSNormalizer.codePipeline)
            ])
        ])),
    .tree(
      AWSListing(
        .describeStacks, items: ["Stacks"],
        [
          AWSKind(
            "aws.cloudformation.stack", key: .item("StackId"),
            redaction: Redaction(
              "values of parameters and outputs: replaced by their shape",
              shapes: [
                "Parameters.ParameterValue", "Parameters.ResolvedValue", "Outputs.OutputValue",
              ]), AWSNormalizer.stack)
        ])),
  ]
}

extension AWSNormalizer {
  static func buildProject(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let source = try root.inner("source")
    let environment = try root.inner("environment")
    var (id, assertions) = try record.thing(
      .automation, "aws.codebuild.project", arn: "arn", name: root.name("name"),
      [
        "sourceType": source?.json("type"), "source": source?.json("location"),
        "image": environment?.json("image"), "privileged": environment?.flag("privilegedMode"),
        "visibility": root.json("projectVisibility"),
        "webhook": .bool(try root.inner("webhook") != nil),
        "created": root.time("created"), "tags": root.anyTags("tags"),
      ])
    assertions.link(.runsAs, id, try root.text("serviceRole"))
    assertions.link(.runsAs, id, try root.text("resourceAccessRole"), "access")
    if let location = try source?.text("location"), let host = hostName(location) {
      assertions.link(.triggers, host, id, "source")
    }
    var stored = StoredValues()
    for variable in try environment?.list("environmentVariables") ?? [] {
      // Parameter store and Secrets Manager variables hold a name, not a value.
      let type = try variable.text("type") ?? "PLAINTEXT"
      guard type == "PLAINTEXT", let value = try variable.optionalValue(at: "value") else {
        continue
      }
      stored.add(try variable.name("name"), try value.shape())
    }
    assertions.store(stored, in: id, "aws.codebuild.environment")
    return assertions
  }

  static func sourceCredential(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .credential, "aws.codebuild.sourceCredential", arn: "arn",
      ["serverType": root.json("serverType"), "authType": root.json("authType")]
    ).assertions
  }

  static func codePipeline(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = try record.root.value(at: "pipeline")
    let id = try record.identifier(record.root.value(at: "metadata").value(at: "pipelineArn"))
    let region = ARNParts(id)?.region ?? ""
    var assertions = try record.thing(
      .automation, "aws.codepipeline.pipeline", id: id, name: root.name("name"),
      ["type": root.json("pipelineType")]
    ).assertions
    assertions.link(.runsAs, id, try root.name("roleArn"))
    for stage in try root.list("stages") {
      for action in try stage.list("actions") {
        let name = "\(try stage.name("name"))/\(try action.name("name"))"
        assertions.link(.runsAs, id, try action.text("roleArn"), name)
        guard let configuration = try action.inner("configuration"),
          let provider = try action.inner("actionTypeId")?.text("provider")
        else { continue }
        switch provider {
        case "CodeBuild":
          if let project = try configuration.text("ProjectName") {
            assertions.link(
              .invokes, id, record.local("codebuild", region, "project/\(project)"), name)
          }
        case "Lambda":
          if let function = try configuration.text("FunctionName") {
            assertions.link(
              .invokes, id, record.local("lambda", region, "function:\(function)"), name)
          }
        case "CloudFormation": assertions.link(.runsAs, id, try configuration.text("RoleArn"), name)
        default: assertions.link(.connectsTo, id, try configuration.text("ConnectionArn"), name)
        }
      }
    }
    return assertions
  }

  static func stack(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let capabilities = try root.texts("Capabilities")
    var (id, assertions) = try record.thing(
      .automation, "aws.cloudformation.stack", arn: "StackId", name: root.name("StackName"),
      [
        "status": root.json("StackStatus"), "capabilities": .set(capabilities),
        "created": root.time("CreationTime"), "tags": root.anyTags("Tags"),
      ])
    assertions.link(.runsAs, id, try root.text("RoleARN"))
    assertions.link(.contains, try root.text("ParentId"), id)
    return assertions
  }
}
