internal import Cryptography
internal import Evaluation
internal import Foundation
internal import Model
internal import Simulation

/// An organization of accounts with about a thousand nodes each, and five edges to a node.
///
/// An account has roles with policies of their own and shared ones, users with keys and groups,
/// functions with triggers, targets and resource policies, systems, and stacks. Most of it is as it
/// should be: some roles have too much, some trust others in a chain or across accounts.
struct GeneratedTenant {
  static let name = "acme"
  static let now = Timestamp("2026-11-21T12:00:00Z") ?? Timestamp(milliseconds: 0)
  private static let region = "eu-west-1"
  private static let organization = "arn:aws:organizations::900000000000:organization/o-acme"

  private(set) var graph: GraphDraft
  private var random: SplitMix64
  private let accounts: [String]
  private var documents: [String: String] = [:]
  private(set) var nodeCount = 0
  private(set) var edgeCount = 0

  init(nodes: Int, seed: UInt64) {
    random = SplitMix64(seed: seed)
    graph = GraphDraft(tenant: Self.name, version: 1)
    accounts = (0..<max(1, nodes / 1000)).map { String(900_000_000_000 + $0) }
    organize()
    for account in accounts { fill(account) }
  }

  // MARK: Organization

  private mutating func organize() {
    let management = accounts[0]
    let scope = Source(Self.organization, "aws.organizations.organization", management)
    node(
      Self.organization, .container, "aws.organization", "o-acme",
      [
        "organizationId": "o-acme", "managementAccount": .string(management), "featureSet": "ALL",
      ], scope)
    let guardrail = policy(
      "Deny", #""organizations:LeaveOrganization""#, "*", of: scope, "aws.organizations.policy",
      "\(Self.organization)/policy/guardrail", "aws.organizations.policy")
    let all = policy(
      "Allow", #""*""#, "*", of: scope, "aws.organizations.policy",
      "\(Self.organization)/policy/full", "aws.organizations.policy")
    let units = ["root"] + (0..<10).map { "unit\($0)" }
    for unit in units {
      let id = "aws:organizations:\(unit)"
      let source = Source(id, "aws.organizations.organizationalUnit", management)
      node(
        id, .container, "aws.organizationalUnit", unit, ["root": .bool(unit == "root")], source)
      edge(.contains, unit == "root" ? Self.organization : "aws:organizations:root", id, source)
      limit(id, [all], source)
    }
    for (index, account) in accounts.enumerated() {
      let id = "aws:account:\(account)"
      let source = Source(account, "aws.organizations.account", management)
      node(id, .container, "aws.account", "account \(account)", [:], source)
      edge(.contains, Self.organization, id, source)
      edge(.contains, "aws:organizations:unit\(index % 10)", id, source)
      limit(id, [all, guardrail], source)
    }
    for name in [
      "organization", "organizationalUnit", "account", "policy", "resourceControlPolicy",
    ] {
      end("aws.organizations.\(name)", management)
    }
  }

  private mutating func limit(_ target: String, _ policies: [String], _ source: Source) {
    for policy in policies { edge(.limitedBy, target, policy, source, discriminator: "scp") }
  }

  // MARK: An account

  private mutating func fill(_ account: String) {
    for name in ["role", "user", "group", "policy", "accessKey"] {
      end("aws.iam.\(name)", account)
    }
    for name in ["function", "policy", "url"] {
      end("aws.lambda.\(name)@\(Self.region)", account)
    }
    let shared = (0..<15).map { managed($0, account) }
    let systems = systems(account)
    let roles = (0..<100).map { role($0, shared, systems, account) }
    people(shared, account)
    let functions = (0..<150).map { function($0, roles, systems, account) }
    for function in functions where random.chance(30) {
      edge(.invokes, function, random.pick(functions), lambda(function, account))
    }
    stacks(roles + functions + systems, account)
  }

  private func arn(_ service: String, _ resource: String, _ account: String) -> String {
    let region = service == "iam" || service == "s3" ? "" : Self.region
    return "arn:aws:\(service):\(region):\(service == "s3" ? "" : account):\(resource)"
  }

