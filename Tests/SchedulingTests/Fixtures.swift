import Model
import Pipeline
import PipelineTesting
import PostgresClient
import Scheduling
import Schema
import Synchronization
import Testing

/// The scheduler's parts around one database and one clock.
struct Fixture: Sendable {
  static let known: [Platform: [OfferedCollection]] = [
    .aws: ["aws.iam.role", "aws.iam.user", "aws.lambda.function"]
  ]

  let pool: PostgresPool
  let clock = ManualClock()
  let producer = RecordingProducer()
  let limits = SchedulingLimits(lease: .seconds(60), attempts: 3, inFlight: 4)

  /// Runs the body with a fixture whose tenant `acme` has the connection `aws-prod`.
  static func with(_ body: @Sendable (Fixture) async throws -> Void) async throws {
    try await TestDatabase.with { pool in
      let fixture = Fixture(pool)
      try await fixture.connect("acme", "aws-prod", accounts: ["111122223333", "444455556666"])
      try await body(fixture)
    }
  }

  let makeID: @Sendable (Timestamp) throws -> ULID

  init(_ pool: PostgresPool) {
    self.pool = pool
    let counter = IDCounter()
    makeID = { counter.next(at: $0) }
  }

  var now: @Sendable () -> Timestamp { { [clock] in clock.now } }

  var requests: RequestHandler {
    RequestHandler(pool: pool, knownCollections: Self.known, makeID: makeID, now: now)
  }

  /// - Parameter accounts: what an organization has.
  func requests(_ accounts: @escaping AccountListing.Source) -> RequestHandler {
    RequestHandler(
      pool: pool, knownCollections: Self.known, accounts: [.aws: accounts], makeID: makeID,
      now: now)
  }

  func schedules(_ accounts: @escaping AccountListing.Source) -> ScheduledScans {
    ScheduledScans(
      pool: pool, knownCollections: Self.known, accounts: [.aws: accounts], makeID: makeID,
      now: now)
  }

  var progress: ProgressHandler { ProgressHandler(pool: pool, limits: limits, now: now) }

  var dispatcher: Dispatcher {
    Dispatcher(
      pool: pool, platform: .aws, rawPartitions: 12, knownCollections: Self.known[.aws] ?? [],
      limits: limits, now: now)
  }

  /// A lease expiry that has waited for its first lease, which moves the clock.
  func expiry() async throws -> LeaseExpiry {
    let expiry = LeaseExpiry(pool: pool, limits: limits, now: now)
    try await pass(.seconds(60), expiry)
    return expiry
  }

  /// Lets time pass with a turn of the lease expiry every few seconds.
  func pass(_ duration: Duration, _ expiry: LeaseExpiry) async throws {
    let end = clock.now + duration
    while clock.now < end {
      clock.advance(by: min(.seconds(20), end - clock.now))
      _ = try await expiry.turn()
    }
  }

  func relay(
    _ producer: (any MessageProducer)? = nil, holder: String = "one"
  ) -> OutboxRelay {
    OutboxRelay(
      pool: pool, producer: producer ?? self.producer, topics: [Topic.scanDispatch(.aws)],
      holder: holder, now: now)
  }

  func status(_ producer: (any MessageProducer)? = nil, holder: String = "one") -> StatusRelay {
    StatusRelay(pool: pool, producer: producer ?? self.producer, holder: holder, now: now)
  }

  func connect(
    _ tenant: String, _ connection: String, accounts: [JSON],
    collections: JSON = ["enable": [], "disable": []]
  ) async throws {
    try await ConnectionDocument(
      Self.connection(tenant, connection, accounts: accounts, collections: collections)
    ).store(in: pool, at: clock.now, by: "test")
  }

  static func connection(
    _ tenant: String = "acme", _ connection: String = "aws-prod",
    accounts: [JSON] = ["111122223333"], collections: JSON = ["enable": [], "disable": []]
  ) -> JSON {
    [
      "tenant": .string(tenant), "connection": .string(connection), "platform": "aws",
      "settings": [
        "accounts": .array(accounts), "roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1"],
      ],
      "credentials": [
        "type": "assume_role", "externalId": "env:ACME_EXTERNAL_ID",
        "base": ["type": "environment"],
      ],
      "collections": collections,
    ]
  }

  // MARK: Messages

  func request(
    _ id: String, _ tenant: String = "acme", _ connection: String = "aws-prod",
    scopes: [String] = [], collections: [String] = [], priority: Priority = .normal,
    key: String? = nil
  ) -> Message {
    let request = ScanRequest(
      tenant: tenant, connection: connection, scopes: scopes, collections: collections,
      reason: "nightly", priority: priority, requestedBy: "cron@platform")
    let event = CloudEvent(
      id: id, source: "test", type: CloudEventType.scanRequested, time: clock.now)
    return Message(
      topic: Topic.scanRequest, partition: 0, offset: 0, timestamp: clock.now,
      key: Array((key ?? "\(tenant)/\(connection)").utf8), value: request.json.bytes,
      headers: event.headers)
  }

  func message(
    _ run: Row, _ phase: Progress.Phase, attempt: Int? = nil, records: Int64 = 0, key: String? = nil
  ) -> Message {
    let progress = Progress(
      run: run.run, attempt: attempt ?? run.attempt, phase: phase, records: records,
      calls: records, at: clock.now)
    return Message(
      topic: Topic.scanProgress, partition: 0, offset: 0, timestamp: clock.now,
      key: Array((key ?? run.scope).utf8), value: progress.json.bytes)
  }

  // MARK: What is in the database

  struct Row: Sendable, Equatable {
    var run: String
    var scope: String
    var epoch: Int64
    var state: String
    var attempt: Int
    var reason: String?
    var version: Int64
    var records: Int64
  }

  /// Every run, in the order of scope and epoch.
  func runs() async throws -> [Row] {
    try await pool.withTransaction(.queue) { transaction in
      try await transaction.query("SELECT * FROM sv0.runs ORDER BY scope, epoch").map { row in
        Row(
          run: try row.string("run"), scope: try row.string("scope"),
          epoch: try row.int64("epoch"), state: try row.string("state"),
          attempt: Int(try row.int64("attempt")), reason: try row.stringOrNil("reason"),
          version: try row.int64("version"), records: try row.int64("records"))
      }
    }
  }

  func run(_ index: Int = 0) async throws -> Row {
    let runs = try await runs()
    try #require(runs.indices.contains(index))
    return runs[index]
  }

  func number(_ sql: String) async throws -> Int64 {
    try await pool.withTransaction { try await $0.query(sql).first?.int64(0) ?? -1 }
  }

  func execute(_ sql: String) async throws {
    try await pool.withTransaction { _ = try await $0.execute(sql) }
  }

  /// Scans as `status: reason`.
  func scans() async throws -> [String] {
    try await pool.withTransaction { transaction in
      try await transaction.query(
        "SELECT status, reason FROM sv0.scans ORDER BY requested_at, request_id"
      ).map { "\(try $0.string(0)): \(try $0.stringOrNil(1) ?? "")" }
    }
  }
}

private final class IDCounter: Sendable {
  private let count = Mutex<UInt64>(0)

  func next(at time: Timestamp) -> ULID {
    let value = count.withLock { count in
      count += 1
      return count
    }
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    return ULID(at: time, random: [0, 0] + bytes)
  }
}

/// A small generator, so that a schedule can be run again from its seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  /// Source: SplitMix64, https://prng.di.unimi.it/splitmix64.c
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
