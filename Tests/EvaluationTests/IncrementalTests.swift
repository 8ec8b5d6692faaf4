import Model
import Testing

@testable import Evaluation

/// An evaluation that takes over from an earlier one says what one from scratch says, whatever was
/// changed in between.
@Suite struct IncrementalTests {
  @Test(arguments: UInt64(0)..<60) func itSaysWhatOneFromScratchSays(seed: UInt64) throws {
    var story = EditStory(seed: seed)
    var tenant = try Tenant(story.estate, revises: seed % 2 == 0)
    for step in 1...6 {
      let edit = story.edit()
      let (whole, other) = try tenant.evaluate(
        story.estate, at: story.now, thresholds: story.thresholds)
      let place = "seed \(seed), step \(step), after \(edit)"
      #expect(whole.findings == other.findings, "\(place)")
      #expect(whole.changes(since: tenant.published) == other.changes(since: tenant.published))
      #expect(whole.newBaselines == other.newBaselines, "\(place)")
      #expect(whole.newlyJudged == other.newlyJudged, "\(place)")
      #expect(whole.problems == other.problems, "\(place)")
      #expect(whole.newPaths(since: [:]) == other.newPaths(since: [:]), "\(place)")
      #expect(whole.nextDueAt == other.nextDueAt, "\(place)")
      #expect(Self.hops(whole) == Self.hops(other), "\(place)")
      for name in story.names.prefix(4) {
        #expect(whole.reach(from: name) == other.reach(from: name), "\(place)")
      }
      guard whole.findings == other.findings else { return }
      tenant.settle(other)
    }
  }

  /// What nothing has changed of is not worked out again.
  @Test func anEditConcernsThoseWhoReadIt() throws {
    var estate = Estate()
    for index in 0..<20 {
      estate.role("r\(index)", policies: [Policy.document(Policy.allow("s3:*"))])
    }
    let first = estate.kept()
    #expect(first.reworked == 20)
    var other = Estate()
    for index in 0..<20 {
      let action = index == 7 ? "iam:*" : "s3:*"
      other.role("r\(index)", policies: [Policy.document(Policy.allow(action))])
    }
    let second = other.kept(after: first.kept)
    #expect(second.findings == other.evaluation.findings)
    #expect(second.findings != first.findings)
    #expect(second.reworked == 1)
  }

  private static func hops(_ evaluation: Evaluation) -> [Hop] {
    Set(evaluation.hops.map(\.from)).sorted { $0.precedes($1) }
      .flatMap { evaluation.hops(from: $0) }
  }
}

/// A tenant that is evaluated again and again, as the evaluator does it.
private struct Tenant {
  private(set) var published: [PublishedFinding] = []
  private var settled = Settled()
  private var evaluation: Evaluation
  /// Whether its graph is revised, or read anew.
  private let revises: Bool
  private var estate: Estate

  init(_ estate: Estate, revises: Bool) throws {
    self.revises = revises
    self.estate = estate
    evaluation = estate.kept(settled: settled)
    settle(evaluation)
  }

  mutating func evaluate(
    _ estate: Estate, at now: Timestamp, thresholds: RuleThresholds
  ) throws -> (whole: Evaluation, taken: Evaluation) {
    let graph =
      try revises
      ? #require(self.estate.revised(evaluation.situation.graph, to: estate))
      : estate.graph
    self.estate = estate
    let whole = Evaluation(
      of: estate.graph, at: now, owners: OwnerRegister(estate.owners), thresholds: thresholds,
      settled: settled)
    evaluation = Evaluation(
      of: graph, at: now, owners: OwnerRegister(estate.owners), thresholds: thresholds,
      settled: settled, keeps: true, after: evaluation.kept)
    return (whole, evaluation)
  }

  mutating func settle(_ evaluation: Evaluation) {
    for change in evaluation.changes(since: published) {
      published.removeAll { $0.uid == change.key.uid }
      published.append(
        PublishedFinding(key: change.key, life: change.life, event: change.event))
    }
    for baseline in evaluation.newBaselines { settled.baselines[baseline.subject] = baseline }
    settled.judged.formUnion(evaluation.newlyJudged)
  }
}