  /// The same text in every account.
  private mutating func managed(_ index: Int, _ account: String) -> String {
    let id = arn("iam", "policy/shared\(index)", account)
    let services = ["s3", "dynamodb", "sqs", "logs", "cloudwatch", "xray", "ssm", "kms", "sns"]
    let (one, two) = (services[index % 9], services[(index + 4) % 9])
    return policy(
      "Allow", #""\#(one):Get*","\#(one):List*","\#(two):Describe*""#, "*",
      of: Source(id, "aws.iam.policy", account), "aws.iam.policy", id, "aws.iam.policy")
  }

  private mutating func role(
    _ index: Int, _ shared: [String], _ systems: [String], _ account: String
  ) -> String {
    let id = arn("iam", "role/role\(index)", account)
    let source = Source(id, "aws.iam.role", account)
    node(
      id, .identity, "aws.iam.role", "role\(index)",
      ["account": .string(account), "path": "/", "tags": ["team": .string("t\(index % 9)")]],
      source, defines: [id])
    let principal =
      switch index % 20 {
      case 0: #"{"AWS":"\#(arn("iam", "role/role\(index + 1)", account))"}"#
      case 1: #"{"AWS":"\#(arn("iam", "role/role0", random.pick(accounts)))"}"#
      case 2: #"{"Service":"ec2.amazonaws.com"}"#
      default: #"{"Service":"lambda.amazonaws.com"}"#
      }
    let trust = "\(id)#trust"
    document(
      #"{"Effect":"Allow","Principal":\#(principal),"Action":"sts:AssumeRole"}"#, trust,
      "aws.iam.trustPolicy", source)
    edge(.trustedBy, id, trust, source)
    let actions =
      switch index % 50 {
      case 7: #""*""#
      case 8: #""iam:PassRole","lambda:*""#
      case 20, 40: #""sts:AssumeRole""#
      default: #""dynamodb:GetItem","dynamodb:PutItem","s3:GetObject""#
      }
    let resource = index % 50 == 7 || index % 20 == 0 ? "*" : random.pick(systems)
    let own = policy(
      "Allow", actions, resource, of: source, "aws.iam.role", "\(id)#inline/own",
      "aws.iam.inlinePolicy")
    for policy in [own, random.pick(shared), random.pick(shared), random.pick(shared)] {
      edge(.grantedBy, id, policy, source)
    }
    return id
  }

  private mutating func people(_ shared: [String], _ account: String) {
    let groups = (0..<3).map { index in
      let id = arn("iam", "group/group\(index)", account)
      let source = Source(id, "aws.iam.group", account)
      node(
        id, .principalSet, "aws.iam.group", "group\(index)", ["account": .string(account)], source)
      edge(.grantedBy, id, shared[index], source)
      return id
    }
    for index in 0..<10 {
      let id = arn("iam", "user/user\(index)", account)
      let source = Source(id, "aws.iam.user", account)
      node(
        id, .identity, "aws.iam.user", "user\(index)",
        ["account": .string(account), "path": "/", "userId": .string("AIDA\(index)")], source,
        defines: [id])
      edge(.memberOf, id, random.pick(groups), source)
      let key = "aws:access-key:AKIA\(account)\(index)"
      let its = Source(key, "aws.iam.accessKey", account)
      node(key, .credential, "aws.iam.accessKey", key, ["status": "Active"], its)
      edge(.authenticatesAs, key, id, its)
    }
  }

  private mutating func systems(_ account: String) -> [String] {
    let kinds = [
      ("s3", "aws.s3.bucket", ""), ("sqs", "aws.sqs.queue", ""),
      ("dynamodb", "aws.dynamodb.table", "table/"),
      ("logs", "aws.logs.logGroup", "log-group:"),
      ("secretsmanager", "aws.secretsmanager.secret", "secret:"), ("sns", "aws.sns.topic", ""),
    ]
    return (0..<430).map { index in
      let (service, type, prefix) = kinds[index % kinds.count]
      let id = arn(service, "\(prefix)thing\(index)-\(account)", account)
      node(
        id, .system, type, "thing\(index)",
        ["account": .string(account), "region": .string(Self.region)],
        Source(id, "\(type)@\(Self.region)", account), defines: [id])
      return id
    }
  }

  private func lambda(_ function: String, _ account: String) -> Source {
    Source(function, "aws.lambda.function@\(Self.region)", account)
  }

