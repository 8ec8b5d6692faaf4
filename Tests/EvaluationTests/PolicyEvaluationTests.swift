import Model
import Testing

@testable import Evaluation

/// Known answers from AWS's documentation of its evaluation logic.
@Suite struct PolicyEvaluationTests {
  static let bucket = "arn:aws:s3:::data"

  /// IAM User Guide, "Policy evaluation logic": by default, all requests are implicitly denied.
  @Test func withoutAnAllowARequestIsDenied() {
    var estate = Estate()
    let role = estate.role("r", policies: [Policy.document(Policy.allow("s3:GetObject"))])
    #expect(estate.decide(role, "s3:GetObject", on: Self.bucket) == .allowed)
    #expect(estate.decide(role, "s3:PutObject", on: Self.bucket) == .denied)
  }

  /// "An explicit deny in any of these policies overrides the allow."
  @Test func anExplicitDenyOverridesAnyAllow() {
    var estate = Estate()
    let role = estate.role(
      "r", policies: [Policy.everything, Policy.document(Policy.deny("s3:*"))])
    #expect(estate.decide(role, "s3:GetObject", on: Self.bucket) == .denied)
    #expect(estate.decide(role, "ec2:RunInstances", on: "*") == .allowed)
  }

  /// IAM User Guide, "Permissions boundaries": effective are the actions that both allow.
  @Test func aBoundaryAllowsNothingAndLimitsEverything() {
    var estate = Estate()
    let only = Policy.document(Policy.allow("s3:*"))
    let role = estate.role("r", policies: [Policy.everything], boundary: only)
    let empty = estate.role("e", policies: [], boundary: only)
    #expect(estate.decide(role, "s3:GetObject", on: Self.bucket) == .allowed)
    #expect(estate.decide(role, "iam:CreateUser", on: "*") == .denied)
    #expect(estate.decide(empty, "s3:GetObject", on: Self.bucket) == .denied)
  }

