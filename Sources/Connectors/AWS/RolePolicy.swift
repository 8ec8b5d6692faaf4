internal import Extraction
internal import Model

/// An action that the role must allow, and on what.
struct AWSPermission: Sendable, Hashable {
  var action: String
  /// A pattern of IAM.
  var resource: String
}

extension AWSOperation {
  var permission: AWSPermission { AWSPermission(action: action, resource: resource) }

  /// Everything, save where the action is one for all of a service's reads, as API Gateway's is:
  /// there the path says what is read; and of the trail's bucket, which a parameter names, only
  /// what CloudTrail has put there.
  ///
  /// Source: Service Authorization Reference, "API Gateway Management" and "Management V2", whose
  /// resources are the paths without the version.
  private var resource: String {
    switch action {
    case "s3:ListBucket": return AWSRolePolicy.trailBucket
    case "s3:GetObject": return "\(AWSRolePolicy.trailBucket)/\(AWSRolePolicy.trailObjects)"
    case "apigateway:GET": break
    default: return "*"
    }
    let parts = path.split(separator: "/").drop { $0 == "v2" }.map { $0.hasPrefix("{") ? "*" : $0 }
    return "arn:aws:apigateway:*::/\(parts.joined(separator: "/"))"
  }
}

/// Collections that a customer agrees to by a parameter of the template, and what that grants.
struct AWSRoleOption: Sendable {
  /// Name of the parameter.
  var name: String
  /// What is read, for the parameter's description.
  var subject: String
  /// Whether it names the bucket to read; else it is `yes` or `no`.
  var isBucket: Bool
  /// Whether a collection is read only with it.
  var includes: @Sendable (String) -> Bool

  init(
    _ name: String, _ subject: String, isBucket: Bool = false,
    _ includes: @escaping @Sendable (String) -> Bool
  ) {
    self.name = name
    self.subject = subject
    self.isBucket = isBucket
    self.includes = includes
  }

  /// What only an organization's management account can read, the roadmap, and a trail's archive.
  static let all = [
    AWSRoleOption(
      "Organization", "the organization's accounts, units and policies (management account only)",
      { $0.hasPrefix("aws.organizations.") && $0 != "aws.organizations.organization" }),
    AWSRoleOption(
      "IdentityCenter", "IAM Identity Center's instances, permission sets and assignments",
      { $0.hasPrefix("aws.sso.") }),
    AWSRoleOption(
      "PodIdentity", "EKS pod identity associations", { $0.hasPrefix("aws.eks.podIdentity") }),
    AWSRoleOption(
      "Keys", "KMS keys' policies, grants and aliases", { $0.hasPrefix("aws.kms.") }),
    AWSRoleOption(
      "Config", "AWS Config's rules and their compliance", { $0.hasPrefix("aws.config.") }),
    AWSRoleOption(
      "AccessAnalyzer", "IAM Access Analyzer's findings",
      { $0.hasPrefix("aws.accessanalyzer.") }),
    AWSRoleOption(
      "TrailBucket", "the events that CloudTrail archived", isBucket: true,
      { $0 == "aws.cloudtrail.archivedEvent" }),
  ]

  /// What it grants besides what is granted anyway.
  var permissions: Set<AWSPermission> {
    AWSRolePolicy.permissions(where: includes).subtracting(AWSRolePolicy.base)
  }
}

/// One policy of the role that reads an account.
///
/// The permissions are those of the catalog's operations, and no others.
struct AWSRolePolicy: Sendable {
  /// In characters without white space. Source: IAM User Guide, "IAM and AWS STS quotas".
  static let maximumSize = 6144

  /// The bucket that the template's parameter names, and the objects in it that CloudTrail writes.
  static let trailBucket = "arn:aws:s3:::${TrailBucket}"
  static let trailObjects = "*AWSLogs/*/CloudTrail/*"

  /// By action, the resources that it is allowed on.
  private var resources: [String: Set<String>] = [:]

  /// What the role allows whatever the options are: the collections that no option is for, and the
  /// list of regions. Who the caller is may always be asked.
  static let base = permissions { name in
    !AWSRoleOption.all.contains { $0.includes(name) }
  }.union([AWSOperation.describeRegions.permission])

  static func permissions(where includes: (String) -> Bool) -> Set<AWSPermission> {
    let kinds = AWSUnit.all.flatMap(\.kinds).filter { includes($0.kind.name) }
    return Set(kinds.flatMap(\.operations).map(\.permission))
  }

  /// The permissions in as few policies as IAM's limit allows, in order.
  static func packed(_ permissions: Set<AWSPermission>) -> [AWSRolePolicy] {
    var policies: [AWSRolePolicy] = []
    var current = AWSRolePolicy()
    for permission in permissions.sorted(by: { ($0.action, $0.resource) < ($1.action, $1.resource) }
    ) {
      var grown = current
      grown.resources[permission.action, default: []].insert(permission.resource)
      if grown.json.bytes.count > maximumSize {
        policies.append(current)
        grown = AWSRolePolicy()
        grown.resources[permission.action] = [permission.resource]
      }
      current = grown
    }
    return policies + [current]
  }

  /// Actions by resources, so that one statement has what is allowed on the same.
  private var statements: [(actions: [String], resources: [String])] {
    let byResources = Dictionary(grouping: resources.keys) { resources[$0, default: []].sorted() }
    return byResources.map { ($0.value.sorted(), $0.key) }.sorted {
      ($0.resources.first ?? "", $0.actions.first ?? "")
        < ($1.resources.first ?? "", $1.actions.first ?? "")
    }
  }

  /// The document as IAM counts it.
  private var json: JSON {
    [
      "Version": "2012-10-17",
      "Statement": .array(
        statements.map { actions, resources in
          .members([
            "Effect": "Allow", "Action": .strings(actions), "Resource": .strings(resources),
            "Condition": Self.prefix(on: resources).map {
              ["StringLike": ["s3:prefix": .string($0)]]
            },
          ])
        }),
    ]
  }

  /// Only names of what CloudTrail writes may be listed.
  private static func prefix(on resources: [String]) -> String? {
    resources == [trailBucket] ? trailObjects : nil
  }

  /// The document in YAML.
  var yaml: [String] {
    var lines = ["Version: \"2012-10-17\"", "Statement:"]
    for (actions, resources) in statements {
      lines += ["  - Effect: Allow", "    Action:"] + actions.map { "      - \($0)" }
      lines.append("    Resource:")
      for resource in resources {
        lines.append("      - \(resource.contains("${") ? "!Sub " : "")\"\(resource)\"")
      }
      guard let prefix = Self.prefix(on: resources) else { continue }
      lines += ["    Condition:", "      StringLike:", "        s3:prefix: \"\(prefix)\""]
    }
    return lines
  }
}
