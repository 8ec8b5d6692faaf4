import Logging
import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Schema
import Synchronization
import Testing

@testable import Loading

/// What a collection of a scripted scan says.
struct ScriptedCollection {
  var name: String
  var outcome: Outcome = .complete
  var fragments: [Fragment] = []
  /// The count that `collection.ended` claims, where it differs from what is sent.
  var claimed: Int?
  var kind: CollectionKind = .full
  var from: String?
  var token: String?
}

/// A loader on a database of its own, fed with the messages of scripted scans.
final class LoaderFixture: Sendable {
  static let scope = Scope(
    tenant: "acme", connection: "aws-prod", platform: .aws, account: "111122223333")
  static let partition = TopicPartition(topic: Topic.graph, partition: 3)
  static let start = Timestamp(milliseconds: 1_795_255_200_000)

  let pool: PostgresPool
  let sent = SentMessages()
  let loader: Loader
  private let nextOffset = Mutex<Int64>(0)

  static func with(
    _ body: @Sendable (LoaderFixture) async throws -> Void
  ) async throws {
    try await TestDatabase.with { pool in
      let fixture = LoaderFixture(pool)
      try await pool.withTransaction(.queue) { transaction in
        try await transaction.execute("INSERT INTO sv0.tenants (tenant) VALUES ('acme')")
        try await transaction.execute(
          "INSERT INTO sv0.scopes VALUES ('acme', $1, 0)", [.text(scope.description)])
      }
      _ = try await fixture.loader.starts(of: [partition])
      try await body(fixture)
    }
  }

  init(_ pool: PostgresPool) {
    self.pool = pool
    loader = Self.loader(pool, sent)
  }