  /// IAM User Guide, "NotAction with Allow": everything but IAM. (PowerUserAccess)
  @Test func notActionAllowsAllButWhatItNames() {
    var estate = Estate()
    let text = Policy.document(
      Policy.statement("Allow", #""NotAction":["iam:*","organizations:*"]"#))
    let role = estate.role("r", policies: [text])
    #expect(estate.decide(role, "ec2:RunInstances", on: "*") == .allowed)
    #expect(estate.decide(role, "iam:CreateUser", on: "*") == .denied)
  }

  /// IAM User Guide, "NotResource": a deny with it spares only what it names.
  @Test func notResourceDeniesAllButWhatItNames() {
    var estate = Estate()
    let deny =
      #"{"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::data/*"}"#
    let role = estate.role("r", policies: [Policy.document(Policy.allow("s3:*"), deny)])
    #expect(estate.decide(role, "s3:GetObject", on: "arn:aws:s3:::data/x") == .allowed)
    #expect(estate.decide(role, "s3:GetObject", on: "arn:aws:s3:::other/x") == .denied)
  }

  /// Groups give their members what is attached to them.
  @Test func groupPoliciesCount() {
    var estate = Estate()
    let user = estate.user("ann")
    let group = Estate.arn("group", "ops")
    estate.add(
      Node(
        id: group, kind: .principalSet, type: "aws.iam.group", name: "ops",
        defines: [group, "aws:iam:group:\(Estate.account)/ops"]), group, "aws.iam.group",
      Estate.account)
    estate.managed(Estate.arn("policy", "p"), Policy.everything)
    estate.add(
      Edge(.grantedBy, from: group, to: Estate.arn("policy", "p")), group, "aws.iam.group",
      Estate.account)
    estate.add(
      Edge(.memberOf, from: user, to: "aws:iam:group:\(Estate.account)/ops"), user,
      "aws.iam.user", Estate.account)
    #expect(estate.decide(user, "iam:CreateUser", on: "*") == .allowed)
  }

  /// Organizations User Guide, "SCP effects": the management account is not affected, every level
  /// of a member must allow, and service-linked roles are exempt.
  @Test func organizationsLimitMembersOnly() {
    let (management, member) = ("999900001111", Estate.account)
    var estate = Estate(accounts: [management, member])
    estate.organization(management: management, members: [member])
    let root = estate.role("root", policies: [Policy.everything], account: management)
    let role = estate.role("r", policies: [Policy.everything])
    let linked = estate.role(
      "AWSServiceRoleForX", policies: [Policy.everything], path: "/aws-service-role/x/")
    #expect(estate.decide(root, "s3:GetObject", on: "*") == .allowed)
    #expect(estate.decide(role, "s3:GetObject", on: "*")?.level == .unknown)
    #expect(estate.decide(linked, "s3:GetObject", on: "*") == .allowed)

    estate.end("aws.organizations.policy", .complete, management)
    let scp = "arn:aws:organizations::\(management):policy/o-acme/service_control_policy/p-1"
    estate.policy(
      scp, "aws.organizations.policy", "no-s3",
      Policy.document(Policy.allow("*"), Policy.deny("s3:*")), of: scp, management,
      collection: "aws.organizations.policy")
    estate.add(
      Edge(.limitedBy, from: "aws:account:\(member)", to: scp, discriminator: "scp"), scp,
      "aws.organizations.policy", management)
    #expect(estate.decide(role, "s3:GetObject", on: "*") == .denied)
    #expect(estate.decide(role, "ec2:RunInstances", on: "*")?.level == .unknown)
    #expect(estate.decide(linked, "s3:GetObject", on: "*") == .allowed)
  }

  @Test func anAccountWhoseOrganizationWasNotReadIsUnknown() {
    var estate = Estate()
    estate.end("aws.organizations.organization", .denied, missing: ["organizations:Describe"])
    let role = estate.role("r", policies: [Policy.everything])
    let decision = estate.decide(role, "s3:GetObject", on: "*")
    #expect(decision?.level == .unknown)
    #expect(decision?.missing.first?.contains("organizations:Describe") == true)
  }

  @Test(arguments: [
    #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*"}]}"#,
    #"{"Version":"2012-10-17","Statement":[{"Effect":"Permit","Action":"*","Resource":"*"}]}"#,
    #"{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Conditon":{}}]}"#,
    Policy.document(Policy.deny("*", if: #"{"StringIs":{"a":"b"}}"#)),
    "[]", "no json",
  ])
  func aDocumentThatCannotBeReadMakesItsHolderUnknownLoudly(text: String) {
    var estate = Estate()
    let role = estate.role("r", policies: [Policy.everything, text])
    #expect(estate.decide(role, "s3:GetObject", on: "*")?.level == .unknown)
    #expect(estate.evaluation.problems.count == 1)
    #expect(estate.evaluation.problems[0].contains("#inline/p1"))
  }

  /// Adding an allow never removes a permission; adding a deny never adds one.
  @Test func allowsOnlyAddAndDeniesOnlyRemove() {
    var random = SystemRandomNumberGenerator()
    let actions = ["*", "s3:*", "s3:GetObject", "iam:PassRole"]
    let conditions = [
      nil, #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
      #"{"StringEquals":{"aws:PrincipalAccount":"\#(Estate.account)"}}"#,
      #"{"StringNotEquals":{"aws:PrincipalAccount":"\#(Estate.account)"}}"#,
    ]
    func statement(_ effect: String) -> String {
      Policy.statement(
        effect,
        "\"\(Bool.random() ? "Action" : "NotAction")\":"
          + "\"\(actions.randomElement(using: &random)!)\"",
        ["*", Self.bucket].randomElement(using: &random)!,
        conditions.randomElement(using: &random)!)
    }
    for _ in 0..<300 {
      let base = (0..<3).map { _ in Policy.document(statement(Bool.random() ? "Allow" : "Deny")) }
      var levels: [Decision.Level] = []
      for extra in [[statement("Deny")], [], [statement("Allow")]] {
        var estate = Estate()
        let role = estate.role("r", policies: base + extra.map { Policy.document($0) })
        levels.append(estate.decide(role, "s3:GetObject", on: Self.bucket)!.level)
      }
      #expect(levels == levels.sorted(), "\(base)")
    }
  }
}