  private mutating func function(
    _ index: Int, _ roles: [String], _ systems: [String], _ account: String
  ) -> String {
    let id = arn("lambda", "function:function\(index)", account)
    let source = lambda(id, account)
    node(
      id, .automation, "aws.lambda.function", "function\(index)",
      ["account": .string(account), "region": .string(Self.region), "runtime": "python3.13"],
      source, defines: [id])
    edge(.runsAs, id, roles[index % roles.count], source)
    edge(.triggers, random.pick(systems), id, source)
    for _ in 0..<4 { edge(.targets, id, random.pick(systems), source) }
    guard index % 5 == 0 else { return id }
    let collection = "aws.lambda.policy@\(Self.region)"
    let its = Source(id, collection, account)
    document(
      #"{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"#
        + #""Action":"lambda:InvokeFunction","Resource":"\#(id)"}"#,
      "\(id)#policy", "aws.lambda.resourcePolicy", its)
    edge(.governs, "\(id)#policy", id, its)
    return id
  }

  /// Where everything belongs: what most edges of an estate say.
  private mutating func stacks(_ members: [String], _ account: String) {
    let stacks = (0..<20).map { index in
      let id = arn("cloudformation", "stack/stack\(index)", account)
      node(
        id, .container, "aws.cloudformation.stack", "stack\(index)",
        ["account": .string(account)],
        Source(id, "aws.cloudformation.stack@\(Self.region)", account))
      return id
    }
    for (index, member) in members.enumerated() {
      let source = Source(
        stacks[index % 20], "aws.cloudformation.stack@\(Self.region)", account)
      edge(.contains, "aws:account:\(account)", member, source)
      edge(.contains, stacks[index % 20], member, source)
      edge(.ownedBy, member, "team:t\(index % 9)", source)
    }
    // Whatever is missing of five edges to a node.
    while edgeCount < nodeCount * 5 {
      let from = random.pick(members)
      edge(
        .connectsTo, from, random.pick(members), lambda(from, account),
        discriminator: "c\(random.below(8))")
    }
  }

  // MARK: Assertions

  private static func key(_ collection: String, _ account: String) -> CollectionKey {
    CollectionKey(scope: "\(name)/aws/aws/\(account)", collection: collection)
  }

  /// The collection was read completely.
  private mutating func end(_ collection: String, _ account: String) {
    graph.collections[Self.key(collection, account)] = CollectionStatus(
      outcome: .complete, epoch: 1, at: Self.now, completedAt: Self.now,
      appliedRun: "RUN\(account)")
  }

  private struct Source {
    var object: String
    var collection: String
    var account: String

    init(_ object: String, _ collection: String, _ account: String) {
      self.object = object
      self.collection = collection
      self.account = account
    }

    var provenance: Provenance {
      Provenance(
        collection: GeneratedTenant.key(collection, account), object: object,
        sha256: SHA256.hexDigest("\(account) \(collection) \(object)"), run: "RUN\(account)",
        call: 0)
    }
  }

  private mutating func node(
    _ id: String, _ kind: NodeKind, _ type: String, _ name: String, _ state: [String: JSON],
    _ source: Source, defines: [String] = []
  ) {
    graph.add(
      Asserted(
        Node(id: id, kind: kind, type: type, name: name, defines: defines, state: state),
        source.provenance))
    nodeCount += 1
  }

  private mutating func edge(
    _ kind: EdgeKind, _ from: String, _ to: String, _ source: Source, discriminator: String = ""
  ) {
    graph.add(
      Asserted(Edge(kind, from: from, to: to, discriminator: discriminator), source.provenance))
    edgeCount += 1
  }

  /// A policy of one statement.
  private mutating func policy(
    _ effect: String, _ actions: String, _ resource: String, of source: Source,
    _ collection: String, _ id: String, _ type: String
  ) -> String {
    document(
      #"{"Effect":"\#(effect)","Action":[\#(actions)],"Resource":"\#(resource)"}"#, id, type,
      Source(source.object, collection, source.account))
    return id
  }

  private mutating func document(
    _ statement: String, _ id: String, _ type: String, _ source: Source
  ) {
    let text = #"{"Statement":[\#(statement)],"Version":"2012-10-17"}"#
    let digest = documents[text] ?? "sha256:" + SHA256.hexDigest(text)
    if documents[text] == nil {
      documents[text] = digest
      graph.documents[digest] = Array(text.utf8)
    }
    let name = id.split(separator: "/").last.map(String.init) ?? id
    node(id, .policy, type, name, ["document": .string(digest)], source)
  }
}
