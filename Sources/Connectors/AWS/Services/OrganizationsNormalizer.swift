internal import Extraction
internal import JSONReader
internal import Model

// Source: https://docs.aws.amazon.com/organizations/latest/APIReference/API_Types.html

extension AWSNormalizer {
  static func organization(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let arn = try record.arn("Arn").text
    let id = try root.name("Id")
    let management = try root.name("MasterAccountId")
    var enabled: [String] = []
    for type in try root.list("AvailablePolicyTypes") where try type.text("Status") == "ENABLED" {
      enabled.append(try type.name("Type"))
    }
    let node = Node(
      id: arn, kind: .container, type: "aws.organization", name: id,
      defines: [arn, "aws:organization:\(id)"],
      state: .present([
        "organizationId": .string(id), "managementAccount": .string(management),
        "featureSet": try root.json("FeatureSet"), "policyTypes": .set(enabled),
      ]))
    return Assertions(
      nodes: [node], edges: [Edge(.contains, from: arn, to: "aws:account:\(management)")])
  }

  static func account(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let account = try record.identifier(root.value(at: "Id"))
    let id = "aws:account:\(account)"
    let name = try root.text("Name")
    // AWS retires `Status` in favour of `State` (September 2026); both can be there.
    let (state, status) = (try root.json("State"), try root.json("Status"))
    let node = Node(
      id: id, kind: .container, type: "aws.account", name: name ?? account, defines: [id],
      state: .present([
        "name": name.map(JSON.string), "status": state ?? status,
        "joinedMethod": try root.json("JoinedMethod"),
      ]))
    let organization = try organizationARN(ofAccount: root.value(at: "Arn"))
    return Assertions(nodes: [node], edges: [Edge(.contains, from: organization, to: id)])
  }

  /// `arn:aws:organizations::111122223333:account/o-abc/444455556666` is within
  /// `arn:aws:organizations::111122223333:organization/o-abc`.
  private static func organizationARN(ofAccount view: JSONView) throws(JSONError) -> String {
    let parts = ARNParts(try view.string())
    let path = parts?.resource.split(separator: "/") ?? []
    guard let parts, path.count == 3, path[0] == "account" else {
      throw view.mismatch("the ARN of an organization's account", "another text")
    }
    return "arn:\(parts.partition):organizations::\(parts.account):organization/\(path[1])"
  }

  /// A service control policy, or one for resources, which is written and attached the same way.
  static func serviceControlPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let policy = try record.root.value(at: "Policy")
    let summary = try policy.value(at: "PolicySummary")
    let arn = try record.identifier(summary.value(at: "Arn"))
    let targets = try record.root.array(at: "Targets")
    var assertions = Assertions()
    // A policy that is attached nowhere limits nothing, and is no node.
    guard !targets.isEmpty else { return assertions }
    assertions.add(
      policy: arn, type: "aws.organizations.policy", name: try summary.name("Name"),
      document: try policy.policyDocument("Content"),
      state: .present([
        "awsManaged": .bool(try summary.optionalBool(at: "AwsManaged") ?? false),
        "policyType": .string(try summary.name("Type")),
      ]))
    let isForResources = try summary.name("Type") == "RESOURCE_CONTROL_POLICY"
    for target in targets {
      assertions.edges.append(
        Edge(
          .limitedBy, from: try container(target), to: arn,
          discriminator: isForResources ? "rcp" : "scp"))
    }
    return assertions
  }

  private static func container(_ target: JSONView) throws(JSONError) -> String {
    let id = try target.name("TargetId")
    switch try target.string(at: "Type") {
    case "ACCOUNT": return "aws:account:\(id)"
    case "ROOT", "ORGANIZATIONAL_UNIT": return "aws:organizations:\(id)"
    default:
      throw try target.value(at: "Type")
        .mismatch("ACCOUNT, ORGANIZATIONAL_UNIT or ROOT", "another word")
    }
  }
}
