import Cryptography
import JSONReader
import Model

@testable import Evaluation

/// A tenant's graph as the loader would leave it, in as few words as a test needs.
struct Estate {
  static let now = Timestamp("2026-11-21T12:00:00Z")!
  static let account = "111122223333"
  static let scope = "acme/aws/aws/\(account)"

  var nodes: [Asserted<Node>] = []
  var edges: [Asserted<Edge>] = []
  var documents: [String: [UInt8]] = [:]
  var collections: [CollectionKey: CollectionStatus] = [:]
  var calls: [Graph.CallList: [UInt8]] = [:]
  var uses: [LastUse] = []
  var owners = [Owner(names: ["team-a"], status: .active)]

  static let global = [
    "aws.iam.role", "aws.iam.user", "aws.iam.group", "aws.iam.policy", "aws.iam.accessKey",
    "aws.iam.credentialReport", "aws.iam.instanceProfile", "aws.iam.serviceCredential",
    "aws.iam.serverCertificate",
    "aws.iam.samlProvider", "aws.organizations.organization",
  ]
  static let regional = [
    "aws.lambda.function", "aws.lambda.policy", "aws.lambda.url", "aws.secretsmanager.secret",
    "aws.acm.certificate", "aws.agentcore.gateway", "aws.agentcore.harness",
    "aws.agentcore.runtime",
    "aws.apprunner.service",
    "aws.batch.jobDefinition", "aws.codebuild.project", "aws.ecs.taskDefinition", "aws.glue.job",
    "aws.sagemaker.model", "aws.states.stateMachine", "aws.pipes.pipe", "aws.bedrock.agent",
  ]

  /// Everything is read completely, in one region; the account is in no organization.
  init(accounts: [String] = [Estate.account]) {
    for account in accounts {
      for name in Self.global { end(name, .complete, account) }
      for name in Self.regional { end("\(name)@eu-west-1", .complete, account) }
    }
  }

  static func scope(_ account: String) -> String { "acme/aws/aws/\(account)" }

  mutating func end(
    _ collection: String, _ outcome: Outcome, _ account: String = account,
    missing: [String] = [], at: Timestamp = now
  ) {
    let run = "RUN\(account)"
    collections[CollectionKey(scope: Self.scope(account), collection: collection)] =
      CollectionStatus(
        outcome: outcome, epoch: 1, at: at, completedAt: outcome == .complete ? at : nil,
        missing: missing, appliedRun: run)
    let request: JSON = [
      "n": 0, "operation": .string("test:\(collection)"), "requestId": "request-1",
      "at": "2026-11-21T10:00:00Z",
    ]
    calls[Graph.CallList(run: run, collection: collection)] = JSON.array([request]).bytes
  }

  private func source(_ object: String, _ collection: String, _ account: String) -> Provenance {
    Provenance(
      collection: CollectionKey(scope: Self.scope(account), collection: collection),
      object: object, sha256: SHA256.hexDigest("\(account) \(collection) \(object)"),
      run: "RUN\(account)", call: 0)
  }

  mutating func add(_ node: Node, _ object: String, _ collection: String, _ account: String) {
    nodes.append(Asserted(node, source(object, collection, account)))
  }

  mutating func add(_ edge: Edge, _ object: String, _ collection: String, _ account: String) {
    edges.append(Asserted(edge, source(object, collection, account)))
  }

  mutating func document(_ text: String) -> JSON {
    let bytes = (try? JSONDocument(parsing: Array(text.utf8))).map { JSON($0.root).bytes }
    let digest = "sha256:" + SHA256.hexDigest(bytes ?? Array(text.utf8))
    documents[digest] = bytes ?? Array(text.utf8)
    return .string(digest)
  }

  static func arn(_ kind: String, _ name: String, _ account: String = account) -> String {
    "arn:aws:iam::\(account):\(kind)/\(name)"
  }

  /// Of what has been there for as long as anybody remembers, and for a day.
  static let longAgo = "2024-02-29T09:00:00Z"
  static let yesterday = "2026-11-20T12:00:00Z"