extension Estate {
  fileprivate func kept(
    settled: Settled? = nil, after earlier: EarlierEvaluation? = nil
  ) -> Evaluation {
    Evaluation(
      of: graph, at: Self.now, owners: OwnerRegister(owners), settled: settled, keeps: true,
      after: earlier)
  }

  /// A graph of this estate as that of a later one.
  fileprivate func revised(_ graph: Graph, to later: Estate) -> Graph? {
    guard var edits = GraphEdits(of: graph) else { return nil }
    let (nodes, edges) = (Set(nodes), Set(edges))
    let (laterNodes, laterEdges) = (Set(later.nodes), Set(later.edges))
    let areDone =
      nodes.subtracting(laterNodes).allSatisfy { edits.remove($0) }
      && edges.subtracting(laterEdges).allSatisfy { edits.remove($0) }
      && laterNodes.subtracting(nodes).allSatisfy { edits.add($0) }
      && laterEdges.subtracting(edges).allSatisfy { edits.add($0) }
    (edits.documents, edits.collections) = (later.documents, later.collections)
    (edits.calls, edits.uses) = (later.calls, later.uses)
    return areDone ? edits.finish() : nil
  }
}

/// A random organization that somebody goes on changing.
private struct EditStory {
  private var maker: OrganizationMaker
  private var random: SeededGenerator
  private var organization: RandomOrganization
  private var extras: [Extra] = []
  private(set) var now = Estate.now
  private(set) var thresholds = RuleThresholds()

  init(seed: UInt64) {
    maker = OrganizationMaker(seed: seed)
    random = SeededGenerator(seed: seed)
    organization = maker.organization()
    extras = [.group(0), .secret(0), .stack]
  }

  /// Of holders and functions.
  var names: [String] { organization.holders.map(OrganizationMaker.arn) + functions }

  private var functions: [String] {
    organization.functions.map {
      "arn:aws:lambda:eu-west-1:\($0.account):function:\($0.name)"
    }
  }

  /// Something that organizations have beside what is made up for all properties.
  private enum Extra {
    case group(Int), secret(Int), stack
    /// A name that the holder defines, and what runs as whoever has it.
    case alias(Int, Int)
    case tags(Int), label(Int), use(Int, String), owner(Int), secondScope(Int)
    case gap(String, Int), key(Int), stored(Int, Int), trigger(Int, Bool), bucket(Int, String)
    case profile(Int), cluster(Int), foreign(Int), launch(Int), without(Int), withoutEdge(Int)
    case withoutDocument(Int)
  }

  /// - Returns: what was changed, for whoever reads a failure.
  mutating func edit() -> String {
    let kind = Int.random(in: 0..<10, using: &random)
    switch kind {
    case 0: organization = maker.add("Allow", to: organization)
    case 1: organization = maker.add("Deny", to: organization)
    case 2: organization = maker.bound(organization) ?? organization
    case 3: organization = maker.control(organization)
    case 4: organization = organization.smaller.randomElement(using: &random) ?? organization
    case 5:
      now = now + .seconds(Int.random(in: 1...40, using: &random) * 86400 / 4)
      if Bool.random(using: &random) {
        thresholds.dormantAfter = .seconds(Int.random(in: 1...100, using: &random) * 86400)
      }
    case 6 where !extras.isEmpty:
      extras.remove(at: Int.random(in: 0..<extras.count, using: &random))
    default:
      extras.append(extra())
      return "\(kind): \(extras.last.map { "\($0)" } ?? "")"
    }
    return "\(kind)"
  }

  private mutating func extra() -> Extra {
    let one = Int.random(in: 0..<6, using: &random)
    let other = Int.random(in: 0..<6, using: &random)
    switch Int.random(in: 0..<22, using: &random) {
    case 0: return .group(one)
    case 1: return .secret(one)
    case 2: return .alias(one, other)
    case 3: return .tags(one)
    case 4: return .label(one)
    case 5: return .use(one, "2026-1\(other % 2)-1\(other)")
    case 6: return .owner(one)
    case 7: return .secondScope(one)
    case 8:
      let names = ["aws.iam.role", "aws.iam.policy", "aws.organizations.organization"]
      return .gap(names[one % 3], other)
    case 9: return .gap("aws.lambda.function@eu-west-1", other)
    case 10: return .key(one)
    case 11: return .stored(one, other)
    case 12: return .trigger(one, other % 2 == 0)
    case 13: return .bucket(one, ["hr-payroll", "public", "data"][other % 3])
    case 14: return .profile(one)
    case 15: return .cluster(one)
    case 16: return .foreign(one)
    case 17: return .launch(one)
    case 18: return .withoutDocument(one + other)
    case 19, 20: return .without(Int.random(in: 0..<1000, using: &random))
    default: return .withoutEdge(Int.random(in: 0..<1000, using: &random))
    }
  }

