internal import Extraction
internal import JSONReader
internal import Model

// Records of GetAccountAuthorizationDetails, and access keys.
// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Types.html

extension AWSNormalizer {
  static func role(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let arn = try record.arn("Arn").text
    let name = try root.name("RoleName")
    let tags = try root.tags("Tags")
    var assertions = Assertions()
    assertions.nodes.append(
      Node(
        id: arn, kind: .identity, type: "aws.iam.role", name: name, defines: [arn],
        state: .present([
          "account": .string(record.scope.account), "path": try root.json("Path"),
          "roleId": try root.json("RoleId"),
          "created": try root.time("CreateDate"), "tags": .texts(tags),
          "description": try root.json("Description"),
          "maxSessionSeconds": try root.optionalInt64(at: "MaxSessionDuration", lenient: true)
            .map(JSON.integer),
        ]),
        observed: try root.optionalValue(at: "RoleLastUsed")?.lastUsed() ?? [:]))
    assertions.add(
      policy: arn + "#trust", type: "aws.iam.trustPolicy", name: "trust policy of \(name)",
      document: try root.policyDocument("AssumeRolePolicyDocument"))
    assertions.edges.append(Edge(.trustedBy, from: arn, to: arn + "#trust"))
    try assertions.addGrants(of: arn, root, inline: "RolePolicyList")
    try assertions.addBoundary(of: arn, root)
    assertions.addOwners(of: arn, tags)
    return assertions
  }

  static func user(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let arn = try record.arn("Arn").text
    let name = try root.name("UserName")
    let tags = try root.tags("Tags")
    var assertions = Assertions()
    assertions.nodes.append(
      Node(
        id: arn, kind: .identity, type: "aws.iam.user", name: name,
        defines: [arn, userName(name, in: record.scope)],
        state: .present([
          "account": .string(record.scope.account), "path": try root.json("Path"),
          "userId": try root.json("UserId"),
          "created": try root.time("CreateDate"), "tags": .texts(tags),
        ])))
    for group in try root.list("GroupList") {
      let name = groupName(try group.string(), in: record.scope)
      assertions.edges.append(Edge(.memberOf, from: arn, to: name))
    }
    try assertions.addGrants(of: arn, root, inline: "UserPolicyList")
    try assertions.addBoundary(of: arn, root)
    assertions.addOwners(of: arn, tags)
    return assertions
  }

  static func group(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let arn = try record.arn("Arn").text
    let name = try root.name("GroupName")
    var assertions = Assertions()
    assertions.nodes.append(
      Node(
        id: arn, kind: .principalSet, type: "aws.iam.group", name: name,
        defines: [arn, groupName(name, in: record.scope)],
        state: .present([
          "account": .string(record.scope.account), "path": try root.json("Path"),
          "groupId": try root.json("GroupId"),
          "created": try root.time("CreateDate"),
        ])))
    try assertions.addGrants(of: arn, root, inline: "GroupPolicyList")
    return assertions
  }

  /// Some credentials name their user without the path, so a user defines this name too.
  static func userName(_ name: String, in scope: Scope) -> String {
    "aws:iam:user-name:\(scope.account)/\(name)"
  }

  /// A user's record names its groups without their paths, so a group defines this name too.
  private static func groupName(_ name: String, in scope: Scope) -> String {
    "aws:iam:group:\(scope.account)/\(name)"
  }

