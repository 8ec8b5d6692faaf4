import Model
import Testing

@testable import Evaluation

@Suite struct UnboundedScopeTests {
  @Test func everythingOnEverythingIsFoundWithItsProof() throws {
    var estate = Estate()
    estate.role("deploy", policies: [Policy.everything])
    let finding = try #require(estate.findings("unbounded-scope").first)
    #expect(finding.severity == .high && finding.strength == .effective)
    #expect(finding.subject == Estate.arn("role", "deploy"))
    #expect(finding.targets.map(\.id) == ["aws:account:\(Estate.account)#*"])
    #expect(finding.targets.map(\.level) == ["manageAccess"])
    let kinds = finding.chain.map { step -> String in
      switch step.subject {
      case .node(let id): id
      case .edge(let kind, _, _): kind
      case .collection(let name, _): name
      }
    }
    #expect(
      kinds == [
        finding.subject, "grantedBy", "\(finding.subject)#inline/p0", "reaches",
        "aws:account:\(Estate.account)#*",
      ])
    #expect(finding.chain.dropLast().allSatisfy { !$0.receipts.isEmpty })
    #expect(finding.limits.contains { $0.sentence.contains("in no organization") })
  }

  /// Each has what the true case has, but for one thing.
  @Test(arguments: [
    "boundary", "deny", "not-action deny", "resource", "narrow action", "people", "saml", "linked",
  ])
  func lookAlikesAreNotFound(what: String) {
    var estate = Estate()
    let all = Policy.everything
    let saml =
      #"{"Federated":"arn:aws:iam::\#(Estate.account):saml-provider/idp"}"#
    switch what {
    case "boundary":
      estate.role(
        "r", policies: [all], boundary: Policy.document(Policy.allow("s3:GetObject")))
    case "deny": estate.role("r", policies: [all, Policy.document(Policy.deny("*"))])
    case "not-action deny":
      let deny = Policy.statement("Deny", #""NotAction":["s3:GetObject"]"#)
      estate.role("r", policies: [all, Policy.document(deny)])
    case "resource":
      estate.role("r", policies: [Policy.document(Policy.allow("*", on: "arn:aws:s3:::b/*"))])
    case "narrow action": estate.role("r", policies: [Policy.document(Policy.allow("s3:Get*"))])
    case "people": estate.role("AWSReservedSSO_Admin_1", policies: [all])
    case "saml": estate.role("r", trust: Policy.document(Policy.trust(saml)), policies: [all])
    default: estate.role("r", policies: [all], path: "/aws-service-role/x.amazonaws.com/")
    }
    #expect(estate.findings("unbounded-scope").isEmpty)
  }

  @Test func usersCountOnlyWithAnActiveKey() {
    var estate = Estate()
    estate.user("person", policies: [Policy.everything], key: nil)
    estate.user("retired", policies: [Policy.everything], key: "Inactive")
    let bot = estate.user("bot", policies: [Policy.everything])
    #expect(estate.findings("unbounded-scope").map(\.subject) == [bot])
  }

  @Test func everythingButIAMIsFoundHoweverItIsWritten() throws {
    let power = Policy.document(Policy.statement("Allow", #""NotAction":["iam:*"]"#))
    for policies in [[power], [Policy.everything, Policy.document(Policy.deny("iam:*"))]] {
      var estate = Estate()
      estate.role("r", policies: policies)
      let finding = try #require(estate.findings("unbounded-scope").first)
      #expect(finding.targets.map(\.level) == ["administer"])
      #expect(finding.description.contains("except iam"))
    }
  }

  @Test func aWholeServiceIsFound() throws {
    var estate = Estate()
    estate.role("r", policies: [Policy.document(Policy.allow("secretsmanager:*"))])
    let finding = try #require(estate.findings("unbounded-scope").first)
    #expect(finding.targets.map(\.id) == ["aws:account:\(Estate.account)#secretsmanager:*"])
  }

  @Test func aBoundaryOfAServiceLeavesThatService() throws {
    var estate = Estate()
    estate.role(
      "r", policies: [Policy.everything], boundary: Policy.document(Policy.allow("s3:*")))
    let finding = try #require(estate.findings("unbounded-scope").first)
    #expect(finding.targets.map(\.id) == ["aws:account:\(Estate.account)#s3:*"])
    #expect(finding.limits.contains { $0.sentence.contains("permissions boundary") })
  }

  @Test func whatIsNotCertainIsMedium() throws {
    var estate = Estate()
    let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
    estate.role("r", policies: [Policy.document(Policy.allow("*", if: mfa))])
    let finding = try #require(estate.findings("unbounded-scope").first)
    #expect(finding.severity == .medium && finding.strength == .conditional)
    #expect(finding.conditions == ["aws:MultiFactorAuthPresent Bool true"])
  }

  /// The actions could be restricted, the resource is not, and there is something to lose.
  @Test func someActionsOnAllOfASensitiveServiceAreFound() throws {
    let cases: [(String, Severity?)] = [
      ("s3:GetObject", .medium), ("s3:PutObject", .medium), ("s3:PutBucketPolicy", .high),
      ("s3:ListAllMyBuckets", nil), ("sqs:ReceiveMessage", nil),
    ]
    for (action, severity) in cases {
      var estate = Estate()
      estate.resource("arn:aws:s3:::acme-hr-payroll", "aws.s3.bucket", policy: nil)
      estate.role("r", policies: [Policy.document(Policy.allow(action))])
      let finding = estate.findings("unbounded-scope").first
      #expect(finding?.severity == severity, "\(action)")
      #expect(finding?.description.contains("which hold hr data") ?? true)
      #expect(finding?.targets.map(\.id) ?? [] == (finding == nil ? [] : ["\(Self.set)#s3"]))
    }
    var narrow = Estate()
    narrow.resource("arn:aws:s3:::acme-hr-payroll", "aws.s3.bucket", policy: nil)
    narrow.role(
      "r", policies: [Policy.document(Policy.allow("s3:GetObject", on: "arn:aws:s3:::acme-hr-*"))])
    #expect(narrow.findings("unbounded-scope").isEmpty)
  }

  private static let set = "aws:account:\(Estate.account)"
  private static let machine = "arn:aws:states:eu-west-1:\(Estate.account):stateMachine:sync"

  /// A state machine that reads a bucket and calls a destination at a host.
  private func egress(to host: String, reading bucket: String) -> Estate {
    var estate = Estate()
    let collection = "aws.states.stateMachine@eu-west-1"
    estate.resource(bucket, "aws.s3.bucket", policy: nil)
    let role = estate.role(
      "sync-role",
      policies: [Policy.document(Policy.allow("s3:GetObject", on: "\(bucket)/*"))])
    let call = "arn:aws:events:eu-west-1:\(Estate.account):api-destination/crm"
    estate.add(
      Node(
        id: Self.machine, kind: .automation, type: "aws.states.stateMachine", name: "sync",
        state: ["account": .string(Estate.account), "region": "eu-west-1"]), Self.machine,
      collection, Estate.account)
    estate.add(
      Edge(.runsAs, from: Self.machine, to: role), Self.machine, collection, Estate.account)
    estate.add(
      Edge(.invokes, from: Self.machine, to: call), Self.machine, collection, Estate.account)
    estate.add(Edge(.targets, from: call, to: host), call, collection, Estate.account)
    return estate
  }

  @Test func whatReadsSensitiveDataAndCallsAStrangerIsFound() throws {
    let estate = egress(
      to: "https-host:api.crm.example", reading: "arn:aws:s3:::acme-hr-payroll")
    let finding = try #require(
      estate.findings("unbounded-scope").first { $0.subject == Self.machine })
    #expect(finding.severity == .high)
    #expect(finding.title == "sync reaches hr data (readData) and calls api.crm.example")
    let last = try #require(finding.chain.last)
    #expect(last.subject == .node(id: "https-host:api.crm.example"))
  }

  @Test(arguments: [
    ("https-host:x.execute-api.eu-west-1.amazonaws.com", "arn:aws:s3:::acme-hr-payroll"),
    ("https-host:api.crm.example", "arn:aws:s3:::acme-assets"),
  ])
  func oneOfTheTwoAloneIsFine(host: String, bucket: String) {
    #expect(egress(to: host, reading: bucket).findings("unbounded-scope").isEmpty)
  }

  @Test func rolesThatShareAStatementShareTheirCause() {
    var estate = Estate()
    let policy = Estate.arn("policy", "shared")
    estate.managed(policy, Policy.everything)
    for name in ["a", "b"] { estate.attach(policy, to: estate.role(name)) }
    #expect(Set(estate.findings("unbounded-scope").map(\.cause)).count == 1)
    #expect(Set(estate.findings("unbounded-scope").map(\.uid)).count == 2)
  }
}

@Suite struct ExternalTrustTests {
  static let foreign = "999900001111"
  static let externalID = #"{"StringEquals":{"sts:ExternalId":"s3cret"}}"#

  private func judge(
    _ principal: String, if condition: String? = nil, in estate: Estate = Estate()
  ) -> Finding? {
    var estate = estate
    estate.role("r", trust: Policy.document(Policy.trust(principal, if: condition)))
    return estate.findings("external-trust").first
  }

  @Test func aForeignAccountWithoutExternalIDIsAConfusedDeputy() throws {
    for principal in [
      #"{"AWS":"\#(Self.foreign)"}"#, #"{"AWS":"arn:aws:iam::\#(Self.foreign):role/ci"}"#,
    ] {
      let finding = try #require(judge(principal))
      #expect(finding.severity == .high && finding.title.contains(Self.foreign))
    }
  }

  /// That an account is no part of the organization is an absence: the listing proves it.
  @Test func aStrangerIsProvedByTheListingThatLacksIt() throws {
    let alone = try #require(judge(#"{"AWS":"\#(Self.foreign)"}"#))
    let step = try #require(alone.limits.last)
    let organization = "aws.organizations.organization"
    #expect(step.subject == .collection(name: organization, scope: Estate.scope))
    #expect(step.sentence.contains(Self.foreign) && step.receipts.count == 1)
    var estate = Estate()
    estate.organization(management: Estate.account, members: [])
    let member = try #require(judge(#"{"AWS":"\#(Self.foreign)"}"#, in: estate))
    #expect(
      member.limits.last?.subject
        == .collection(name: "aws.organizations.account", scope: Estate.scope))
    #expect(judge(#"{"AWS":"*"}"#)?.limits.contains { $0.sentence.contains("anyone") } == false)
  }

  @Test func withAnExternalIDItIsInformational() throws {
    let finding = try #require(
      judge(#"{"AWS":"\#(Self.foreign)"}"#, if: Self.externalID))
    #expect(finding.severity == .informational)
  }

  @Test func anExternalIDThatMayBeMissingDemandsNothing() throws {
    let condition = #"{"StringEqualsIfExists":{"sts:ExternalId":"x"}}"#
    let finding = try #require(judge(#"{"AWS":"\#(Self.foreign)"}"#, if: condition))
    #expect(finding.severity == .high)
  }

  @Test func anyoneIsCritical() throws {
    let finding = try #require(judge(#"{"AWS":"*"}"#))
    #expect(finding.severity == .critical && finding.title.contains("anyone"))
  }

  @Test func anyoneOfOneForeignAccountIsThatAccount() throws {
    let condition = #"{"StringEquals":{"aws:PrincipalAccount":"\#(Self.foreign)"}}"#
    let finding = try #require(judge(#"{"AWS":"*"}"#, if: condition))
    #expect(finding.severity == .high && finding.title.contains(Self.foreign))
  }

  @Test(arguments: [
    #"{"AWS":"\#(Estate.account)"}"#, #"{"Service":"ec2.amazonaws.com"}"#,
    #"{"Federated":"cognito-identity.amazonaws.com"}"#, #"{"AWS":"AROAEXAMPLEID"}"#,
  ])
  func lookAlikesAreNotFound(principal: String) {
    #expect(judge(principal) == nil)
  }

  @Test func membersOfTheOrganizationAreNotForeign() {
    var estate = Estate()
    estate.organization(management: Estate.account, members: [Self.foreign])
    #expect(judge(#"{"AWS":"\#(Self.foreign)"}"#, in: estate) == nil)
    #expect(judge(#"{"AWS":"444455556666"}"#, in: estate)?.severity == .high)
    let own = #"{"StringEquals":{"aws:PrincipalOrgID":"o-acme"}}"#
    #expect(judge(#"{"AWS":"*"}"#, if: own, in: estate) == nil)
    let others = #"{"StringEquals":{"aws:PrincipalOrgID":"o-other"}}"#
    #expect(judge(#"{"AWS":"*"}"#, if: others, in: estate) == nil)
  }

  @Test func anUnreadOrganizationMeansNotEvaluated() throws {
    var estate = Estate()
    estate.end("aws.organizations.organization", .denied, missing: ["organizations:Describe"])
    #expect(judge(#"{"AWS":"\#(Self.foreign)"}"#, in: estate) == nil)
    let coverage = try #require(estate.findings("coverage").first)
    #expect(coverage.description.contains("external-trust lacks aws.organizations.organization"))

    var member = Estate()
    member.organization(management: "444455556666", members: [Estate.account], listed: false)
    #expect(judge(#"{"AWS":"\#(Self.foreign)"}"#, in: member) == nil)
    #expect(member.findings("coverage").first?.description.contains("444455556666") == true)
  }
}

@Suite struct PublicTriggerTests {
  static let urlPolicy = Policy.document(
    Policy.allow(
      "lambda:InvokeFunctionUrl", if: #"{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}"#,
      to: "\"*\""))

  private func judge(
    url: String? = "NONE", policy: String? = urlPolicy,
    role policies: [String] = [Policy.document(Policy.allow("s3:GetObject"))],
    boundary: String? = nil
  ) -> Finding? {
    var estate = Estate()
    let role = estate.role("r", policies: policies, boundary: boundary)
    estate.function("hello", role: role, url: url, policy: policy)
    return estate.findings("public-trigger").first
  }

  @Test func anOpenURLBeforeAnAdministratorIsCritical() throws {
    let finding = try #require(judge(role: [Policy.everything]))
    #expect(finding.severity == .critical && finding.strength == .effective)
    #expect(finding.targets.map(\.level) == ["manageAccess"])
    #expect(finding.description.contains("https://hello.example/"))
    let kinds = finding.chain.compactMap { step -> String? in
      if case .edge(let kind, _, _) = step.subject { kind } else { nil }
    }
    #expect(kinds == ["triggers", "governs", "triggers", "runsAs", "grantedBy", "reaches"])
  }

  @Test func boundedAuthorityIsMedium() throws {
    let finding = try #require(judge())
    #expect(finding.severity == .medium && finding.targets.map(\.id) == [Estate.arn("role", "r")])
  }

  @Test func whatTheRoleCanBecomeCounts() throws {
    var estate = Estate()
    let first = estate.role("first", policies: [Policy.document(Policy.allow("s3:GetObject"))])
    estate.role(
      "second", trust: Policy.document(Policy.trust(#"{"AWS":"\#(first)"}"#)),
      policies: [Policy.everything])
    estate.function("hello", role: first, url: "NONE", policy: Self.urlPolicy)
    let finding = try #require(estate.findings("public-trigger").first)
    #expect(finding.severity == .critical)
    #expect(finding.chain.contains { $0.sentence.contains("can assume role second") })
  }

  @Test func lookAlikesAreNotFound() {
    #expect(judge(url: "AWS_IAM") == nil)
    #expect(judge(url: nil) == nil)
    #expect(judge(policy: nil) == nil)
    #expect(judge(role: []) == nil)
    #expect(judge(role: [Policy.document(Policy.deny("*"))]) == nil)
    #expect(judge(boundary: Policy.document(Policy.allow("ec2:*"))) == nil)
    let otherType = #"{"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}}"#
    #expect(
      judge(
        policy: Policy.document(
          Policy.allow("lambda:InvokeFunctionUrl", if: otherType, to: "\"*\""))) == nil)
    let denied = Policy.document(
      Policy.allow("lambda:*", to: "\"*\""), Policy.deny("lambda:*", to: "\"*\""))
    #expect(judge(policy: denied) == nil)
  }

  @Test(arguments: [
    #"{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#,
    #"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket"}}"#,
    #"{"StringEquals":{"aws:PrincipalOrgID":"o-acme"}}"#,
  ])
  func aRestrictedInvokePermissionIsNotPublic(condition: String) {
    let open = Policy.document(Policy.allow("lambda:InvokeFunction", to: #"{"AWS":"*"}"#))
    #expect(judge(url: nil, policy: open)?.severity == .medium)
    let restricted = Policy.document(
      Policy.allow("lambda:InvokeFunction", if: condition, to: #"{"AWS":"*"}"#))
    #expect(judge(url: nil, policy: restricted) == nil)
  }

  @Test func aRoleThatIsGoneHasNoAuthority() {
    var estate = Estate()
    estate.function(
      "hello", role: Estate.arn("role", "gone"), url: "NONE", policy: Self.urlPolicy)
    #expect(estate.findings("public-trigger").isEmpty)
  }

  @Test func whatWasNotReadIsNotJudged() {
    for collection in ["aws.lambda.policy", "aws.lambda.url", "aws.lambda.function"] {
      var estate = Self.open
      estate.end("\(collection)@eu-west-1", .denied)
      #expect(estate.findings("public-trigger").isEmpty)
      #expect(estate.findings("coverage").first?.description.contains(collection) == true)
    }
    #expect(Self.open.findings("public-trigger").count == 1)
  }

  private static var open: Estate {
    var estate = Estate()
    estate.function(
      "hello", role: estate.role("r", policies: [Policy.everything]), url: "NONE",
      policy: urlPolicy)
    return estate
  }

  /// Of AgentCore: it calls tools as its role, for whoever calls it.
  @Test(arguments: [
    (true, [Policy.everything], Severity.critical), (true, [], nil),
    (false, [Policy.everything], nil),
  ]) func aGatewayThatAsksNobodyIsFound(
    isOpen: Bool, policies: [String], expected: Severity?
  ) throws {
    var estate = Estate()
    let gateway = "arn:aws:bedrock-agentcore:eu-west-1:\(Estate.account):gateway/gw1"
    let role = estate.role("r", policies: policies)
    estate.thing(gateway, "aws.agentcore.gateway", .automation, name: "tools")
    estate.link(.runsAs, gateway, "\(gateway)/workload-identity", "workload")
    estate.link(.runsAs, gateway, role)
    if isOpen { estate.link(.triggers, anyoneNodeID, gateway, "gateway") }
    let finding = estate.findings("public-trigger").first
    #expect(finding?.severity == expected)
    #expect(finding?.title == expected.map { _ in "Anyone can start tools, which runs as r" })
  }

  @Test func anUncertainEntryIsMedium() throws {
    let vpc = #"{"StringEquals":{"aws:SourceVpce":"vpce-1"}}"#
    let finding = try #require(
      judge(
        url: nil,
        policy: Policy.document(Policy.allow("lambda:InvokeFunction", if: vpc, to: "\"*\"")),
        role: [Policy.everything]))
    #expect(finding.severity == .medium && finding.strength == .conditional)
  }
}