  var estate: Estate {
    var estate = organization.estate
    for extra in extras { add(extra, to: &estate) }
    // As in the database, one object of a collection asserts a node or an edge once.
    var (nodes, edges) = (Set<[String]>(), Set<[String]>())
    estate.nodes = estate.nodes.filter { nodes.insert($0.place).inserted }
    estate.edges = estate.edges.filter { edges.insert($0.place).inserted }
    return estate
  }

  private func holder(_ index: Int) -> RandomOrganization.Holder {
    organization.holders[index % organization.holders.count]
  }

  private func add(_ extra: Extra, to estate: inout Estate) {
    switch extra {
    case .group(let index):
      let account = holder(index).account
      let group = Estate.arn("group", "g\(index)", account)
      estate.thing(group, "aws.iam.group", .principalSet, account: account)
      estate.managed(
        "\(group)-policy",
        index % 2 == 0 ? Policy.everything : Policy.document(Policy.allow("s3:*")),
        account: account)
      estate.link(.grantedBy, group, "\(group)-policy")
      for holder in organization.holders where holder.isUser {
        estate.link(.memberOf, OrganizationMaker.arn(holder), group)
      }
    case .secret(let index):
      let account = holder(index).account
      estate.thing(
        "arn:aws:secretsmanager:eu-west-1:\(account):secret:s\(index)", "aws.secretsmanager.secret",
        state: ["created": .string(Estate.longAgo)], account: account)
    case .stack:
      estate.thing("stack", "aws.cloudformation.stack", .container)
      for name in names { estate.link(.contains, "stack", name, name) }
    case .alias(let index, let other):
      let arn = OrganizationMaker.arn(holder(index))
      estate.add(
        Node(
          id: arn, kind: .identity, type: holder(index).isUser ? "aws.iam.user" : "aws.iam.role",
          name: holder(index).name, defines: ["alias:\(other % 2)"]), "alias \(arn)",
        "aws.alias", holder(index).account)
      for function in functions.prefix(other % 3) {
        estate.link(.runsAs, function, "alias:\(other % 2)", "other")
      }
      estate.link(.memberOf, arn, "alias:\((other + 1) % 2)")
    default: change(extra, of: &estate)
    }
  }

  private func change(_ extra: Extra, of estate: inout Estate) {
    func each(_ index: Int, _ change: (inout Node) -> Void) {
      let id = OrganizationMaker.arn(holder(index))
      for place in estate.nodes.indices where estate.nodes[place].value.id == id {
        change(&estate.nodes[place].value)
        estate.nodes[place].provenance.sha256 += "x"
      }
    }
    let account = { (index: Int) in self.holder(index).account }
    switch extra {
    case .tags(let index): each(index) { $0.state["tags"] = ["team": "ops", "Owner": "team-b"] }
    case .label(let index): each(index) { $0.name += " renamed" }
    case .owner(let index):
      estate.owners = [Owner(names: ["team-a"], status: index % 2 == 0 ? .departed : .disabled)]
    case .use(let index, let day):
      estate.uses.append(
        LastUse(
          subject: OrganizationMaker.arn(holder(index)),
          collection: CollectionKey(
            scope: Estate.scope(account(index)), collection: "aws.iam.role"), day: day))
    case .secondScope(let index):
      let arn = OrganizationMaker.arn(holder(index))
      estate.add(
        Node(
          id: arn, kind: .identity, type: "aws.iam.role", name: "seen elsewhere",
          state: ["path": "/aws-service-role/x"]), arn, "aws.iam.role",
        RandomOrganization.accounts[index % 3])
    case .gap(let name, let index): estate.end(name, .denied, account(index), missing: ["x:Get"])
    case .key(let index):
      let key = "aws:access-key:AKIA\(index)"
      estate.thing(
        key, "aws.iam.accessKey", .credential, state: ["status": index % 2 == 0 ? "Active" : "No"],
        account: account(index))
      estate.link(.authenticatesAs, key, OrganizationMaker.arn(holder(index)))
    case .stored(let index, let other):
      let secret = "arn:aws:secretsmanager:eu-west-1:\(account(index)):secret:s\(index)"
      estate.link(.stores, functions.first ?? secret, "aws:access-key:AKIA\(other)")
      estate.link(.stores, secret, "aws:access-key:AKIA\(other)")
    case .trigger(let index, let isEnabled):
      let schedule = estate.thing("rule\(index)", "aws.events.rule", .automation)
      for function in functions {
        estate.link(.triggers, schedule, function, function, state: ["enabled": .bool(isEnabled)])
      }
      estate.link(.runsAs, schedule, OrganizationMaker.arn(holder(index)))
    case .bucket(let index, let name):
      estate.thing("arn:aws:s3:::\(name)", "aws.s3.bucket", account: account(index))
    default: grow(extra, of: &estate)
    }
  }

