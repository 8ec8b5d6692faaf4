import Cryptography
import Loading
import Model
import Simulation

/// What an attempt has to say, message by message, with the accidents that a loader has to bear.
struct StoreListing {
  enum Piece {
    case started
    case record(StagedRecord)
    case ended(CollectionEnded)
  }

  let attempt: Attempt
  let partition: TopicPartition
  private(set) var pieces: [Piece] = []

  var isOver: Bool { pieces.isEmpty }

  /// The next messages, so many at most.
  mutating func next(_ count: Int) -> [Piece] {
    defer { pieces.removeFirst(min(count, pieces.count)) }
    return Array(pieces.prefix(count))
  }

  /// - Parameters:
  ///   - tokens: where the scope's collections were left.
  ///   - sizes: how many objects each collection may have.
  init(
    _ attempt: Attempt, _ partition: TopicPartition, tokens: [String: String],
    sizes: [String: Int], at now: Timestamp, _ random: inout SplitMix64
  ) {
    self.attempt = attempt
    self.partition = partition
    if !random.chance(5) { pieces.append(.started) }
    for (collection, size) in sizes.sorted(by: { $0.key < $1.key }) where random.chance(85) {
      add(collection, size: size, token: tokens[collection], at: now, &random)
    }
    if random.chance(8) { begin(&random) }
  }

  /// Somewhere in the middle the attempt begins again.
  private mutating func begin(_ random: inout SplitMix64) {
    let half = pieces.prefix(random.below(pieces.count + 1))
    pieces = half + [.started] + pieces.drop { if case .started = $0 { true } else { false } }
  }

  private mutating func add(
    _ collection: String, size: Int, token: String?, at now: Timestamp,
    _ random: inout SplitMix64
  ) {
    // Where there is something to continue from, that is what is mostly done.
    let kind: CollectionKind =
      random.chance(token == nil ? 60 : 30) ? .full : random.chance(60) ? .delta : .activity
    // How much of it is there: nearly always most, sometimes little or nothing.
    let share = random.pick([100, 100, 95, 95, 90, 60, 40, 10, 0])
    var records: [StagedRecord] = []
    for number in 0..<size where random.chance(kind == .delta ? 30 : share) {
      // Listed twice, and gone the second time perhaps, or not to be understood the first time.
      let repeats = random.chance(10) ? 2 : 1
      for place in 0..<repeats {
        var fragment = fragment("o\(number)", kind, records.count, at: now, &random)
        if repeats > 1, random.chance(40) {
          let receipt = fragment.receipt
          fragment =
            place == 0
            ? Fragment(object: "o\(number)", receipt: receipt, taint: "malformed")
            : Fragment(object: "o\(number)", receipt: receipt, isRemoval: true)
        }
        records.append(
          StagedRecord(
            fragment, collection: collection, sequence: Int64(records.count),
            call: random.below(3)))
      }
    }
    var messages: [Piece] = []
    for record in records where !random.chance(1) {
      messages.append(.record(record))
      if random.chance(3) { messages.append(.record(record)) }
      if record.isTainted, random.chance(40) {
        messages.append(.record(mended(record, kind, at: now, &random)))
      }
    }
    pieces += messages
    let ended = ended(
      collection, kind, records: Int64(records.count), token: token, at: now, &random)
    if !random.chance(3) { pieces.append(.ended(ended)) }
    if random.chance(3) { pieces.append(.ended(ended)) }
  }

  private func ended(
    _ collection: String, _ kind: CollectionKind, records: Int64, token: String?,
    at now: Timestamp, _ random: inout SplitMix64
  ) -> CollectionEnded {
    let outcome = random.chance(80) ? Outcome.complete : random.pick(Outcome.allCases)
    let from = random.chance(80) ? token : random.pick(["elsewhere", nil])
    return CollectionEnded(
      collection: collection, outcome: outcome, kind: kind, records: records,
      missing: outcome == .denied ? ["iam:List", "iam:Get"] : [],
      message: outcome == .failed ? "it failed" : nil, from: kind == .delta ? from : nil,
      token: random.chance(70) ? "token-\(random.below(1000))" : nil,
      calls: [
        APICall(
          number: 0, method: "POST", operation: "iam:List", url: "https://iam.example/",
          status: 200, requestID: "request-\(random.below(100))", at: now)
      ])
  }

  /// What a person has delivered again while the attempt is open.
  private func mended(
    _ record: StagedRecord, _ kind: CollectionKind, at now: Timestamp, _ random: inout SplitMix64
  ) -> StagedRecord {
    var fragment = Self.said("o\(random.below(5))", kind, at: now, &random)
    fragment.receipt = record.fragment.receipt
    return StagedRecord(
      fragment, collection: record.collection, sequence: record.sequence, call: record.call)
  }

