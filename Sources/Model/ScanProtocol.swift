// The messages of a scan, in the order in which they are sent.

/// How a collection, or a whole scan, ended.
public enum Outcome: String, Sendable, Hashable, CaseIterable {
  case complete, unchanged, partial, denied, throttled, unsupported, failed

  /// Whether absence from the collection means that a thing is gone.
  public var provesAbsence: Bool { self == .complete }
}

/// What a listing of a collection means.
public enum CollectionKind: String, Sendable, Hashable, CaseIterable {
  /// Everything there is: what is absent is gone.
  case full
  /// What changed since the token that the listing began from, removals included.
  case delta
  /// What was used, and when last.
  case activity
}

public enum Priority: String, Sendable, Hashable, CaseIterable {
  case urgent, normal, background
}

/// The public intake: what to scan, why, and who asked. The id travels in the `ce_id` header.
public struct ScanRequest: Sendable, Hashable {
  public var tenant: String
  public var connection: String
  /// Accounts; empty means all of the connection's.
  public var scopes: [String]
  /// Collection names, or prefixes that end in `*`; empty means all.
  public var collections: [String]
  public var reason: String
  public var priority: Priority
  public var requestedBy: String

  public init(
    tenant: String, connection: String, scopes: [String] = [], collections: [String] = [],
    reason: String, priority: Priority = .normal, requestedBy: String
  ) {
    self.tenant = tenant
    self.connection = connection
    self.scopes = scopes
    self.collections = collections
    self.reason = reason
    self.priority = priority
    self.requestedBy = requestedBy
  }

  public var json: JSON {
    .members([
      "tenant": .string(tenant), "connection": .string(connection),
      "scopes": scopes.isEmpty ? nil : .strings(scopes),
      "collections": collections.isEmpty ? nil : .strings(collections),
      "reason": .string(reason), "priority": .string(priority.rawValue),
      "requestedBy": .string(requestedBy),
    ])
  }
}

/// Everything an extractor needs to execute one attempt of a run. Secrets are references.
public struct Dispatch: Sendable, Hashable {
  public var scan: String
  public var run: String
  public var epoch: Int64
  public var attempt: Int
  public var scope: Scope
  /// The connection's `settings`, already narrowed to this account.
  public var settings: JSON
  /// The connection's `credentials`: a strategy and references, never a secret.
  public var credentials: JSON
  /// Names or prefixes asked for; empty means all that the connector offers.
  public var collections: [String]
  /// Where the listing of a collection continues, by its name; none means from the beginning.
  public var tokens: [String: String]
  /// The partition of the raw topic that the attempt writes to, for all its life.
  public var rawPartition: Int32
  /// After this the message is stale and is not executed.
  public var expires: Timestamp

  public init(
    scan: String, run: String, epoch: Int64, attempt: Int, scope: Scope, settings: JSON,
    credentials: JSON, collections: [String], tokens: [String: String] = [:],
    rawPartition: Int32, expires: Timestamp
  ) {
    self.scan = scan
    self.run = run
    self.epoch = epoch
    self.attempt = attempt
    self.scope = scope
    self.settings = settings
    self.credentials = credentials
    self.collections = collections
    self.tokens = tokens
    self.rawPartition = rawPartition
    self.expires = expires
  }

  public var json: JSON {
    .members([
      "scan": .string(scan), "run": .string(run), "epoch": .integer(epoch),
      "attempt": .integer(Int64(attempt)), "tenant": .string(scope.tenant),
      "connection": .string(scope.connection), "account": .string(scope.account),
      "settings": settings, "credentials": credentials,
      "collections": .array(collections.map { ["name": .string($0)] }),
      "tokens": tokens.isEmpty ? nil : .object(tokens.mapValues { .string($0) }),
      "rawPartition": .integer(Int64(rawPartition)), "expires": .string(expires.description),
    ])
  }
}

/// First message of an attempt: who scans what, with which connector.
public struct ScanStarted: Sendable, Hashable {
  public var scan: String
  public var epoch: Int64
  public var scope: Scope
  /// Name and version of the connector.
  public var connector: String
  /// Every collection that the attempt will try.
  public var collections: [String]
  public var at: Timestamp

  public init(
    scan: String, epoch: Int64, scope: Scope, connector: String, collections: [String],
    at: Timestamp
  ) {
    self.scan = scan
    self.epoch = epoch
    self.scope = scope
    self.connector = connector
    self.collections = collections
    self.at = at
  }

  public var json: JSON {
    [
      "scan": .string(scan), "epoch": .integer(epoch), "tenant": .string(scope.tenant),
      "connection": .string(scope.connection), "platform": .string(scope.platform.rawValue),
      "account": .string(scope.account), "connector": .string(connector),
      "collections": .strings(collections), "at": .string(at.description),
    ]
  }
}

/// One request to a platform, as evidence: never a header, a body or a query value.
public struct APICall: Sendable, Hashable {
  public var number: Int
  public var method: String
  /// `service:Operation`.
  public var operation: String
  /// Scheme, host and path.
  public var url: String
  public var status: Int
  public var requestID: String
  public var at: Timestamp

  public init(
    number: Int, method: String, operation: String, url: String, status: Int, requestID: String,
    at: Timestamp
  ) {
    self.number = number
    self.method = method
    self.operation = operation
    self.url = url
    self.status = status
    self.requestID = requestID
    self.at = at
  }