  private func grow(_ extra: Extra, of estate: inout Estate) {
    switch extra {
    case .profile(let index):
      let (account, arn) = (holder(index).account, OrganizationMaker.arn(holder(index)))
      let profile = "arn:aws:rolesanywhere:eu-west-1:\(account):profile/p\(index)"
      estate.thing(profile, "aws.rolesanywhere.profile", account: account)
      estate.thing(
        "arn:aws:rolesanywhere:eu-west-1:\(account):trust-anchor/a",
        "aws.rolesanywhere.trustAnchor", account: account)
      estate.link(.runsAs, profile, arn)
      estate.policy(
        "\(profile)#policy", "aws.rolesanywhere.sessionPolicy", "session",
        Policy.document(Policy.allow("s3:*")), of: profile, account)
      if index % 2 == 0 { estate.link(.limitedBy, profile, "\(profile)#policy") }
    case .cluster(let index):
      let account = holder(index).account
      let cluster = "arn:aws:eks:eu-west-1:\(account):cluster/c\(index)"
      estate.thing(
        cluster, "aws.eks.cluster", state: ["issuer": "https://oidc.x"], account: account)
      let pod = "arn:aws:eks:eu-west-1:\(account):podidentityassociation/c/\(index)"
      estate.thing(pod, "aws.eks.podIdentity", .identity, name: "ns/app", account: account)
      estate.link(.contains, cluster, pod)
      estate.link(.runsAs, pod, OrganizationMaker.arn(holder(index)))
    case .foreign(let index):
      let arn = Estate.arn("role", "away\(index)", "000011112222")
      estate.role(
        "entered\(index)", trust: Policy.document(Policy.trust(#"{"AWS":"\#(arn)"}"#)),
        policies: [Policy.everything], account: holder(index).account)
    case .launch(let index):
      estate.role(
        "starter\(index)",
        policies: [
          Policy.document(
            Policy.allow("iam:PassRole"), Policy.allow("lambda:*"), Policy.allow("sts:AssumeRole"))
        ], account: holder(index).account)
    case .without(let index):
      if !estate.nodes.isEmpty { estate.nodes.remove(at: index % estate.nodes.count) }
    case .withoutEdge(let index):
      if !estate.edges.isEmpty { estate.edges.remove(at: index % estate.edges.count) }
    case .withoutDocument(let index):
      let digests = estate.documents.keys.sorted { $0.precedes($1) }
      if !digests.isEmpty { estate.documents[digests[index % digests.count]] = nil }
    default: break
    }
  }
}

extension Asserted<Node> {
  fileprivate var place: [String] {
    [
      provenance.collection.scope, provenance.collection.collection, provenance.object, value.id,
    ]
  }
}

extension Asserted<Edge> {
  fileprivate var place: [String] {
    let key = value.key
    return [
      provenance.collection.scope, provenance.collection.collection, provenance.object,
      key.kind.rawValue, key.from, key.to, key.discriminator,
    ]
  }
}