  /// Only a policy that is attached somewhere is a node: AWS lists some 1,500 that are not.
  static func managedPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (arn, parts) = try record.arn("Arn")
    let isManagedByAWS = parts.account == "aws"
    let attachments = try root.int64(at: "AttachmentCount", lenient: true)
    // moto leaves out the second count and the name. Without the count, a policy of the account's own
    // may be somebody's boundary.
    let boundaries =
      try root.optionalInt64(at: "PermissionsBoundaryUsageCount", lenient: true)
      ?? (isManagedByAWS ? 0 : 1)
    guard attachments > 0 || boundaries > 0 else { return Assertions() }
    var assertions = Assertions()
    assertions.add(
      policy: arn, type: "aws.iam.policy", name: try root.text("PolicyName") ?? parts.name,
      document: try defaultVersion(root).policyDocument("Document"),
      defines: isManagedByAWS ? [] : [arn],
      state: .present([
        "awsManaged": .bool(isManagedByAWS), "path": try root.json("Path"),
      ]))
    return assertions
  }

  private static func defaultVersion(_ root: JSONView) throws(JSONError) -> JSONView {
    for version in try root.list("PolicyVersionList") {
      if try version.optionalBool(at: "IsDefaultVersion", lenient: true) == true { return version }
    }
    throw .missing(path: "$.PolicyVersionList", expected: "the default version")
  }

  static func accessKey(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let metadata = try record.root.value(at: "AccessKeyMetadata")
    // Absent where AWS was not asked or did not say: that is not "never".
    let use = try record.root.optionalValue(at: "AccessKeyLastUsed")
    let key = try record.identifier(metadata.value(at: "AccessKeyId"))
    let id = "aws:access-key:\(key)"
    let node = Node(
      id: id, kind: .credential, type: "aws.iam.accessKey", name: key,
      state: .present([
        "account": .string(record.scope.account), "status": .string(try metadata.name("Status")),
        "created": try metadata.time("CreateDate"),
        "useUnread": use == nil ? .bool(true) : nil,
      ]),
      observed: try use?.lastUsed() ?? [:])
    let user = try record.root.name("UserArn")
    return Assertions(nodes: [node], edges: [Edge(.authenticatesAs, from: id, to: user)])
  }

  /// With it a user reaches repositories of CodeCommit.
  static func sshPublicKey(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let metadata = try record.root.value(at: "SSHPublicKey")
    let key = try record.identifier(metadata.value(at: "SSHPublicKeyId"))
    let id = "aws:ssh-public-key:\(key)"
    let node = Node(
      id: id, kind: .credential, type: "aws.iam.sshPublicKey", name: key,
      state: .present([
        "account": .string(record.scope.account), "status": try metadata.json("Status"),
        "created": try metadata.time("UploadDate"),
      ]))
    let user = try record.root.name("UserArn")
    return Assertions(nodes: [node], edges: [Edge(.authenticatesAs, from: id, to: user)])
  }
}

extension JSONView {
  /// The observation in a `RoleLastUsed` or `AccessKeyLastUsed`; nothing where it was never used.
  ///
  /// A key that was never used has the service `N/A`, and no date.
  fileprivate func lastUsed() throws(JSONError) -> [String: String] {
    guard let day = try day("LastUsedDate") else { return [:] }
    var observed = ["lastUsed": day]
    if let service = try text("ServiceName"), service != "N/A" {
      observed["lastUsedService"] = service
    }
    return observed
  }
}

extension Assertions {
  /// The inline and the attached managed policies of a role, user or group.
  fileprivate mutating func addGrants(
    of holder: String, _ root: JSONView, inline: String
  ) throws(JSONError) {
    for policy in try root.list(inline) {
      let name = try policy.name("PolicyName")
      let id = "\(holder)#inline/\(name)"
      add(
        policy: id, type: "aws.iam.inlinePolicy", name: name,
        document: try policy.policyDocument("PolicyDocument"))
      edges.append(Edge(.grantedBy, from: holder, to: id))
    }
    for policy in try root.list("AttachedManagedPolicies") {
      edges.append(Edge(.grantedBy, from: holder, to: try policy.name("PolicyArn")))
    }
  }

  fileprivate mutating func addBoundary(of holder: String, _ root: JSONView) throws(JSONError) {
    guard let boundary = try root.optionalObject(at: "PermissionsBoundary"), !boundary.isEmpty
    else { return }
    let policy = try root.value(at: "PermissionsBoundary").name("PermissionsBoundaryArn")
    edges.append(Edge(.limitedBy, from: holder, to: policy, discriminator: "boundary"))
  }

  /// Tags that people name owners by, in lower case.
  private static let ownerTags: Set<String> = [
    "owner", "ownedby", "owned-by", "owned_by", "owneremail", "owner-email", "team",
  ]

  /// A tag is a claim about ownership, not proof of it: its basis is structural.
  fileprivate mutating func addOwners(of holder: String, _ tags: [String: String]) {
    let owners = Set(
      tags.filter { Self.ownerTags.contains($0.key.lowercased()) && !$0.value.isEmpty }
        .map(\.value))
    for owner in owners {
      edges.append(Edge(.ownedBy, from: holder, to: "owner:\(owner)", basis: .structural))
    }
  }
}
