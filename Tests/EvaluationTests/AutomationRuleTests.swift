import Model
import Testing

@testable import Evaluation

@Suite struct CredentialInAutomationTests {
  private static let rule = "credential-in-automation"
  private static let functions = "aws.lambda.function@eu-west-1"

  private func store(
    in estate: inout Estate, key: String? = nil, names: [JSON] = ["A"], secrets: [JSON]? = nil
  ) {
    let function = estate.function("nightly", role: estate.role("r"))
    if let key {
      estate.add(
        Edge(.stores, from: function, to: "aws:access-key:\(key)", state: ["names": ["KEY_ID"]]),
        function, Self.functions, Estate.account)
    }
    estate.add(
      Edge(
        .stores, from: function, to: "\(function)#environment",
        state: ["names": .array(names)]
          .merging(secrets.map { ["secrets": .array($0)] } ?? [:]) { $1 }), function,
      Self.functions, Estate.account)
  }

  @Test func aSecretByItsFormIsFound() throws {
    var estate = Estate()
    store(in: &estate, names: ["A", "TOKEN"], secrets: ["TOKEN"])
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.severity == .medium && finding.subjectName == "nightly")
    #expect(finding.description.contains("TOKEN of nightly is a credential"))
    #expect(finding.chain.count == 3)
  }

  @Test func whatOnlyMayBeASecretIsNot() {
    var estate = Estate()
    store(in: &estate, names: ["DB_PASSWORD", "STAGE"])
    #expect(estate.findings(Self.rule).isEmpty)
  }

  @Test func thePathGoesOnFromAKey() throws {
    var estate = Estate()
    estate.user("bot", policies: [Policy.everything])
    store(in: &estate, key: "AKIAbot")
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.severity == .critical && finding.strength == .effective)
    #expect(finding.targets.map(\.id) == ["aws:account:\(Estate.account)#*"])
    #expect(finding.description.contains("AKIAbot authenticates as bot"))
    let kinds = finding.chain.compactMap { step -> String? in
      if case .edge(let kind, _, _) = step.subject { kind } else { nil }
    }
    #expect(kinds == ["stores", "authenticatesAs", "grantedBy", "reaches"])
  }

  @Test func aKeyThatIsNotActiveLeadsNowhere() {
    var estate = Estate()
    estate.user("bot", policies: [Policy.everything], key: "Inactive")
    store(in: &estate, key: "AKIAbot")
    #expect(estate.findings(Self.rule).isEmpty)
  }

  @Test func aStrangersKeyIsUnknown() throws {
    var estate = Estate()
    store(in: &estate, key: "AKIAother")
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.strength == .unknown && finding.severity == .medium)
    #expect(finding.missing == ["whose key aws:access-key:AKIAother is"])
  }

  @Test func whatWasNotReadIsNotJudgedAndWhatIsGoneIsResolved() throws {
    var estate = Estate()
    store(in: &estate, secrets: ["A"])
    let before = estate.evaluation.changes(since: []).map(PublishedFinding.init)
    var clean = Estate()
    store(in: &clean)
    let changes = clean.evaluation.changes(since: before)
    #expect(changes.first { $0.key.rule == Self.rule }?.life.state == .resolved)
    clean.end(Self.functions, .denied)
    let kept = clean.evaluation.changes(since: before)
    #expect(kept.first { $0.key.rule == Self.rule }?.life.state == .updated)
  }
}

@Suite struct SharedIdentityTests {
  private static let rule = "shared-identity"
  private static let reader = Policy.document(Policy.allow("s3:GetObject", on: "arn:aws:s3:::b/*"))

  private func estate(_ tags: [String: JSON]..., role policies: [String] = [reader]) -> Estate {
    var estate = Estate()
    let role = estate.role("shared", policies: policies)
    for (place, tags) in tags.enumerated() { estate.function("f\(place)", role: role, tags: tags) }
    return estate
  }

  @Test func automationsWithNothingInCommonAreFound() throws {
    let estate = estate(["team": "a"], ["team": "a"], ["Owner": "b", "app": "shop"])
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.subjectName == "shared" && finding.severity == .low)
    #expect(finding.description.contains("f0 (owner a) and f2 (application shop, owner b)"))
    #expect(finding.chain.count == 5)
  }

  /// AWS lists functions without their tags: those come from the tagging service, in records of its
  /// own, and without them nothing is known of where a function comes from.
  @Test func tagsOfASecondRecordCount() throws {
    var estate = Estate()
    let role = estate.role("shared", policies: [Self.reader])
    var functions: [String] = []
    for name in ["f0", "f1"] {
      let arn = "arn:aws:lambda:eu-west-1:\(Estate.account):function:\(name)"
      functions.append(estate.thing(arn, "aws.lambda.function", .automation, name: name))
      estate.link(.runsAs, arn, role)
    }
    #expect(estate.findings(Self.rule).isEmpty)
    #expect(estate.findings("coverage").first?.description.contains(Self.rule) == true)
    for (arn, team) in zip(functions, ["a", "b"]) {
      estate.add(
        Node(
          id: arn, kind: .automation, type: "aws.lambda.function", name: arn,
          state: ["tags": ["team": .string(team)]]), arn, "aws.lambda.functionTags@eu-west-1",
        Estate.account)
    }
    let finding = try #require(estate.findings(Self.rule).first)
    #expect(finding.description.contains("f0 (owner a) and f1 (owner b)"))
    #expect(finding.inputs.contains { $0.collection == "aws.lambda.functionTags@eu-west-1" })
    #expect(estate.findings("coverage").isEmpty)
  }

  @Test func whatTheyShareReachingFarIsMedium() {
    let estate = estate(["team": "a"], ["team": "b"], role: [Policy.everything])
    #expect(estate.findings(Self.rule).first?.severity == .medium)
  }

  @Test func anyCommonOriginWillDo() {
    for (one, two): ([String: JSON], [String: JSON]) in [
      (["team": "a"], ["owner": "a"]), (["team": "a", "app": "x"], ["team": "b", "app": "x"]),
      (
        ["aws:cloudformation:stack-name": "s", "team": "a"],
        ["aws:cloudformation:stack-name": "s", "team": "b"]
      ),
    ] {
      let estate = estate(one, two)
      #expect(estate.findings(Self.rule).isEmpty)
      #expect(estate.findings("coverage").isEmpty)
    }
    #expect(estate(["team": "a"]).findings(Self.rule).isEmpty)
  }

  @Test func withoutTagsToCompareItIsNotJudged() {
    for (one, two): ([String: JSON], [String: JSON]) in [
      ([:], [:]), (["team": "a"], [:]), (["team": "a"], ["app": "x"]),
    ] {
      let estate = estate(one, two)
      #expect(estate.findings(Self.rule).isEmpty)
      #expect(
        estate.findings("coverage").first?.description.contains("shared-identity lacks a tag")
          == true)
    }
  }

  @Test func rolesOfItsOwnResolveIt() {
    let before = estate(["team": "a"], ["team": "b"]).evaluation.changes(since: [])
      .map(PublishedFinding.init)
    let changes = estate(["team": "a"]).evaluation.changes(since: before)
    #expect(changes.first { $0.key.rule == Self.rule }?.life.state == .resolved)
  }
}