  static func loader(
    _ pool: PostgresPool, _ sent: SentMessages, limits: LoadingLimits = LoadingLimits(),
    keeping kept: Range<Int64>? = nil, at time: Timestamp = start
  ) -> Loader {
    Loader(
      pool: pool, producer: sent,
      deadLetters: DeadLetters(stage: .loader, producer: sent, now: { start }), limits: limits,
      kept: kept.map { kept in { @Sendable _ in kept } },
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), now: { time })
  }

  static func run(_ epoch: Int64) -> String {
    ULID(at: Timestamp(milliseconds: epoch), random: Array(repeating: 7, count: 10)).description
  }

  /// Puts a run into the queue as the scheduler leaves it after dispatching an attempt.
  func dispatch(
    epoch: Int64, attempt: Int = 1, day: Int64 = 0, state: RunState = .leased
  ) async throws {
    let at = Self.start + .seconds(day * 86400)
    _ = try await pool.withTransaction(.queue) { transaction in
      try await transaction.execute(
        """
        INSERT INTO sv0.runs (tenant, run, scan, scope, epoch, priority, state, attempt,
          requested_at, allocated_at, changed_at)
        VALUES ('acme', $1, $1, $2, $3, 1, $6, $4, $5, $5, $5)
        ON CONFLICT (tenant, run) DO UPDATE SET attempt = $4, state = $6
        """,
        [
          .text(Self.run(epoch)), .text(Self.scope.description), .int8(epoch),
          .int4(Int32(attempt)), .timestamp(at), .text(state.rawValue),
        ])
      try await transaction.execute(
        "UPDATE sv0.scopes SET last_epoch = greatest(last_epoch, $2) WHERE scope = $1",
        [.text(Self.scope.description), .int8(epoch)])
    }
  }

  /// The messages of an attempt, at the next offsets of the partition.
  func messages(
    epoch: Int64, attempt: Int = 1, execution: String = "e", _ collections: [ScriptedCollection]
  ) -> [Message] {
    var messages: [Message] = []
    func add(_ content: RecordHeader.Content, _ value: JSON) {
      let header = RecordHeader(
        run: Self.run(epoch), attempt: attempt, execution: execution, content)
      messages.append(message(headers: [header.header], value: value.bytes))
    }
    add(
      .scanStarted,
      ScanStarted(
        scan: Self.run(epoch), epoch: epoch, scope: Self.scope, connector: "aws/1",
        collections: collections.map(\.name), at: Self.start
      ).json)
    for collection in collections {
      for (sequence, fragment) in collection.fragments.enumerated() {
        add(
          .record(
            collection: collection.name, sequence: Int64(sequence), key: fragment.object, call: 0),
          fragment.json)
      }
      add(
        .collectionEnded(collection: collection.name),
        CollectionEnded(
          collection: collection.name, outcome: collection.outcome, kind: collection.kind,
          records: Int64(collection.claimed ?? collection.fragments.count),
          missing: collection.outcome == .denied ? ["iam:List"] : [], from: collection.from,
          token: collection.token
        ).json)
    }
    add(
      .scanEnded,
      ScanEnded(
        outcome: .complete, records: 0, calls: 0, retries: 0, throttledMilliseconds: 0,
        at: Self.start
      ).json)
    return messages
  }

  /// A record as a person had it delivered again.
  func replayed(
    _ fragment: Fragment, of collection: String, epoch: Int64, attempt: Int = 1,
    sequence: Int64 = 0
  ) -> Message {
    let header = RecordHeader(
      run: Self.run(epoch), attempt: attempt, execution: "e",
      .record(collection: collection, sequence: sequence, key: fragment.object, call: 0))
    return message(
      headers: [header.header, MessageHeader(MessageHeader.replay, "ana")],
      value: fragment.json.bytes)
  }

  func message(
    key: String = scope.description, headers: [MessageHeader], value: [UInt8]?
  ) -> Message {
    let offset = nextOffset.withLock { offset in
      defer { offset += 1 }
      return offset
    }
    return Message(
      topic: Topic.graph, partition: Self.partition.partition, offset: offset,
      timestamp: Self.start, key: Array(key.utf8), value: value, headers: headers)
  }

  /// Dispatches a run and feeds its whole attempt.
  func scan(epoch: Int64, day: Int64 = 0, _ collections: [ScriptedCollection]) async throws {
    try await dispatch(epoch: epoch, day: day)
    try await loader.handle(messages(epoch: epoch, collections))
  }

  /// Does something while the loader has sent some rows of the messages, and does not get to the
  /// others.
  ///
  /// - Returns: what the loader threw afterwards.
  func whileSending(
    _ messages: [Message], _ body: @escaping @Sendable () async throws -> Void
  ) async throws -> (any Error)? {
    try await withThrowingTaskGroup(of: (any Error)?.self) { group in
      try await pool.withTransaction { owner in
        try await owner.executeScript("LOCK TABLE sv0.staged_nodes IN EXCLUSIVE MODE")
        group.addTask {
          do { try await self.loader.handle(messages) } catch { return error }
          return nil
        }
        let isSending = await eventually {
          let waiting = try? await self.allRows(
            "SELECT mode FROM pg_locks WHERE relation = 'sv0.staged_nodes'::regclass AND NOT granted"
          )
          return waiting?.count == 1
        }
        #expect(isSending)
        try await body()
      }
      return try await group.next() ?? nil
    }
  }

  /// Rows of a query in a transaction of the tenant, as `|`-joined texts.
  func rows(_ sql: String, tenant: String = "acme") async throws -> [String] {
    try await pool.withTransaction(.tenant(tenant, readOnly: true)) { transaction in
      try await transaction.query(sql).map { row in
        try row.columnNames.map { try row.stringOrNil($0) ?? "-" }.joined(separator: "|")
      }
    }
  }

  /// Rows of a query as the owner of the database.
  func allRows(_ sql: String) async throws -> [String] {
    try await pool.withTransaction { transaction in
      try await transaction.query(sql).map { row in
        try row.columnNames.map { try row.stringOrNil($0) ?? "-" }.joined(separator: "|")
      }
    }
  }

  func execute(_ script: String) async throws {
    try await pool.withTransaction { try await $0.executeScript(script) }
  }

  /// What a crash of the server does to unlogged tables.
  func crash() async throws {
    try await execute(
      """
      TRUNCATE sv0.staged_objects, sv0.staged_nodes, sv0.staged_edges, sv0.staged_documents,
        sv0.staged_activity, sv0.staged_ends, sv0.staged_positions
      """)
  }

  /// Run, attempt and collection of what is staged.
  var staged: [String] {
    get async throws {
      try await allRows(
        "SELECT DISTINCT run, attempt::text FROM sv0.staged_objects ORDER BY run, attempt::text")
    }
  }

  var openNodes: [String] {
    get async throws {
      try await rows("SELECT id FROM sv0.nodes WHERE closed_epoch IS NULL ORDER BY id")
    }
  }

  /// The names of roles whose own node is open.
  var openRoles: [String] {
    get async throws {
      try await rows(
        """
        SELECT name FROM sv0.nodes WHERE closed_epoch IS NULL AND type = 'aws.iam.role'
        ORDER BY name
        """)
    }
  }

  var versions: [String] {
    get async throws {
      try await rows(
        """
        SELECT id AS a, opened_epoch::text AS b, closed_epoch::text AS c FROM sv0.nodes
        UNION ALL SELECT kind || from_id || to_id, opened_epoch::text, closed_epoch::text
        FROM sv0.edges ORDER BY 1, 2
        """)
    }
  }
}

