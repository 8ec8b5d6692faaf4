internal import Extraction
internal import JSONReader
internal import Model

// Tags of what its own listings tell without them, a hundred things a call: which automations
// belong together, what an agent is for, what data is, whom a policy's condition lets in.

extension AWSService {
  static let tagging = AWSService(
    "resourcegroupstaggingapi", .json(target: "ResourceGroupsTaggingAPI_20170126"),
    prefix: "tagging", actionPrefix: "tag", pages: "resourcegroupstagging/latest/APIReference/API_")
}

extension AWSOperation {
  static let getResources = AWSOperation(
    .tagging, "GetResources",
    paging: Paging("PaginationToken", limit: ("ResourcesPerPage", 100)))
}

extension AWSUnit {
  static let tags: [AWSUnit] = [
    tags(.automation, "aws.lambda.function", "lambda:function"),
    tags(.automation, "aws.states.stateMachine", "states:stateMachine"),
    tags(.automation, "aws.bedrock.agent", "bedrock:agent"),
    tags(.automation, "aws.agentcore.runtime", "bedrock-agentcore:runtime"),
    tags(.system, "aws.s3.bucket", "s3"),
    tags(.system, "aws.dynamodb.table", "dynamodb:table"),
    tags(.system, "aws.sqs.queue", "sqs"),
    tags(.system, "aws.sns.topic", "sns"),
  ]

  /// - Parameter resource: service and type, as in ARNs; of things whose ARNs have no type, the
  ///   service.
  private static func tags(_ kind: NodeKind, _ type: String, _ resource: String) -> AWSUnit {
    .tree(
      AWSListing(
        .getResources, ["ResourceTypeFilters": .constant([.string(resource)])],
        items: ["ResourceTagMappingList"],
        [
          AWSKind(
            type + "Tags", key: .item("ResourceARN"),
            AWSNormalizer.tags(
              kind, type, resource.split(separator: ":").dropFirst().first.map(String.init)))
        ]))
  }
}

extension AWSNormalizer {
  /// What has lost its tags is listed too, and what belongs to a thing of the type.
  fileprivate static func tags(_ kind: NodeKind, _ type: String, _ resource: String?) -> Kind {
    { record throws(JSONError) in
      let resources = try record.arn("ResourceARN").parts.resource
        .split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "/" }
      guard resources.dropLast().map(String.init) == [resource].compactMap(\.self),
        let tags = try record.root.anyTags("Tags")
      else { return Assertions() }
      return try record.thing(kind, type, arn: "ResourceARN", ["tags": tags]).assertions
    }
  }
}
