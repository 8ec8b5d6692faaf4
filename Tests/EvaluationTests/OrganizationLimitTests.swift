import Model
import Testing

@testable import Evaluation

/// Organizations User Guide, "SCP evaluation" and "Resource control policies (RCPs)".
@Suite struct OrganizationLimitTests {
  static let management = "999900001111"
  static let full = Policy.document(Policy.allow("*"))
  static let fullForResources = Policy.document(Policy.allow("*", to: #""*""#))

  /// Root, a unit, and the account in it; what is attached to each, `nil` for the default alone.
  static func estate(
    root: String? = nil, unit: String? = nil, account: String? = nil,
    resources: String? = nil
  ) -> Estate {
    var estate = Estate(accounts: [Self.management, Estate.account])
    estate.organization(management: Self.management, members: [Estate.account])
    for name in ["policy", "organizationalUnit", "resourceControlPolicy"] {
      estate.end("aws.organizations.\(name)", .complete, Self.management)
    }
    estate.unit("r-1", isRoot: true, in: nil, Self.management)
    estate.unit("ou-1", isRoot: false, in: "r-1", Self.management)
    let account = (target: "aws:account:\(Estate.account)", text: account)
    estate.add(
      Edge(.contains, from: "aws:organizations:ou-1", to: account.target), "ou-1",
      "aws.organizations.organizationalUnit", Self.management)
    let levels = [
      ("aws:organizations:r-1", root), ("aws:organizations:ou-1", unit),
      (account.target, account.text),
    ]
    for (index, level) in levels.enumerated() {
      estate.limit(level.0, "scp-\(index)", level.1 ?? Self.full, "scp", Self.management)
      if let resources {
        estate.limit(
          level.0, "rcp-\(index)", index == 0 ? resources : Self.fullForResources, "rcp",
          Self.management)
      }
    }
    return estate
  }

  private func decide(_ estate: Estate, _ action: String, on resource: String = "*")
    -> Decision.Level?
  {
    var estate = estate
    let role = estate.role("r", policies: [Policy.everything])
    return estate.decide(role, action, on: resource)?.level
  }

  /// "An SCP allow statement must exist at every level from the root through each OU … to the
  /// account."
  @Test func everyLevelMustAllow() {
    let onlyS3 = Policy.document(Policy.allow("s3:*"))
    #expect(decide(Self.estate(), "ec2:RunInstances") == .allowed)
    for limited in [
      Self.estate(root: onlyS3), Self.estate(unit: onlyS3), Self.estate(account: onlyS3),
    ] {
      #expect(decide(limited, "ec2:RunInstances") == .denied)
      #expect(decide(limited, "s3:GetObject") == .allowed)
    }
  }

  /// "A deny at any level blocks the action."
  @Test func aDenyAtAnyLevelForbids() {
    let text = Policy.document(Policy.allow("*"), Policy.deny("s3:*"))
    for limited in [Self.estate(root: text), Self.estate(unit: text), Self.estate(account: text)] {
      #expect(decide(limited, "s3:GetObject") == .denied)
      #expect(decide(limited, "ec2:RunInstances") == .allowed)
    }
  }

  /// The caller chooses the region of a request, so a limit on regions forbids no action.
  @Test func aLimitOnRegionsLeavesTheOthers() {
    let text = Policy.document(
      Policy.allow("*"),
      Policy.deny("*", if: #"{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}"#))
    #expect(decide(Self.estate(root: text), "ec2:RunInstances") == .allowed)
  }

  /// A deny that spares one role by its ARN.
  @Test func aConditionOnThePrincipalIsDecided() {
    let arn = Estate.arn("role", "r")
    let text = Policy.document(
      Policy.allow("*"),
      Policy.deny("iam:*", if: #"{"ArnNotLike":{"aws:PrincipalArn":"\#(arn)"}}"#))
    #expect(decide(Self.estate(unit: text), "iam:CreateUser") == .allowed)
    var limited = Self.estate(unit: text)
    let other = limited.role("other", policies: [Policy.everything])
    #expect(limited.decide(other, "iam:CreateUser", on: "*") == .denied)
  }

  @Test func withoutTheUnitsNothingIsCertain() {
    var partly = Self.estate()
    partly.end("aws.organizations.organizationalUnit", .denied, Self.management)
    #expect(decide(partly, "s3:GetObject") == .unknown)
  }

  /// "RCPs … apply to resources … in the management account's members", for the services that
  /// support them only, and do not limit service-linked roles.
  @Test func resourceControlPoliciesLimitWhoeverAsks() throws {
    let text = Policy.document(
      Policy.allow("*", to: #""*""#),
      Policy.deny(
        "*", if: #"{"StringNotEquals":{"aws:PrincipalAccount":"\#(Self.management)"}}"#,
        to: #""*""#))
    var limited = Self.estate(resources: text)
    let role = limited.role("r", policies: [Policy.everything])
    let semantics = limited.semantics
    let source = try #require(semantics.principals[role])
    #expect(semantics.access(source, "s3:GetObject", on: "arn:aws:s3:::b/x").decision == .denied)
    #expect(
      semantics.access(source, "ec2:StopInstances", on: "*").decision == .allowed)
    var free = Self.estate(resources: Self.fullForResources)
    let other = free.role("r", policies: [Policy.everything])
    let answer = free.semantics
    #expect(
      answer.access(
        try #require(answer.principals[other]), "s3:GetObject", on: "arn:aws:s3:::b/x"
      ).decision == .allowed)
    #expect(free.evaluation.problems.isEmpty)
  }

  /// A service has no organization, so a perimeter must spare it by `aws:PrincipalIsAWSService`.
  @Test(arguments: [true, false]) func servicesAreLimitedUnlessSpared(spared: Bool) {
    let but = spared ? #","BoolIfExists":{"aws:PrincipalIsAWSService":"false"}"# : ""
    let text = Policy.document(
      Policy.allow("*", to: #""*""#),
      Policy.deny(
        "sts:*", if: #"{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-acme"}\#(but)}"#,
        to: #""*""#))
    var limited = Self.estate(resources: text)
    let role = limited.role("r")
    let hops = limited.evaluation.hops(from: "aws:service:lambda.amazonaws.com")
    #expect(hops.map(\.to) == (spared ? [role] : []))
    #expect(hops.allSatisfy { $0.decision == .allowed })
  }

  /// The path that `aws:PrincipalOrgPaths` has in a condition.
  @Test func theUnitOfAPrincipalIsKnown() {
    var limited = Self.estate()
    let condition = #"{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-acme/r-1/ou-1/*"}}"#
    let role = limited.role(
      "r", policies: [Policy.document(Policy.allow("s3:*", if: condition))])
    #expect(limited.decide(role, "s3:GetObject", on: "*") == .allowed)
  }
}

extension Estate {
  mutating func unit(
    _ name: String, isRoot: Bool, in parent: String?, _ management: String
  ) {
    let (id, collection) = ("aws:organizations:\(name)", "aws.organizations.organizationalUnit")
    add(
      Node(
        id: id, kind: .container, type: "aws.organizationalUnit", name: name, defines: [id],
        state: ["root": .bool(isRoot)]), name, collection, management)
    guard let parent else { return }
    add(Edge(.contains, from: "aws:organizations:\(parent)", to: id), name, collection, management)
  }

  mutating func limit(
    _ target: String, _ name: String, _ text: String, _ kind: String, _ management: String
  ) {
    let collection =
      kind == "rcp" ? "aws.organizations.resourceControlPolicy" : "aws.organizations.policy"
    let type = kind == "rcp" ? "RESOURCE_CONTROL_POLICY" : "SERVICE_CONTROL_POLICY"
    let arn = "arn:aws:organizations::\(management):policy/o-acme/\(type.lowercased())/p-\(name)"
    let digest = document(text)
    add(
      Node(
        id: arn, kind: .policy, type: "aws.organizations.policy", name: name,
        state: ["document": digest, "policyType": .string(type)]), arn, collection, management)
    add(
      Edge(.limitedBy, from: target, to: arn, discriminator: kind), arn, collection, management)
  }
}
