internal import Authentication
internal import Extraction
internal import JSONReader
internal import Model

/// The collections of the simulated platform: few, and one of every kind.
enum SimulatedCollection: String, CaseIterable {
  case role = "aws.iam.role"
  case user = "aws.iam.user"
  case group = "aws.iam.group"
  /// The changes since the last listing, after a first full one.
  case policy = "aws.iam.policy"
  /// Who used what.
  case activity = "aws.activity"

  var kind: CollectionKind {
    switch self {
    case .role, .user, .group: .full
    case .policy: .delta
    case .activity: .activity
    }
  }
}

/// The simulated platform's connector: it lists page by page, and every page is a parked call.
struct SimulatedConnector: Connector {
  let simulated: SimulatedPlatform
  let process: ProcessContext

  var platform: Platform { .aws }
  var version: String { "simulated/1" }
  var normalizer: any Normalizer { SimulatedNormalizer() }

  var catalog: Catalog {
    Catalog(
      collections: SimulatedCollection.allCases.map {
        CollectionDescription(name: $0.rawValue, kind: $0.kind, operations: [])
      })
  }

  func problems(settings: JSON, credentials: JSON) -> [ConfigurationProblem] { [] }

  func prepare(
    _ dispatch: Dispatch, in context: AttemptContext
  ) throws(ConfigurationError) -> PreparedScan {
    let execution = simulated.begin(dispatch, process.life)
    let selection = CollectionSelection(dispatch.collections)
    return PreparedScan(
      authenticate: { _ in try await process.ask("authenticate") {} },
      units: SimulatedCollection.allCases.filter { selection.includes($0.rawValue) }.map { kind in
        ExtractionUnit(collections: [kind.rawValue]) { output in
          guard let collection = output[kind.rawValue] else { return }
          let listing = SimulatedListing(
            platform: simulated, process: process, execution: execution,
            key: CollectionKey(scope: dispatch.scope.description, collection: kind.rawValue),
            kind: kind, token: dispatch.tokens[kind.rawValue], output: collection)
          try await collection.collect { try await listing.read() }
        }
      })
  }
}

/// Reads one collection, and keeps on record what was answered.
struct SimulatedListing {
  let platform: SimulatedPlatform
  let process: ProcessContext
  let execution: Int
  let key: CollectionKey
  let kind: SimulatedCollection
  let token: String?
  let output: CollectionOutput

  func read() async throws -> CollectionResult {
    do {
      return end(try await list())
    } catch let failure as CollectionFailure {
      _ = end(CollectionResult(failure.outcome))
      throw failure
    }
  }

  private func end(_ result: CollectionResult) -> CollectionResult {
    platform.record(execution, key.collection) {
      $0.end = SimulatedPlatform.Listing.End(
        outcome: result.outcome, kind: result.kind, from: result.from, token: result.token)
    }
    return result
  }

  private func list() async throws -> CollectionResult {
    let trouble = platform.nextTrouble(of: key)
    switch trouble {
    case .denied: throw CollectionFailure(.denied, "denied", missing: ["iam:List"])
    case .throttled: throw CollectionFailure(.throttled, "throttled")
    case .failed: throw CollectionFailure(.failed, "failed")
    case .unsupported: throw CollectionFailure(.unsupported, "unsupported")
    case .partial, nil: break
    }
    switch kind {
    case .role, .user, .group:
      try await pages(isPartial: trouble == .partial)
      return .complete
    case .policy: return try await changes(isPartial: trouble == .partial)
    case .activity: return try await uses(isPartial: trouble == .partial)
    }
  }

  /// Everything there is, by key, two objects a page.
  private func pages(isPartial: Bool) async throws {
    var last = ""
    var repeats = platform.takesRepeat(of: key)
    while true {
      let after = last
      let page = try await process.ask("\(key.collection) after \(after)") {
        let collection = platform.collection(key)
        return collection.keys.filter { after.precedes($0) }.prefix(2).map {
          SimulatedPlatform.Answer(key: $0, object: collection.objects[$0])
        }
      }
      guard let next = page.last?.key else { return }
      last = next
      try await publish(page)
      if repeats {
        repeats = false
        try await publish([page[0]])
      }
      if isPartial { throw CollectionFailure(.partial, "the second page failed") }
    }
  }

  /// What changed since the token; everything where there is none or it is too old.
  private func changes(isPartial: Bool) async throws -> CollectionResult {
    let begun = try await process.ask("\(key.collection) position") {
      let collection = platform.collection(key)
      return (now: collection.changes.count, oldest: collection.oldestToken)
    }
    guard let token, let from = Int(token.dropFirst()), from >= begun.oldest else {
      try await pages(isPartial: isPartial)
      return .complete(token: "t\(begun.now)")
    }
    let changes = try await process.ask("\(key.collection) changes from \(from)") {
      platform.collection(key).changes[from..<begun.now].map {
        SimulatedPlatform.Answer(key: $0.key, object: $0.object)
      }
    }
    for start in stride(from: 0, to: changes.count, by: 2) {
      try await publish(Array(changes[start..<min(start + 2, changes.count)]))
      if isPartial { throw CollectionFailure(.partial, "the second page failed") }
    }
    return .changes(from: token, to: "t\(begun.now)")
  }