/// Keeps what was produced.
final class SentMessages: MessageProducer {
  private let sent = Mutex<[OutgoingMessage]>([])

  func produce(_ messages: [OutgoingMessage]) async throws {
    sent.withLock { $0 += messages }
  }

  func on(_ topic: String) -> [OutgoingMessage] {
    sent.withLock { $0.filter { $0.topic == topic } }
  }
}

extension Fragment {
  /// A role with its trust policy, as the normaliser would say it.
  static func role(
    _ name: String, path: String = "/", lastUsed: String? = nil, inline: [String] = []
  ) -> Fragment {
    let arn = "arn:aws:iam::111122223333:role/\(name)"
    let nodes =
      [
        Node(
          id: arn, kind: .identity, type: "aws.iam.role", name: name, defines: [arn],
          state: ["path": .string(path)], observed: lastUsed.map { ["lastUsed": $0] } ?? [:]),
        Node(
          id: arn + "#trust", kind: .policy, type: "aws.iam.trustPolicy", name: "trust",
          state: ["document": "sha256:00"]),
      ]
      + inline.map {
        Node(
          id: "\(arn)#inline/\($0)", kind: .policy, type: "aws.iam.inlinePolicy", name: $0,
          state: ["document": "sha256:00"])
      }
    let edges =
      [Edge(.trustedBy, from: arn, to: arn + "#trust")]
      + inline.map { Edge(.grantedBy, from: arn, to: "\(arn)#inline/\($0)") }
    return Fragment(
      object: arn, nodes: nodes, edges: edges,
      documents: [PolicyDocument(digest: "sha256:00", body: ["Statement": []])],
      receipt: Receipt(sha256: String(repeating: "a", count: 64), partition: 3, offset: 1))
  }

  static func removed(_ name: String) -> Fragment {
    Fragment(
      object: name.isEmpty ? "" : "arn:aws:iam::111122223333:role/\(name)",
      receipt: Receipt(sha256: String(repeating: "c", count: 64), partition: 3, offset: 1),
      isRemoval: true)
  }

  /// A role that read a bucket so many days after the beginning.
  static func use(
    by role: String, of bucket: String = "logs", day: Int64, offset: Int64 = 1
  ) -> Fragment {
    let arn = "arn:aws:iam::111122223333:role/\(role)"
    return Fragment(
      object: "event-\(offset)",
      activity: [
        Activity(
          subject: arn, action: "s3:GetObject", target: "arn:aws:s3:::\(bucket)",
          at: LoaderFixture.start + .seconds(day * 86400))
      ],
      receipt: Receipt(
        sha256: String(repeating: "d", count: 64), partition: 3, offset: offset))
  }

  static func tainted(_ name: String) -> Fragment {
    Fragment(
      object: name.isEmpty ? "" : "arn:aws:iam::111122223333:role/\(name)",
      receipt: Receipt(sha256: String(repeating: "b", count: 64), partition: 3, offset: 1),
      taint: "$.Arn: expected a string")
  }
}

func roles(
  _ fragments: Fragment..., outcome: Outcome = .complete, claimed: Int? = nil,
  token: String? = nil
) -> ScriptedCollection {
  ScriptedCollection(
    name: "aws.iam.role", outcome: outcome, fragments: fragments, claimed: claimed, token: token)
}

/// What changed in the collection of `roles` between two tokens.
func changes(
  _ fragments: Fragment..., outcome: Outcome = .complete, claimed: Int? = nil,
  from: String?, to token: String?
) -> ScriptedCollection {
  ScriptedCollection(
    name: "aws.iam.role", outcome: outcome, fragments: fragments, claimed: claimed, kind: .delta,
    from: from, token: token)
}

func uses(
  _ fragments: Fragment..., outcome: Outcome = .complete, claimed: Int? = nil,
  token: String? = nil
) -> ScriptedCollection {
  ScriptedCollection(
    name: "aws.cloudtrail.event", outcome: outcome, fragments: fragments, claimed: claimed,
    kind: .activity, token: token)
}