  /// A role with inline policies, numbered from 0.
  @discardableResult
  mutating func role(
    _ name: String, trust: String = Policy.lambdaTrust, policies: [String] = [],
    boundary: String? = nil, path: String = "/", tags: [String: JSON] = [:],
    owner: String? = "team-a", created: String? = yesterday, account: String = account
  ) -> String {
    let arn = Self.arn("role", name, account)
    let node = Node(
      id: arn, kind: .identity, type: "aws.iam.role", name: name, defines: [arn],
      state: [
        "account": .string(account), "path": .string(path), "tags": .object(tags),
      ].merging(created.map { ["created": .string($0)] } ?? [:]) { $1 })
    add(node, arn, "aws.iam.role", account)
    owned(arn, by: owner, "aws.iam.role", account)
    policy(
      "\(arn)#trust", "aws.iam.trustPolicy", "trust policy of \(name)", trust, of: arn, account)
    add(Edge(.trustedBy, from: arn, to: "\(arn)#trust"), arn, "aws.iam.role", account)
    holds(arn, "aws.iam.role", policies, boundary, account)
    return arn
  }

  @discardableResult
  mutating func user(
    _ name: String, policies: [String] = [], boundary: String? = nil, key: String? = "Active",
    owner: String? = "team-a", created: String = yesterday, keyState: [String: JSON] = [:],
    account: String = account
  ) -> String {
    let arn = Self.arn("user", name, account)
    let node = Node(
      id: arn, kind: .identity, type: "aws.iam.user", name: name, defines: [arn],
      state: [
        "account": .string(account), "path": "/", "userId": .string("AIDA\(name)"),
        "created": .string(created),
      ])
    add(node, arn, "aws.iam.user", account)
    owned(arn, by: owner, "aws.iam.user", account)
    holds(arn, "aws.iam.user", policies, boundary, account)
    if let key {
      let id = "aws:access-key:AKIA\(name)"
      let node = Node(
        id: id, kind: .credential, type: "aws.iam.accessKey", name: "AKIA\(name)",
        state: ["status": .string(key), "created": .string(created)]
          .merging(keyState) { $1 })
      add(node, "AKIA\(name)", "aws.iam.accessKey", account)
      add(
        Edge(.authenticatesAs, from: id, to: arn), "AKIA\(name)", "aws.iam.accessKey", account)
    }
    return arn
  }

  private mutating func owned(
    _ arn: String, by owner: String?, _ collection: String, _ account: String
  ) {
    guard let owner else { return }
    add(
      Edge(.ownedBy, from: arn, to: "owner:\(owner)", basis: .structural), arn, collection,
      account)
  }

  /// A managed policy with a node of its own.
  mutating func managed(
    _ arn: String, _ text: String, awsManaged: Bool = false, account: String = account
  ) {
    let digest = document(text)
    let node = Node(
      id: arn, kind: .policy, type: "aws.iam.policy", name: String(arn.split(separator: "/").last!),
      state: ["document": digest, "awsManaged": .bool(awsManaged)])
    add(node, arn, "aws.iam.policy", account)
  }

  mutating func attach(_ policy: String, to arn: String, account: String = account) {
    add(Edge(.grantedBy, from: arn, to: policy), arn, "aws.iam.role", account)
  }

  private mutating func holds(
    _ arn: String, _ collection: String, _ policies: [String], _ boundary: String?,
    _ account: String
  ) {
    for (index, text) in policies.enumerated() {
      let id = "\(arn)#inline/p\(index)"
      policy(id, "aws.iam.inlinePolicy", "p\(index)", text, of: arn, account)
      add(Edge(.grantedBy, from: arn, to: id), arn, collection, account)
    }
    if let boundary {
      let id = "\(Self.arn("policy", "boundary-of-", account))\(arn.split(separator: "/").last!)"
      managed(id, boundary, account: account)
      add(
        Edge(.limitedBy, from: arn, to: id, discriminator: "boundary"), arn, collection, account)
    }
  }

  mutating func policy(
    _ id: String, _ type: String, _ name: String, _ text: String, of object: String,
    _ account: String, collection: String = "aws.iam.role"
  ) {
    let digest = document(text)
    add(
      Node(id: id, kind: .policy, type: type, name: name, state: ["document": digest]), object,
      collection, account)
  }

