internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let openSearch = AWSService(
    "opensearchserverless", .json(target: "OpenSearchServerless", version: "1.0"), prefix: "aoss",
    pages: "opensearch-service/latest/ServerlessAPIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 100))

  static let listSearchCollections = AWSOperation(.openSearch, "ListCollections", paging: pages)
  static let listAccessPolicies = AWSOperation(
    .openSearch, "ListAccessPolicies", fixed: ["type": "data"], paging: pages)
  static let getAccessPolicy = AWSOperation(
    .openSearch, "GetAccessPolicy", fixed: ["type": "data"])
  static let listNetworkPolicies = AWSOperation(
    .openSearch, "ListSecurityPolicies", fixed: ["type": "network"], paging: pages)
  static let getNetworkPolicy = AWSOperation(
    .openSearch, "GetSecurityPolicy", fixed: ["type": "network"])
}

extension AWSUnit {
  private static func policy(
    _ list: AWSOperation, _ items: String, _ get: AWSOperation, _ item: String, _ name: String,
    _ normalize: @escaping AWSNormalizer.Kind
  ) -> AWSUnit {
    .tree(
      AWSListing(
        list, items: [items],
        each: [
          AWSListing(
            get, ["name": .item("name")], items: [item],
            [
              AWSKind(
                name,
                key: .joined([
                  "arn:aws:aoss:", .region, ":", .account, ":",
                  .constant(.string(String(name.dropFirst("aws.opensearch.".count)))), "/",
                  .item("name"),
                ]),
                members: [("Region", .region), ("Policy", .at(0, []))],
                redaction: Redaction("descriptions: dropped", removed: ["Policy.description"]),
                normalize)
            ])
        ]))
  }

  static let openSearch: [AWSUnit] = [
    .tree(
      AWSListing(
        .listSearchCollections, items: ["collectionSummaries"],
        [AWSKind("aws.opensearch.collection", key: .item("arn"), AWSNormalizer.searchCollection)])),
    policy(
      .listAccessPolicies, "accessPolicySummaries", .getAccessPolicy, "accessPolicyDetail",
      "aws.opensearch.accessPolicy", AWSNormalizer.searchAccessPolicy),
    policy(
      .listNetworkPolicies, "securityPolicySummaries", .getNetworkPolicy, "securityPolicyDetail",
      "aws.opensearch.networkPolicy", AWSNormalizer.searchNetworkPolicy),
  ]
}

extension AWSNormalizer {
  /// What its policies call a collection: they name it, and know no ARN.
  private static func collectionName(
    _ name: some StringProtocol, _ region: some StringProtocol, in scope: Scope
  ) -> String {
    "aws:aoss:\(region):\(scope.account):collection/\(name)"
  }

  static func searchCollection(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (_, parts) = try record.arn("arn")
    let name = try root.name("name")
    var assertions = try record.thing(
      .system, "aws.opensearch.collection", arn: "arn", name: name,
      ["status": root.json("status"), "key": root.json("kmsKeyArn")]
    ).assertions
    assertions.nodes[0].defines.append(collectionName(name, parts.region, in: record.scope))
    return assertions
  }

  private static func policyID(
    _ record: AWSRecord, _ kind: String
  ) throws(JSONError) -> (id: String, region: String, policy: JSONView) {
    let policy = try record.root.value(at: "Policy")
    let region = try record.root.name("Region")
    let id = record.local("aoss", region, "\(kind)/\(try policy.name("name"))")
    try record.check(id)
    return (id, region, policy)
  }

  /// Each statement is a grant to its principals; the collections that it names without a wildcard
  /// are linked, all are in the state.
  static func searchAccessPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let (id, region, policy) = try policyID(record, "accessPolicy")
    let name = try policy.name("name")
    var assertions = Assertions()
    for statement in try policy.list("policy") {
      let digest = PolicyDocument(canonical: JSON(statement).ordered).digest.suffix(16)
      let grant = "\(id)#\(digest)"
      var rules: Set<String> = []
      var collections: Set<String> = []
      for rule in try statement.list("Rules") {
        let resources = try rule.texts("Resource")
        for permission in try rule.texts("Permission") {
          for resource in resources { rules.insert("\(permission) \(resource)") }
        }
        for resource in resources where !resource.contains("*") {
          // collection/NAME, index/NAME/INDEX
          let parts = resource.split(separator: "/")
          if parts.count > 1 {
            collections.insert(collectionName(parts[1], region, in: record.scope))
          }
        }
      }
      assertions.nodes.append(
        Node(
          id: grant, kind: .grant, type: "aws.opensearch.accessRule", name: "data access: \(name)",
          state: ["account": .string(record.scope.account), "rules": .set(Array(rules))]))
      for principal in try statement.texts("Principal") {
        assertions.link(.hasGrant, principal, grant)
      }
      for collection in collections { assertions.link(.within, grant, collection) }
    }
    return assertions
  }

  /// Whether the endpoints can be reached from outside of a network.
  static func searchNetworkPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let (id, region, policy) = try policyID(record, "networkPolicy")
    var collections: Set<String> = []
    var exposed: Set<String> = []
    for statement in try policy.list("policy") {
      let isPublic = try statement.optionalBool(at: "AllowFromPublic", lenient: true) ?? false
      for rule in try statement.list("Rules") {
        for resource in try rule.texts("Resource") {
          if isPublic { exposed.insert(resource) }
          let parts = resource.split(separator: "/")
          if parts.count > 1, !resource.contains("*") {
            collections.insert(collectionName(parts[1], region, in: record.scope))
          }
        }
      }
    }
    var assertions = try record.thing(
      .resourceSet, "aws.opensearch.networkPolicy", id: id, name: policy.name("name"),
      ["public": exposed.isEmpty ? nil : .set(Array(exposed))]
    ).assertions
    for collection in collections { assertions.link(.contains, id, collection) }
    return assertions
  }
}
