internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let eks = AWSService("eks", .restJSON, pages: "eks/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 100))

  static let listEKSClusters = AWSOperation(.eks, "ListClusters", get: "/clusters", paging: pages)
  static let describeEKSCluster = AWSOperation(.eks, "DescribeCluster", get: "/clusters/{name}")
  static let listAccessEntries = AWSOperation(
    .eks, "ListAccessEntries", get: "/clusters/{name}/access-entries", paging: pages)
  static let describeAccessEntry = AWSOperation(
    .eks, "DescribeAccessEntry", get: "/clusters/{name}/access-entries/{principalArn}")
  static let listAssociatedAccessPolicies = AWSOperation(
    .eks, "ListAssociatedAccessPolicies",
    get: "/clusters/{name}/access-entries/{principalArn}/access-policies", paging: pages)
  static let listPodIdentityAssociations = AWSOperation(
    .eks, "ListPodIdentityAssociations", get: "/clusters/{name}/pod-identity-associations",
    paging: pages)
  static let describePodIdentityAssociation = AWSOperation(
    .eks, "DescribePodIdentityAssociation",
    get: "/clusters/{name}/pod-identity-associations/{associationId}")
  static let listNodegroups = AWSOperation(
    .eks, "ListNodegroups", get: "/clusters/{name}/node-groups", paging: pages)
  static let describeNodegroup = AWSOperation(
    .eks, "DescribeNodegroup", get: "/clusters/{name}/node-groups/{nodegroupName}")
}

extension AWSUnit {
  static let eks: [AWSUnit] = [
    .tree(
      AWSListing(
        .listEKSClusters, items: ["clusters"],
        each: [
          AWSListing(
            .describeEKSCluster, ["name": .item()], items: ["cluster"],
            [
              AWSKind(
                "aws.eks.cluster", key: .item("arn"),
                redaction: Redaction(
                  "activation codes and certificates: dropped",
                  removed: ["connectorConfig", "certificateAuthority"]), AWSNormalizer.eksCluster)
            ]),
          AWSListing(
            .listAccessEntries, ["name": .item()], items: ["accessEntries"],
            each: [
              AWSListing(
                .describeAccessEntry, ["name": .parent(), "principalArn": .item()],
                items: ["accessEntry"],
                [
                  AWSKind(
                    "aws.eks.accessEntry", key: .item("accessEntryArn"), AWSNormalizer.accessEntry)
                ]
              ),
              AWSListing(
                .listAssociatedAccessPolicies, ["name": .parent(), "principalArn": .item()],
                items: ["associatedAccessPolicies"],
                [
                  AWSKind(
                    "aws.eks.accessPolicy",
                    key: .joined([.grandparent(), "#", .parent(), "#", .item("policyArn")]),
                    members: [
                      ("Cluster", .grandparent()), ("Principal", .parent()), ("Region", .region),
                      ("Policy", .at(0, [])),
                    ], AWSNormalizer.accessPolicy)
                ]),
            ]),
          AWSListing(
            .listPodIdentityAssociations, ["name": .item()], items: ["associations"],
            each: [
              AWSListing(
                .describePodIdentityAssociation,
                ["name": .parent(), "associationId": .item("associationId")],
                items: ["association"],
                [
                  AWSKind(
                    "aws.eks.podIdentity", key: .item("associationArn"),
                    redaction: Redaction(
                      "external ids: replaced by their shape", shapes: ["externalId"]),
                    isRoadmap: true, AWSNormalizer.podIdentity)
                ])
            ]),
          AWSListing(
            .listNodegroups, ["name": .item()], items: ["nodegroups"],
            each: [
              AWSListing(
                .describeNodegroup, ["name": .parent(), "nodegroupName": .item()],
                items: ["nodegroup"],
                [AWSKind("aws.eks.nodegroup", key: .item("nodegroupArn"), AWSNormalizer.nodegroup)])
            ]),
        ]))
  ]
}

extension AWSNormalizer {
  private static func cluster(_ name: String, of arn: String, _ record: AWSRecord) -> String {
    record.local("eks", ARNParts(arn)?.region ?? "", "cluster/\(name)")
  }

  static func eksCluster(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let network = try root.inner("resourcesVpcConfig")
    let issuer = try root.inner("identity")?.inner("oidc")?.json("issuer")
    var (id, assertions) = try record.thing(
      .container, "aws.eks.cluster", arn: "arn", name: root.name("name"),
      [
        "status": root.json("status"), "version": root.json("version"), "issuer": issuer,
        "publicEndpoint": network?.flag("endpointPublicAccess"),
        "publicRanges": network?.set("publicAccessCidrs"),
        "authentication": root.inner("accessConfig")?.json("authenticationMode"),
        "created": root.time("createdAt"), "tags": root.anyTags("tags"),
      ])
    if let issuer = issuer?.string { assertions.nodes[0].defines.append("oidc:\(issuer)") }
    assertions.link(.runsAs, id, try root.text("roleArn"))
    assertions.link(.runsAs, id, try root.inner("computeConfig")?.text("nodeRoleArn"), "nodes")
    return assertions
  }

  /// Lets an identity of this account into the cluster.
  static func accessEntry(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let name = try root.name("clusterName")
    var (id, assertions) = try record.thing(
      .grant, "aws.eks.accessEntry", arn: "accessEntryArn", name: root.text("username"),
      [
        "type": root.json("type"), "groups": root.set("kubernetesGroups"),
        "created": root.time("createdAt"),
      ])
    assertions.link(.hasGrant, try root.name("principalArn"), id)
    assertions.link(.within, id, cluster(name, of: id, record))
    return assertions
  }

  static func accessPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (name, principal) = (try root.name("Cluster"), try root.name("Principal"))
    let policy = try root.value(at: "Policy")
    let arn = try policy.name("policyArn")
    let id = "\(name)#\(principal)#\(arn)"
    try record.check(id)
    let scope = try policy.inner("accessScope")
    let region = try root.name("Region")
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .grant, type: "aws.eks.accessPolicy", name: ARNParts(arn)?.name ?? arn,
        state: .present([
          "scope": try scope?.json("type"), "namespaces": try scope?.set("namespaces"),
          "account": .string(record.scope.account), "region": .string(region),
        ]))
    ])
    assertions.link(.hasGrant, principal, id)
    assertions.link(.ofRole, id, arn)
    assertions.link(.within, id, record.local("eks", region, "cluster/\(name)"))
    return assertions
  }

  /// Whatever runs as the service account is the role.
  static func podIdentity(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (id, parts) = try record.arn("associationArn")
    let account = "\(try root.name("namespace"))/\(try root.name("serviceAccount"))"
    var assertions = try record.thing(
      .automation, "aws.eks.podIdentity", id: id, name: account,
      ["owner": root.json("ownerArn"), "created": root.time("createdAt")]
    ).assertions
    assertions.link(.runsAs, id, try root.text("roleArn"))
    assertions.link(.runsAs, id, try root.text("targetRoleArn"), "target")
    assertions.link(
      .contains, record.local("eks", parts.region, "cluster/\(try root.name("clusterName"))"), id)
    return assertions
  }

  static func nodegroup(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.eks.nodegroup", arn: "nodegroupArn", name: root.name("nodegroupName"),
      [
        "status": root.json("status"), "image": root.json("amiType"),
        "created": root.time("createdAt"), "tags": root.anyTags("tags"),
        "remoteAccess": .bool(try root.inner("remoteAccess") != nil),
      ])
    assertions.link(.runsAs, id, try root.text("nodeRole"))
    assertions.link(.contains, cluster(try root.name("clusterName"), of: id, record), id)
    return assertions
  }
}
