internal import Model

/// A resource as requests for it see it: whose it is, and what conditions read of it.
final class RequestedResource: Sendable {
  let id: String
  let bytes: [UInt8]
  /// `nil` where neither its ARN nor the graph names one: it is the caller's.
  let account: String?
  let isKey: Bool
  let isBucket: Bool
  /// The node whose policy decides: an object's is its bucket.
  let governed: String
  /// Policies of its own, and of a key its grants.
  let policies: [HeldPolicy]
  let grants: [HeldPolicy]
  /// How the organization of its account limits its use.
  let limits: AccountLimits?
  private let region: String?
  /// By `tag` in lower case; `nil` for what is not in the graph, so that its tags are not known.
  private let tags: [String: KeyValue]?
  /// Why a tag that it does not have may be there all the same.
  private let unreadTags: String?
  /// Of a bucket: what a request that is not made through an access point tells of one.
  private let points: KeyValue?

  init(_ id: String, in semantics: AWSSemantics) {
    let graph = semantics.graph
    let arn = ARN(id)
    governed = semantics.governedID(id)
    let node = graph.nodes[governed]
    self.id = id
    bytes = Array(id.utf8)
    isKey = arn?.service == "kms"
    account = semantics.account(of: id)
    limits = account.map { semantics.organizations.limits(on: $0) }
    policies = semantics.resourcePolicies(of: governed)
    grants = isKey ? semantics.keyGrants(of: id) : []
    let bucket = node.flatMap { $0.type == "aws.s3.bucket" ? $0 : nil }
    isBucket = bucket != nil
    points = bucket.map(semantics.pointKeys)
    region = arn?.service == "iam" ? "us-east-1" : node?.state("region")?.string
    unreadTags = node.flatMap(semantics.unreadTags)
    tags = node.map { node in
      guard case .object(let tags)? = node.state("tags") else { return [:] }
      return Dictionary(
        tags.sorted { $0.key.precedes($1.key) }.compactMap { tag in
          tag.value.string.map { (tag.key.lowercased(), KeyValue.known([$0])) }
        }
      ) { first, _ in first }
    }
  }

  /// `nil` for a key that is not about the resource.
  func value(of key: String, for context: RequestContext) -> KeyValue? {
    let caller = { context["aws:PrincipalAccount"] }
    let owner = { self.account.map { KeyValue.known([$0]) } ?? caller() }
    switch key {
    case "aws:resourceaccount": return owner()
    case "kms:calleraccount": return caller()
    case "aws:resourceorgid": return owner() == caller() ? context["aws:PrincipalOrgID"] : nil
    case "aws:requestedregion": return region.map { .known([$0]) }
    case AWSSemantics.pointKey, "s3:dataaccesspointaccount", "s3:accesspointnetworkorigin":
      return points
    default:
      guard let tags, let mark = key.firstRange(of: ":resourcetag/") else { return nil }
      guard Self.tagged.contains(key[..<mark.lowerBound]) else { return .absent }
      guard let value = tags[String(key[mark.upperBound...])] else {
        return unreadTags.map { .unread($0) } ?? .absent
      }
      // Source: Amazon S3 User Guide, "Enabling ABAC in general purpose buckets".
      return isBucket ? .unread("whether the tags of \(governed) count for access") : value
    }
  }

  /// Services whose keys for tags are read.
  private static let tagged: Set<Substring> = ["aws", "iam", "ec2", "ssm", "lambda"]
}
