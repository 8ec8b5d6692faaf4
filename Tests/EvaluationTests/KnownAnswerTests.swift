import Model
import Testing

@testable import Evaluation

/// Examples and rules of AWS's documentation, each with the page that states it; together with
/// `PolicyEvaluationTests`, `AccessTests`, `TrustTests`, `OrganizationLimitTests`, `ConditionTests`.
@Suite struct KnownAnswerTests {
  static let other = "444455556666"
  static let bucket = "arn:aws:s3:::data"

  private func to(_ arn: String) -> String { #"{"AWS":"\#(arn)"}"# }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-cross-account.html

  /// An account that is trusted delegates: its principal still needs its own permission.
  @Test(arguments: [
    (Estate.account, "s3:GetObject", Decision.Level.allowed),
    (Estate.account, "s3:PutObject", .denied), (other, "s3:GetObject", .allowed),
    (other, "s3:PutObject", .denied),
  ])
  func anAccountThatIsNamedLeavesItToThePrincipalsPolicies(
    account: String, action: String, expected: Decision.Level
  ) {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let role = estate.role(
      "r", policies: [Policy.document(Policy.allow("s3:GetObject"))], account: account)
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(Policy.allow("s3:*", to: to("arn:aws:iam::\(account):root"))))
    #expect(estate.access(role, action, on: "\(Self.bucket)/x") == expected)
  }

  /// A control policy of the caller's account counts across accounts, the resource's does not.
  @Test(arguments: [(other, Decision.Level.denied), (Estate.account, .allowed)])
  func acrossAccountsTheCallersControlPoliciesCount(limited: String, expected: Decision.Level) {
    let management = "999900001111"
    var estate = Estate(accounts: [management, Estate.account, Self.other])
    estate.organization(management: management, members: [Estate.account, Self.other])
    for name in ["policy", "organizationalUnit", "resourceControlPolicy"] {
      estate.end("aws.organizations.\(name)", .complete, management)
    }
    estate.unit("r-1", isRoot: true, in: nil, management)
    estate.limit(
      "aws:organizations:r-1", "full", Policy.document(Policy.allow("*")), "scp", management)
    for account in [Estate.account, Self.other] {
      let target = "aws:account:\(account)"
      estate.add(
        Edge(.contains, from: "aws:organizations:r-1", to: target), account,
        "aws.organizations.organizationalUnit", management)
      let text =
        account == limited
        ? Policy.document(Policy.allow("*"), Policy.deny("s3:*"))
        : Policy.document(Policy.allow("*"))
      estate.limit(target, "scp-\(account)", text, "scp", management)
    }
    let role = estate.role(
      "r", policies: [Policy.document(Policy.allow("s3:*"))], account: Self.other)
    estate.resource(
      Self.bucket, "aws.s3.bucket", policy: Policy.document(Policy.allow("s3:*", to: to(role))))
    #expect(estate.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == expected)
  }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-eval-logic

