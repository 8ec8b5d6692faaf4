public import Model

/// Every read that a connector can make: the list a customer grants permissions by.
public struct Catalog: Sendable, Equatable {
  public var collections: [CollectionDescription]
  /// Calls that obtain or check credentials; they feed no collection.
  public var authentication: [OperationDescription]
  /// What became of the operations that were considered, called or not.
  public var coverage: [OperationCoverage]

  public init(
    collections: [CollectionDescription], authentication: [OperationDescription] = [],
    coverage: [OperationCoverage] = []
  ) {
    self.collections = collections
    self.authentication = authentication
    self.coverage = coverage
  }

  /// The operations as they appear in evidence (`iam:ListUsers`).
  public var operations: Set<String> {
    Set((collections.flatMap(\.operations) + authentication).map(\.name))
  }

  /// The permissions that reading takes, sorted: those of every collection that `includes` keeps.
  ///
  /// What obtains credentials is not among them: that is the worker's own permission.
  public func permissions(
    where includes: (CollectionDescription) -> Bool = { _ in true }
  ) -> [String] {
    let reads = collections.filter(includes).flatMap(\.operations)
    return Set(reads.map(\.permission)).sorted { $0.precedes($1) }
  }
}

/// One kind of record: what is called for it, and what is left out of it.
public struct CollectionDescription: Sendable, Equatable {
  /// Without the region: `aws.lambda.function`.
  public var name: String
  /// Whether there is one collection per region, named `NAME@REGION`.
  public var isRegional: Bool
  /// A `delta` collection is listed in full when there is no token to continue from.
  public var kind: CollectionKind
  public var operations: [OperationDescription]
  /// Collections of the same group are fed by the same calls, and denied together.
  public var group: String?
  /// For a person: what of the API's answer is never published.
  public var redaction: String?
  /// Whether it is read only where a connection names it: its reading is not agreed by default.
  public var isRoadmap: Bool

  public init(
    name: String, isRegional: Bool = false, kind: CollectionKind = .full,
    operations: [OperationDescription], group: String? = nil, redaction: String? = nil,
    isRoadmap: Bool = false
  ) {
    self.name = name
    self.isRegional = isRegional
    self.kind = kind
    self.operations = operations
    self.group = group
    self.redaction = redaction
    self.isRoadmap = isRoadmap
  }

  public var json: JSON {
    .members([
      "collection": .string(name), "regional": .bool(isRegional), "kind": .string(kind.rawValue),
      "operations": .array(operations.map(\.json)), "group": group.map { .string($0) },
      "redaction": redaction.map { .string($0) }, "roadmap": isRoadmap ? .bool(true) : nil,
    ])
  }
}

/// One read of a platform's API.
public struct OperationDescription: Sendable, Equatable {
  public var service: String
  public var operation: String
  /// The permission that it needs.
  public var permission: String
  /// The vendor's page about it.
  public var source: String
  /// Whether it is asked in each region, or at one place for all.
  public var isRegional: Bool
  /// `nil` where one answer is all there is.
  public var pagination: Pagination?

  /// How a long list goes on.
  public struct Pagination: Sendable, Equatable {
    /// Name of the request's parameter that says where to go on.
    public var cursor: String
    /// Where the answer has its next value.
    public var next: String
    /// How many items a page is asked to have; `nil` leaves it to the platform.
    public var limit: Int64?

    public init(cursor: String, next: String, limit: Int64? = nil) {
      self.cursor = cursor
      self.next = next
      self.limit = limit
    }

    public var json: JSON {
      .members([
        "cursor": .string(cursor), "next": .string(next), "limit": limit.map { .integer($0) },
      ])
    }
  }

  public init(
    service: String, operation: String, permission: String, source: String,
    isRegional: Bool = false, pagination: Pagination? = nil
  ) {
    self.service = service
    self.operation = operation
    self.permission = permission
    self.source = source
    self.isRegional = isRegional
    self.pagination = pagination
  }

  /// As in evidence: `service:Operation`.
  public var name: String { "\(service):\(operation)" }

  public var json: JSON {
    .members([
      "service": .string(service), "operation": .string(operation),
      "permission": .string(permission), "source": .string(source), "regional": .bool(isRegional),
      "pagination": pagination?.json,
    ])
  }
}

/// What became of an operation that was considered: whether it is called, and if not, why not.
public struct OperationCoverage: Sendable, Equatable {
  public enum State: Sendable, Equatable {
    case called
    /// It obtains or checks credentials.
    case authentication
    /// The answer of another operation, which is called, has the same at a path.
    case coveredBy(operation: String, field: String)
    case exempt(reason: String)
  }

  /// As in evidence: `service:Operation`.
  public var operation: String
  public var state: State

  public init(_ operation: String, _ state: State) {
    self.operation = operation
    self.state = state
  }

  public var json: JSON {
    let (coverage, by, field, reason): (String, String?, String?, String?) =
      switch state {
      case .called: ("called", nil, nil, nil)
      case .authentication: ("authentication", nil, nil, nil)
      case .coveredBy(let operation, let field): ("coveredBy", operation, field, nil)
      case .exempt(let reason): ("exempt", nil, nil, reason)
      }
    return .members([
      "operation": .string(operation), "coverage": .string(coverage),
      "coveredBy": by.map { .string($0) }, "field": field.map { .string($0) },
      "reason": reason.map { .string($0) },
    ])
  }
}