  /// A function with a URL and a resource policy, where they are given.
  @discardableResult
  mutating func function(
    _ name: String, role: String, url: String? = nil, policy text: String? = nil,
    tags: [String: JSON] = [:], account: String = account
  ) -> String {
    let arn = "arn:aws:lambda:eu-west-1:\(account):function:\(name)"
    let node = Node(
      id: arn, kind: .automation, type: "aws.lambda.function", name: name, defines: [arn],
      state: ["account": .string(account), "region": "eu-west-1", "tags": .object(tags)])
    add(node, arn, "aws.lambda.function@eu-west-1", account)
    add(Edge(.runsAs, from: arn, to: role), arn, "aws.lambda.function@eu-west-1", account)
    if let url {
      add(
        Edge(
          .triggers, from: anyoneNodeID, to: arn, discriminator: "url",
          state: ["authType": .string(url), "url": .string("https://\(name).example/")]),
        arn, "aws.lambda.url@eu-west-1", account)
    }
    if let text {
      let collection = "aws.lambda.policy@eu-west-1"
      policy(
        "\(arn)#policy", "aws.lambda.resourcePolicy", "resource policy of \(name)", text, of: arn,
        account, collection: collection)
      add(Edge(.governs, from: "\(arn)#policy", to: arn), arn, collection, account)
    }
    return arn
  }

  /// An organization as its management account and each given member see it.
  mutating func organization(management: String, members: [String], listed: Bool = true) {
    let arn = "arn:aws:organizations::\(management):organization/o-acme"
    for account in [management] + members {
      let node = Node(
        id: arn, kind: .container, type: "aws.organization", name: "o-acme", defines: [arn],
        state: [
          "organizationId": "o-acme", "managementAccount": .string(management),
          "featureSet": "ALL",
        ])
      guard collections.keys.contains(where: { $0.scope == Self.scope(account) }) else { continue }
      add(node, arn, "aws.organizations.organization", account)
      add(
        Edge(.contains, from: arn, to: "aws:account:\(management)"), arn,
        "aws.organizations.organization", account)
    }
    guard listed else { return }
    end("aws.organizations.account", .complete, management)
    for account in [management] + members {
      let node = Node(
        id: "aws:account:\(account)", kind: .container, type: "aws.account", name: account)
      add(node, account, "aws.organizations.account", management)
      add(
        Edge(.contains, from: arn, to: "aws:account:\(account)"), account,
        "aws.organizations.account", management)
    }
  }

  var graph: Graph {
    Graph(
      tenant: "acme", version: 7, nodes: nodes, edges: edges, documents: documents,
      collections: collections, calls: calls, uses: uses)
  }

  var evaluation: Evaluation { evaluation(at: Self.now) }

  func evaluation(at now: Timestamp, settled: Settled? = nil) -> Evaluation {
    Evaluation(of: graph, at: now, owners: OwnerRegister(owners), settled: settled)
  }

  var semantics: AWSSemantics {
    AWSSemantics.of(graph, Inputs(graph, now: Self.now, staleAfter: .seconds(7 * 86400)))
  }

  func findings(_ rule: String) -> [Finding] { evaluation.findings.filter { $0.rule == rule } }

  /// Whether an identity may do something by its own policies and limits.
  func decide(_ arn: String, _ action: String, on resource: String) -> Decision? {
    semantics.principals[arn].map {
      $0.answer(Request(action, on: resource, in: $0.context)).decision
    }
  }
}

/// Policy documents as text.
enum Policy {
  static func document(_ statements: String..., version: String = "2012-10-17") -> String {
    #"{"Version":"\#(version)","Statement":[\#(statements.joined(separator: ","))]}"#
  }

  static func allow(
    _ action: String, on resource: String = "*", if condition: String? = nil,
    to principal: String? = nil
  ) -> String {
    statement("Allow", "\"Action\":\"\(action)\"", resource, condition, principal)
  }

  static func deny(
    _ action: String, on resource: String = "*", if condition: String? = nil,
    to principal: String? = nil
  ) -> String {
    statement("Deny", "\"Action\":\"\(action)\"", resource, condition, principal)
  }

  static func statement(
    _ effect: String, _ action: String, _ resource: String = "*", _ condition: String? = nil,
    _ principal: String? = nil
  ) -> String {
    let rest = [
      "\"Resource\":\"\(resource)\"", condition.map { "\"Condition\":\($0)" },
      principal.map { "\"Principal\":\($0)" },
    ].compactMap(\.self)
    return "{\"Effect\":\"\(effect)\",\(([action] + rest).joined(separator: ","))}"
  }

  static func trust(
    _ principal: String, if condition: String? = nil, effect: String = "Allow"
  ) -> String {
    let rest = condition.map { ",\"Condition\":\($0)" } ?? ""
    return
      #"{"Effect":"\#(effect)","Principal":\#(principal),"Action":"sts:AssumeRole"\#(rest)}"#
  }

  static let lambdaTrust = document(trust(#"{"Service":"lambda.amazonaws.com"}"#))
  static let everything = document(allow("*"))
}