  /// "Resource-based policies … ARN of the IAM user: not limited by an implicit deny in a boundary";
  /// of the role: limited; an explicit deny always counts.
  @Test(arguments: [
    (true, Policy.allow("ec2:*"), Decision.Level.allowed),
    (true, Policy.deny("s3:*"), .denied), (false, Policy.allow("ec2:*"), .denied),
    (false, Policy.allow("s3:*"), .allowed),
  ])
  func aBoundaryAndAResourcePolicyThatNamesThePrincipal(
    isUser: Bool, statement: String, expected: Decision.Level
  ) {
    var estate = Estate()
    let boundary = Policy.document(statement)
    let who =
      isUser ? estate.user("ann", boundary: boundary) : estate.role("r", boundary: boundary)
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(Policy.allow("s3:GetObject", on: "*", to: to(who))))
    #expect(estate.access(who, "s3:GetObject", on: "\(Self.bucket)/x") == expected)
  }

  /// "Delegating responsibility to others using permissions boundaries": whoever is created must
  /// have the boundary.
  @Test(arguments: [true, false]) func creatingUsersOnlyWithABoundary(isBounded: Bool) throws {
    var estate = Estate()
    let boundary = "arn:aws:iam::\(Estate.account):policy/boundary-of-/ann"
    let role = estate.role(
      "delegate",
      policies: [
        Policy.document(
          Policy.allow(
            "iam:PutUserPolicy",
            if: #"{"StringEquals":{"iam:PermissionsBoundary":"\#(boundary)"}}"#))
      ])
    estate.user(
      "ann", boundary: isBounded ? Policy.everything : nil)
    let semantics = estate.semantics
    let ann = try #require(semantics.principals[Estate.arn("user", "ann")])
    let key: [String: KeyValue] = ["iam:PermissionsBoundary": ann.boundaryKey]
    let source = try #require(semantics.principals[role])
    let level = semantics.access(source, "iam:PutUserPolicy", on: ann.arn, keys: key).decision.level
    #expect((level == .allowed) == (isBounded && ann.boundary?.first?.id == boundary))
  }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html

  /// "NotPrincipal with Deny": the role alone is spared, its account is not.
  @Test func notPrincipalSparesOnlyWhomItNames() {
    var estate = Estate()
    let spared = estate.role("spared", policies: [Policy.everything])
    let another = estate.role("another", policies: [Policy.everything])
    let principals = #"{"AWS":["\#(spared)","arn:aws:iam::\#(Estate.account):root"]}"#
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(
        #"{"Effect":"Deny","NotPrincipal":\#(principals),"Action":"s3:*","Resource":"*"}"#))
    #expect(estate.access(spared, "s3:GetObject", on: "\(Self.bucket)/x") == .allowed)
    #expect(estate.access(another, "s3:GetObject", on: "\(Self.bucket)/x") == .denied)
  }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IfExists

  /// "...IfExists": checked if the key is present, else met.
  @Test func ifExistsIsMetWhereTheKeyIsNot() {
    var estate = Estate()
    let condition = #"{"StringEqualsIfExists":{"aws:PrincipalTag/team":"ops"}}"#
    let policy = [Policy.document(Policy.allow("s3:*", if: condition))]
    let (none, ops, dev) = (
      estate.role("none", policies: policy),
      estate.role("ops", policies: policy, tags: ["team": "ops"]),
      estate.role("dev", policies: policy, tags: ["team": "dev"])
    )
    #expect(estate.decide(none, "s3:GetObject", on: "*") == .allowed)
    #expect(estate.decide(ops, "s3:GetObject", on: "*") == .allowed)
    #expect(estate.decide(dev, "s3:GetObject", on: "*") == .denied)
  }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html

  /// "ForAllValues … returns true if there are no keys in the request": told, unless excluded.
  @Test func forAllValuesIsToldUnlessTheKeyIsDemanded() throws {
    var estate = Estate()
    let trap = #"{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}"#
    let safe =
      #"{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]},"Null":{"aws:TagKeys":"false"}}"#
    let open = estate.role(
      "open", policies: [Policy.document(Policy.allow("s3:*", if: trap))])
    let closed = estate.role(
      "closed", policies: [Policy.document(Policy.allow("s3:*", if: safe))])
    func notes(_ role: String) -> [String] {
      estate.evaluation.explain(role, "s3:PutObject", on: "\(Self.bucket)/x")?.notes ?? []
    }
    #expect(
      notes(open) == ["p0, statement 1: ForAllValues is met by a request without aws:TagKeys"])
    #expect(notes(closed).isEmpty)
    let hop = try #require(estate.evaluation.hops(from: open).first { $0.kind == "reaches" })
    #expect(hop.facts.contains { $0.sentence.contains("; ForAllValues is met by") })
  }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html

  /// "If the key that is specified … does not exist: the statement is not matched"; with a default
  /// the default stands for it.
  @Test func aVariableWithoutAValueMatchesNothingUnlessItHasADefault() {
    var estate = Estate()
    func role(_ name: String, _ variable: String, _ tags: [String: JSON] = [:]) -> String {
      estate.role(
        name,
        policies: [
          Policy.document(Policy.allow("s3:*", on: "arn:aws:s3:::\(variable)/*"))
        ], tags: tags)
    }
    let bare = role("bare", "${aws:PrincipalTag/team}")
    let tagged = role("tagged", "${aws:PrincipalTag/team}", ["team": "ops"])
    let standing = role("standing", "${aws:PrincipalTag/team, 'shared'}")
    #expect(estate.decide(bare, "s3:GetObject", on: "arn:aws:s3:::ops/x") == .denied)
    #expect(estate.decide(tagged, "s3:GetObject", on: "arn:aws:s3:::ops/x") == .allowed)
    #expect(estate.decide(standing, "s3:GetObject", on: "arn:aws:s3:::shared/x") == .allowed)
  }

  /// Version 2008-10-17 knows no variables: `${` is text.
  @Test func variablesNeedTheirVersion() {
    var estate = Estate()
    let statement = Policy.allow("s3:*", on: "arn:aws:s3:::${aws:PrincipalTag/team}/*")
    let role = estate.role(
      "r", policies: [Policy.document(statement, version: "2008-10-17")], tags: ["team": "ops"])
    #expect(estate.decide(role, "s3:GetObject", on: "arn:aws:s3:::ops/x") == .denied)
  }

  // Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html

  /// A key policy that names a role is enough for it in its account, not in another.
  @Test(arguments: [(Estate.account, Decision.Level.allowed), (other, .denied)])
  func aKeyPolicyThatNamesARole(account: String, expected: Decision.Level) {
    let key = "arn:aws:kms:eu-west-1:\(Estate.account):key/k"
    var estate = Estate(accounts: [Estate.account, Self.other])
    let role = estate.role("r", account: account)
    estate.resource(
      key, "aws.kms.key", policy: Policy.document(Policy.allow("kms:Decrypt", to: to(role))))
    #expect(estate.access(role, "kms:Decrypt", on: key) == expected)
  }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html

  /// A service is held to the account it acts for where the trust says so.
  @Test(arguments: [(Estate.account, true), (other, false)])
  func aServiceActsForTheAccountThatTheTrustNames(account: String, expected: Bool) {
    var estate = Estate()
    let trust = Policy.document(
      Policy.trust(
        #"{"Service":"lambda.amazonaws.com"}"#,
        if: #"{"StringEquals":{"aws:SourceAccount":"\#(account)"}}"#))
    let role = estate.role("worker", trust: trust)
    let source = estate.role(
      "source",
      policies: [
        Policy.document(
          Policy.allow("iam:PassRole"), Policy.allow("lambda:CreateFunction"),
          Policy.allow("lambda:InvokeFunction"))
      ])
    #expect((estate.hops("canEscalateTo", from: source)[role] == .allowed) == expected)
  }

  // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html

  /// A principal that is deleted leaves its unique id behind, which names nobody.
  @Test func aDeletedPrincipalIsNobody() {
    var estate = Estate()
    let role = estate.role("r")
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(Policy.allow("s3:*", to: to("AROAEXAMPLEEXAMPLE"))))
    #expect(estate.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .denied)
  }

  /// In one account `*` is everybody in it, also who has no policy of its own.
  @Test func everybodyIncludesWhoHasNoPolicy() {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let (own, foreign) = (estate.role("own"), estate.role("foreign", account: Self.other))
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(Policy.allow("s3:GetObject", on: "*", to: to("*"))))
    #expect(estate.access(own, "s3:GetObject", on: "\(Self.bucket)/x") == .allowed)
    #expect(estate.access(foreign, "s3:GetObject", on: "\(Self.bucket)/x") == .denied)
  }
}