  /// One use a listing, of the first role.
  private func uses(isPartial: Bool) async throws -> CollectionResult {
    let at = try await process.ask("\(key.collection)") { process.now() }
    platform.record(execution, key.collection) { $0.activity.append(at) }
    let record: JSON = ["use": .string(at.description)]
    try await output.publish([Record(key: "use \(at)", bytes: record.bytes, call: 0)])
    if isPartial { throw CollectionFailure(.partial, "the rest failed") }
    return .activity(token: "a\(at.milliseconds)")
  }

  private func publish(_ answers: [SimulatedPlatform.Answer]) async throws {
    platform.record(execution, key.collection) { $0.answers += answers }
    try await output.publish(
      answers.map { answer in
        Record(key: answer.key, bytes: SimulatedRecord.json(answer).bytes, call: 0)
      })
  }
}

/// The records' form: what is written here is read by the normaliser and nobody else.
enum SimulatedRecord {
  static func json(_ answer: SimulatedPlatform.Answer) -> JSON {
    guard let object = answer.object else { return ["gone": .string(answer.key)] }
    if object.isMalformed { return ["malformed": .integer(Int64(object.version))] }
    return ["version": .integer(Int64(object.version))]
  }
}

/// Makes of a record a role with a policy, or what else the evaluation has an opinion about.
struct SimulatedNormalizer: Normalizer {
  func assertions(of record: RawRecord) throws -> Assertions {
    let root = try JSONDocument(parsing: record.bytes).root
    if root["gone"] != nil { return Assertions(isRemoval: true) }
    let account = record.scope.account
    if let use = root["use"]?.string {
      guard let at = Timestamp(use) else { throw JSONError.missing(path: "use", expected: "time") }
      return Assertions(activity: [
        Activity(
          subject: SimulatedNormalizer.id("role", "object-0", account), action: "s3:GetObject",
          target: "bucket", at: at)
      ])
    }
    let version = try root.int64(at: "version")
    switch SimulatedCollection(rawValue: record.collection) {
    case .role: return role(record.key, version, account)
    case .policy: return policy(record.key, version, account)
    case .user: return Assertions(nodes: [plain(record, version)])
    case .group: return Assertions(nodes: [plain(record, version), overlapping(record, version)])
    case .activity, nil: return Assertions()
    }
  }

  static func id(_ kind: String, _ name: String, _ account: String) -> String {
    "arn:aws:iam::\(account):\(kind)/\(name)"
  }

  /// Runs as a function; every third version may do everything by itself, and every second has the
  /// managed policy of its own name.
  private func role(_ name: String, _ version: Int64, _ account: String) -> Assertions {
    let id = Self.id("role", name, account)
    let trust = PolicyDocument(
      canonical: Self.statement(
        ["Principal": ["Service": "lambda.amazonaws.com"]], "sts:AssumeRole"))
    var assertions = Assertions(
      nodes: [
        Node(
          id: id, kind: .identity, type: "aws.iam.role", name: name, defines: [id],
          state: ["account": .string(account), "version": .integer(version)]),
        Node(
          id: "\(id)#trust", kind: .policy, type: "aws.iam.trustPolicy", name: "trust of \(name)",
          state: ["document": .string(trust.digest)]),
      ],
      edges: [Edge(.trustedBy, from: id, to: "\(id)#trust")], documents: [trust])
    if version % 3 == 0 {
      let all = PolicyDocument(canonical: Self.statement(["Resource": "*"], "*"))
      assertions.nodes.append(
        Node(
          id: "\(id)#inline", kind: .policy, type: "aws.iam.inlinePolicy", name: "inline",
          state: ["document": .string(all.digest)]))
      assertions.edges.append(Edge(.grantedBy, from: id, to: "\(id)#inline"))
      assertions.documents.append(all)
    }
    if version % 2 == 0 {
      assertions.edges.append(
        Edge(.grantedBy, from: id, to: Self.id("policy", name, account)))
    }
    return assertions
  }

  private func policy(_ name: String, _ version: Int64, _ account: String) -> Assertions {
    let id = Self.id("policy", name, account)
    // Everything is high; of a service that holds nothing, it can wait.
    let action = version % 2 == 0 ? "*" : "polly:*"
    let document = PolicyDocument(canonical: Self.statement(["Resource": "*"], action))
    return Assertions(
      nodes: [
        Node(
          id: id, kind: .policy, type: "aws.iam.policy", name: name, defines: [id],
          state: ["document": .string(document.digest), "version": .integer(version)])
      ], documents: [document])
  }

  private func plain(_ record: RawRecord, _ version: Int64) -> Node {
    let isUser = record.collection == SimulatedCollection.user.rawValue
    let id = Self.id(isUser ? "user" : "group", record.key, record.scope.account)
    return Node(
      id: id, kind: isUser ? .identity : .principalSet, type: record.collection,
      name: record.key, defines: [id], state: ["version": .integer(version)])
  }

  /// A role that another collection says something about, too, and something else.
  private func overlapping(_ record: RawRecord, _ version: Int64) -> Node {
    let account = record.scope.account
    let id = Self.id("role", record.key, account)
    return Node(
      id: id, kind: .identity, type: "aws.iam.role", name: record.key, defines: [id],
      state: ["account": .string(account), "version": .integer(version)])
  }

  private static func statement(_ rest: [String: JSON], _ action: String) -> JSON {
    let statement = rest.merging(["Effect": "Allow", "Action": .string(action)]) { $1 }
    return ["Version": "2012-10-17", "Statement": .array([.object(statement)])]
  }
}
