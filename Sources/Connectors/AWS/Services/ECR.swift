internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let ecr = AWSService(
    "ecr", .json(target: "AmazonEC2ContainerRegistry_V20150921"), prefix: "api.ecr",
    signingName: "ecr", perSecond: 10, pages: "AmazonECR/latest/APIReference/API_")
}

extension AWSOperation {
  static let describeRepositories = AWSOperation(
    .ecr, "DescribeRepositories", paging: Paging("nextToken", limit: ("maxResults", 1000)))
  static let getRepositoryPolicy = AWSOperation(.ecr, "GetRepositoryPolicy")
  static let getLifecyclePolicy = AWSOperation(.ecr, "GetLifecyclePolicy")
  static let describeImages = AWSOperation(
    .ecr, "DescribeImages", paging: Paging("nextToken", limit: ("maxResults", 1000)))
  static let describePullThroughCacheRules = AWSOperation(
    .ecr, "DescribePullThroughCacheRules",
    paging: Paging("nextToken", limit: ("maxResults", 1000)))
  static let getRegistryPolicy = AWSOperation(.ecr, "GetRegistryPolicy")
}

extension AWSUnit {
  static let ecr: [AWSUnit] = [
    .tree(
      AWSListing(
        .describeRepositories, items: ["repositories"],
        [AWSKind("aws.ecr.repository", key: .item("repositoryArn"), AWSNormalizer.repository)],
        each: [
          AWSListing(
            .getRepositoryPolicy, ["repositoryName": .item("repositoryName")],
            [
              AWSKind(
                "aws.ecr.policy", key: .parent("repositoryArn"),
                members: [("Arn", .parent("repositoryArn")), ("Policy", .item("policyText"))],
                AWSNormalizer.resourcePolicy("aws.ecr.policy", of: "Arn", "Policy"))
            ]),
          AWSListing(
            .getLifecyclePolicy, ["repositoryName": .item("repositoryName")],
            [
              AWSKind(
                "aws.ecr.lifecyclePolicy", key: .parent("repositoryArn"),
                members: [
                  ("Arn", .parent("repositoryArn")), ("Policy", .item("lifecyclePolicyText")),
                ], AWSNormalizer.lifecyclePolicy)
            ]),
          AWSListing(
            .describeImages, ["repositoryName": .item("repositoryName")], items: ["imageDetails"],
            [
              AWSKind(
                "aws.ecr.image",
                key: .joined([.parent("repositoryArn"), "@", .item("imageDigest")]),
                members: [("Repository", .parent("repositoryArn")), ("Image", .at(0, []))],
                redaction: Redaction(
                  "summaries of scans: dropped", removed: ["Image.imageScanFindingsSummary"]),
                AWSNormalizer.image)
            ]),
        ])),
    .tree(
      AWSListing(
        .describePullThroughCacheRules, items: ["pullThroughCacheRules"],
        isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.ecr.pullThroughCache",
            key: .joined([
              "arn:aws:ecr:", .region, ":", .account, ":pull-through-cache-rule/",
              .item("ecrRepositoryPrefix"),
            ]), members: [("Region", .region), ("Rule", .at(0, []))],
            AWSNormalizer.pullThroughCache)
        ])),
    .tree(
      AWSListing(
        .getRegistryPolicy, absent: ["RegistryPolicyNotFoundException"],
        [
          AWSKind(
            "aws.ecr.registryPolicy",
            key: .joined(["arn:aws:ecr:", .region, ":", .account, ":registry"]),
            members: [
              ("Arn", .joined(["arn:aws:ecr:", .region, ":", .account, ":registry"])),
              ("Policy", .item("policyText")),
            ], AWSNormalizer.resourcePolicy("aws.ecr.registryPolicy", of: "Arn", "Policy"))
        ])),
  ]
}

extension AWSNormalizer {
  static func repository(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .system, "aws.ecr.repository", arn: "repositoryArn", name: root.name("repositoryName"),
      [
        "uri": root.json("repositoryUri"), "created": root.time("createdAt"),
        "mutability": root.json("imageTagMutability"),
        "scanOnPush": root.inner("imageScanningConfiguration")?.flag("scanOnPush"),
        "key": root.inner("encryptionConfiguration")?.json("kmsKey"),
      ]
    ).assertions
  }

  /// It expires images and grants nothing, so it is a property and no policy.
  static func lifecyclePolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let id = try record.identifier(record.root.value(at: "Arn"))
    let text = try record.root.name("Policy")
    let rules = JSON(try JSONDocument(parsing: Array(text.utf8)).root)
    let node = Node(
      id: "\(id)#lifecycle", kind: .resourceSet, type: "aws.ecr.lifecyclePolicy",
      name: "lifecycle of \(ARNParts(id)?.name ?? id)", state: ["rules": rules.ordered])
    var assertions = Assertions(nodes: [node])
    assertions.link(.contains, id, node.id)
    return assertions
  }

  /// Repositories that are filled from a registry elsewhere, with a stored secret or as a role.
  static func pullThroughCache(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let rule = try record.root.value(at: "Rule")
    let prefix = try rule.name("ecrRepositoryPrefix")
    let id = record.local(
      "ecr", try record.root.name("Region"), "pull-through-cache-rule/\(prefix)")
    let upstream = try rule.name("upstreamRegistryUrl")
    var assertions = try record.thing(
      .connection, "aws.ecr.pullThroughCache", id: id, name: prefix,
      [
        "upstream": .string(upstream), "registry": rule.json("upstreamRegistry"),
        "upstreamPrefix": rule.json("upstreamRepositoryPrefix"), "created": rule.time("createdAt"),
      ]
    ).assertions
    assertions.link(
      .targets, id, hostName(upstream.contains("://") ? upstream : "https://" + upstream))
    assertions.link(.authenticatesWith, id, try rule.text("credentialArn"))
    assertions.link(.runsAs, id, try rule.text("customRoleArn"))
    return assertions
  }

  static func image(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let repository = try record.root.name("Repository")
    let image = try record.root.value(at: "Image")
    let id = "\(repository)@\(try image.name("imageDigest"))"
    var assertions = try record.thing(
      .system, "aws.ecr.image", id: id,
      name: "\(image.text("repositoryName") ?? "image")@\(image.name("imageDigest"))",
      [
        "tags": image.set("imageTags"), "pushed": image.time("imagePushedAt"),
        "mediaType": image.json("artifactMediaType"),
      ]
    ).assertions
    if let day = try image.day("lastRecordedPullTime") {
      assertions.nodes[0].observed["lastUsed"] = day
    }
    assertions.link(.contains, repository, id)
    return assertions
  }
}
