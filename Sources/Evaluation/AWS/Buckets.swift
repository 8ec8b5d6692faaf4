internal import Model

// What S3 has beside policies: access points, the public access block, access control lists.
// Source: Amazon S3 User Guide, "Configuring IAM policies for using access points", "Blocking
// public access to your Amazon S3 storage", "Access control list (ACL) overview".

extension AWSSemantics {
  /// Access to a bucket, or to what is in it, through each of its access points: both the point and
  /// the bucket must allow it.
  func accessThroughPoints(
    _ source: Principal, _ action: String, on resource: RequestedResource,
    _ keys: [String: KeyValue]
  ) -> [AccessAnswer] {
    guard action.hasPrefix("s3:"), keys[Self.pointKey] == nil, resource.isBucket else { return [] }
    let bucket = resource.governed
    return points(of: bucket).map { point in
      let keys = keys.merging(pointKeys(point)) { _, its in its }
      let rest = resource.id.dropFirst(bucket.count)
      let atPoint = directAccess(
        source, action,
        on: RequestedResource(point.id + (rest.isEmpty ? "" : "/object\(rest)"), in: self), keys)
      let atBucket = directAccess(source, action, on: resource, keys)
      let network: Decision =
        point.state("networkOrigin") == "VPC"
        ? .conditional("the request comes from the VPC of access point \(point.name)") : .allowed
      return AccessAnswer(
        decision: atPoint.decision.and(atBucket.decision).and(network),
        grant: atPoint.grant ?? atBucket.grant)
    }
  }

  /// The keys by which a bucket's policy knows its access points. A direct request has none of
  /// them; where points were not listed, one might.
  func pointKeys(ofBucket bucket: GraphNode) -> KeyValue {
    guard let scope = bucket.scope, let region = bucket.state("region")?.string,
      case .unknown = listing("aws.s3.accessPoint@\(region)", in: scope).level
    else { return .absent }
    return .unread("aws.s3.accessPoint@\(region) of \(scope)")
  }

  /// By names in lower case.
  static let pointKey = "s3:dataaccesspointarn"

  private func pointKeys(_ point: GraphNode) -> [String: KeyValue] {
    [
      Self.pointKey: .known([point.id]),
      "s3:dataaccesspointaccount": .known([ARN(point.id)?.account ?? ""]),
      "s3:accesspointnetworkorigin": .known([
        point.state("networkOrigin")?.string ?? "Internet"
      ]),
    ]
  }

  private func points(of bucket: String) -> [GraphNode] {
    graph.edges(.targets, to: bucket).compactMap { graph.nodes[$0.from] }.filter {
      ["aws.s3.accessPoint", "aws.s3.multiRegionAccessPoint"].contains($0.type)
    }
  }

  /// What the public access block leaves of a bucket's policy for those outside of its account: a
  /// public policy lets none of them in, not even whom it names.
  func publicAccess(_ bucket: String, _ policies: [HeldPolicy]) -> Decision {
    guard graph.nodes[bucket]?.type == "aws.s3.bucket",
      policies.contains(where: { $0.compiled?.statements.contains(where: \.isPublic) ?? true })
    else { return .allowed }
    return isBlocked(bucket, "RestrictPublicBuckets").negated
  }

  /// Levels of access that a bucket's list gives everybody: to the world, or to every account.
  /// - Returns: the actions, what the list is worth, and the list.
  func publicGrants(_ bucket: String) -> (actions: [String], decision: Decision, list: GraphNode)? {
    guard let list = graph.nodes["\(bucket)#acl"], let owner = graph.nodes[bucket] else {
      return nil
    }
    let grants = (list.state("grants")?.textElements ?? []).filter {
      $0.hasSuffix("/global/AllUsers") || $0.hasSuffix("/global/AuthenticatedUsers")
    }
    let actions = grants.flatMap { Self.granted[$0.prefix { $0 != " " }] ?? [] }
    guard !actions.isEmpty else { return nil }
    let settings = setting("\(bucket)#ownership")
    let listed = owner.scope.map { listing("aws.s3.bucketOwnership", in: $0) } ?? .allowed
    let counts: Decision =
      settings.map { $0.contains("BucketOwnerEnforced") ? .denied : .allowed } ?? listed
    let decision = counts.and(isBlocked(bucket, "IgnorePublicAcls").negated)
    return decision.isPossible ? (actions, decision, list) : nil
  }

  private static let granted: [Substring: [String]] = [
    "READ": ["s3:ListBucket"], "WRITE": ["s3:PutObject"], "READ_ACP": ["s3:GetBucketAcl"],
    "WRITE_ACP": ["s3:PutBucketAcl"],
    "FULL_CONTROL": ["s3:ListBucket", "s3:PutObject", "s3:GetBucketAcl", "s3:PutBucketAcl"],
  ]

  /// Whether a setting of the block is on: the bucket's or its account's.
  private func isBlocked(_ bucket: String, _ name: String) -> Decision {
    guard let node = graph.nodes[bucket], let scope = node.scope else { return .denied }
    let account = node.state("account")?.string ?? ""
    let settings = ["\(bucket)#publicAccessBlock", "aws:account:\(account)#publicAccessBlock"]
    let isOn = settings.contains { id in
      guard case .object(let block)? = graph.nodes[id]?.state("settings") else {
        return false
      }
      return block[name] == "true" || block[name] == .bool(true)
    }
    if isOn { return .allowed }
    let read = ["aws.s3.bucketPublicAccessBlock", "aws.s3.accountPublicAccessBlock"].map {
      listing($0, in: scope)
    }
    return Decision.all(read).negated
  }

  /// The text of a setting's node.
  private func setting(_ id: String) -> String? {
    graph.nodes[id]?.state("settings").map { String(decoding: $0.bytes, as: UTF8.self) }
  }
}

extension Statement {
  /// Whether it lets in whoever asks, as S3 sees it: nothing fixes who that is.
  fileprivate var isPublic: Bool {
    guard effect == .allow, excludesPrincipals || principals.contains(.everyone) else {
      return false
    }
    return !conditions.contains { condition in
      guard Self.fixing.contains(condition.name), let texts = condition.allowedTexts else {
        return condition.name == "aws:sourceip" && !condition.isMetByEveryRequest
      }
      // The account of an access point's ARN is what counts.
      return texts.allSatisfy { text in
        condition.name.hasPrefix("s3:dataaccesspoint")
          ? ARN(text).map { ARN.isAccount($0.account) } ?? ARN.isAccount(text)
          : !text.contains("*") && !text.contains("?")
      }
    }
  }

  /// Source: Amazon S3 User Guide, "The meaning of public".
  private static let fixing: Set<String> = [
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
    "aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce",
    "aws:userid", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
  ]
}