  public var json: JSON {
    [
      "n": .integer(Int64(number)), "method": .string(method), "operation": .string(operation),
      "url": .string(url), "status": .integer(Int64(status)), "requestId": .string(requestID),
      "at": .string(at.description),
    ]
  }
}

/// Sent per collection once the broker acknowledged all of its records.
public struct CollectionEnded: Sendable, Hashable {
  public var collection: String
  public var outcome: Outcome
  public var kind: CollectionKind
  /// How many records were published: sequences 0 to `records` - 1.
  public var records: Int64
  /// The permissions whose lack ended it.
  public var missing: [String]
  /// For a person: why the outcome is not `complete`.
  public var message: String?
  /// Where a delta listing began; it changes only what was last left at this token.
  public var from: String?
  /// Where the next listing may continue.
  public var token: String?
  /// When the platform was last known to be as these records say, where it was not asked now: they
  /// were emitted again.
  public var asOf: Timestamp?
  public var calls: [APICall]

  public init(
    collection: String, outcome: Outcome, kind: CollectionKind = .full, records: Int64,
    missing: [String] = [], message: String? = nil, from: String? = nil, token: String? = nil,
    asOf: Timestamp? = nil, calls: [APICall] = []
  ) {
    self.collection = collection
    self.outcome = outcome
    self.kind = kind
    self.records = records
    self.missing = missing
    self.message = message
    self.from = from
    self.token = token
    self.asOf = asOf
    self.calls = calls
  }

  public var json: JSON {
    .members([
      "collection": .string(collection), "outcome": .string(outcome.rawValue),
      "kind": kind == .full ? nil : .string(kind.rawValue), "records": .integer(records),
      "missing": missing.isEmpty ? nil : .strings(missing),
      "message": message.map { .string($0) }, "from": from.map { .string($0) },
      "token": token.map { .string($0) }, "asOf": asOf.map { .string($0.description) },
      "calls": .array(calls.map(\.json)),
    ])
  }
}

/// Last message of an attempt.
public struct ScanEnded: Sendable, Hashable {
  public var outcome: Outcome
  public var records: Int64
  public var calls: Int64
  public var retries: Int64
  public var throttledMilliseconds: Int64
  public var at: Timestamp

  public init(
    outcome: Outcome, records: Int64, calls: Int64, retries: Int64, throttledMilliseconds: Int64,
    at: Timestamp
  ) {
    self.outcome = outcome
    self.records = records
    self.calls = calls
    self.retries = retries
    self.throttledMilliseconds = throttledMilliseconds
    self.at = at
  }

  public var json: JSON {
    [
      "outcome": .string(outcome.rawValue), "records": .integer(records),
      "calls": .integer(calls), "retries": .integer(retries),
      "throttledMilliseconds": .integer(throttledMilliseconds), "at": .string(at.description),
    ]
  }
}

/// What an extractor tells the scheduler while it works.
public struct Progress: Sendable, Hashable {
  public var run: String
  public var attempt: Int
  public var phase: Phase
  /// So far in this attempt.
  public var records: Int64
  public var calls: Int64
  public var at: Timestamp

  public enum Phase: Sendable, Hashable {
    case heartbeat
    case collectionEnded(
      collection: String, outcome: Outcome, records: Int64, missing: [String], message: String?)
    /// `message` says why, where the whole attempt failed.
    case ended(outcome: Outcome, message: String?)
  }

  public init(
    run: String, attempt: Int, phase: Phase, records: Int64, calls: Int64, at: Timestamp
  ) {
    self.run = run
    self.attempt = attempt
    self.phase = phase
    self.records = records
    self.calls = calls
    self.at = at
  }

  public var json: JSON {
    var members: [String: JSON?] = [
      "run": .string(run), "attempt": .integer(Int64(attempt)), "records": .integer(records),
      "calls": .integer(calls), "at": .string(at.description),
    ]
    switch phase {
    case .heartbeat: members["phase"] = "heartbeat"
    case .collectionEnded(let collection, let outcome, let records, let missing, let message):
      members["phase"] = "collection"
      members["collection"] = .members([
        "name": .string(collection), "outcome": .string(outcome.rawValue),
        "records": .integer(records), "missing": missing.isEmpty ? nil : .strings(missing),
        "message": message.map { .string($0) },
      ])
    case .ended(let outcome, let message):
      members["phase"] = "ended"
      members["outcome"] = .string(outcome.rawValue)
      members["message"] = message.map { .string($0) }
    }
    return .members(members)
  }
}

/// The states of a run, in the order in which they pass.
public enum RunState: String, Sendable, Hashable, CaseIterable {
  case queued, dispatched, leased, extracted, applied, evaluated
  case failed, skipped, cancelled

  public var isFinal: Bool {
    switch self {
    case .evaluated, .failed, .skipped, .cancelled: true
    case .queued, .dispatched, .leased, .extracted, .applied: false
    }
  }
}

/// A wake-up: a scope was applied, so its tenant has a new version of the graph.
public struct Snapshot: Sendable, Hashable {
  public var tenant: String
  public var scope: String
  public var run: String
  public var epoch: Int64
  public var graphVersion: Int64

  public init(tenant: String, scope: String, run: String, epoch: Int64, graphVersion: Int64) {
    self.tenant = tenant
    self.scope = scope
    self.run = run
    self.epoch = epoch
    self.graphVersion = graphVersion
  }

  public var json: JSON {
    [
      "tenant": .string(tenant), "scope": .string(scope), "run": .string(run),
      "epoch": .integer(epoch), "graphVersion": .integer(graphVersion),
    ]
  }
}