  private func fragment(
    _ object: String, _ kind: CollectionKind, _ sequence: Int, at now: Timestamp,
    _ random: inout SplitMix64
  ) -> Fragment {
    var fragment = Self.said(object, kind, at: now, &random)
    if random.chance(kind == .delta ? 25 : 2) {
      fragment = Fragment(object: object, receipt: fragment.receipt, isRemoval: true)
    }
    if random.chance(2) {
      let name = random.chance(70) ? object : ""
      fragment = Fragment(object: name, receipt: fragment.receipt, taint: "malformed")
    }
    return fragment
  }

  /// What a record says of an object, in one of a few ways.
  static func said(
    _ object: String, _ kind: CollectionKind, at now: Timestamp, _ random: inout SplitMix64
  ) -> Fragment {
    let way = random.pick([0, 0, 0, 0, 0, 1, 2])
    let arn = "arn:aws:iam::111122223333:role/\(object)"
    let receipt = Receipt(
      sha256: SHA256.hexDigest("\(object) \(way)"), partition: Int32(random.below(2)),
      offset: Int64(random.below(100_000)))
    let body: JSON = [
      "Statement": [
        [
          "Effect": "Allow", "Resource": "*", "Action": "*",
          "Sid": .string("way\(way)"),
        ]
      ]
    ]
    let digest = "sha256:" + SHA256.hexDigest(body.text)
    var fragment = Fragment(object: object, receipt: receipt)
    fragment.nodes = [
      Node(
        id: arn, kind: .identity, type: "aws.iam.role", name: object, defines: [arn],
        state: ["account": "111122223333", "way": .integer(Int64(way))],
        observed: random.chance(50) ? ["lastUsed": "2026-11-\(10 + random.below(20))"] : [:])
    ]
    if way != 1 {
      fragment.nodes.append(
        Node(
          id: "\(arn)#inline/p", kind: .policy, type: "aws.iam.inlinePolicy", name: "p",
          state: ["document": .string(digest)]))
      fragment.edges = [
        Edge(.grantedBy, from: arn, to: "\(arn)#inline/p", state: ["way": .integer(Int64(way))]),
        Edge(.memberOf, from: arn, to: "group", discriminator: "\(way)"),
      ]
      fragment.documents = [PolicyDocument(digest: digest, body: body)]
    }
    if way == 2 { trustAnIssuer(arn, &fragment) }
    if kind == .activity || random.chance(3) {
      fragment.activity = (0..<random.below(3)).map { number in
        Activity(
          subject: arn, action: "s3:Get\(number)", target: "bucket",
          at: now + .seconds(-random.below(40) * 3600))
      }
    }
    return fragment
  }

  /// Something to find that can wait: nobody knows whether the provider exists.
  private static func trustAnIssuer(_ arn: String, _ fragment: inout Fragment) {
    let issuer = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    let body: JSON = [
      "Statement": [
        [
          "Effect": "Allow", "Principal": ["Federated": .string(issuer)],
          "Action": "sts:AssumeRoleWithWebIdentity",
        ]
      ]
    ]
    let digest = "sha256:" + SHA256.hexDigest(body.text)
    fragment.nodes.append(
      Node(
        id: "\(arn)#trust", kind: .policy, type: "aws.iam.trustPolicy", name: "trust",
        state: ["document": .string(digest)]))
    fragment.edges.append(Edge(.trustedBy, from: arn, to: "\(arn)#trust"))
    fragment.documents.append(PolicyDocument(digest: digest, body: body))
  }
}

extension StagedMessage {
  /// In a few characters.
  var brief: String {
    switch content {
    case .record(let record): "\(attempt.run.suffix(6))/\(attempt.number):\(record.brief)"
    case .collectionEnded(let ended):
      "\(attempt.run.suffix(6))/\(attempt.number):\(ended.collection)=\(ended.kind),"
        + "\(ended.outcome),\(ended.records),from:\(ended.from ?? "-"),to:\(ended.token ?? "-")"
    }
  }
}

extension StagedRecord {
  var brief: String {
    let flags = (isTainted ? "!tainted" : "") + (isRemoval ? "!removed" : "")
    let way = fragment.nodes.first?.state["way"].map { "~\($0.text)" } ?? ""
    let facts = fragment.activity.map { ",\($0.action)@\($0.at)" }.joined()
    return "\(collection)/\(fragment.object)#\(sequence)\(way)\(flags)\(facts)"
  }
}
