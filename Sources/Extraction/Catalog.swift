public import Model

/// Every read that a connector can make: the list a customer grants permissions by.
public struct Catalog: Sendable, Equatable {
  public var collections: [CollectionDescription]
  /// Calls that obtain or check credentials; they feed no collection.
  public var authentication: [OperationDescription]

  public init(
    collections: [CollectionDescription], authentication: [OperationDescription] = []
  ) {
    self.collections = collections
    self.authentication = authentication
  }

  /// The operations as they appear in evidence (`iam:ListUsers`).
  public var operations: Set<String> {
    Set((collections.flatMap(\.operations) + authentication).map(\.name))
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

  public init(
    name: String, isRegional: Bool = false, kind: CollectionKind = .full,
    operations: [OperationDescription], group: String? = nil, redaction: String? = nil
  ) {
    self.name = name
    self.isRegional = isRegional
    self.kind = kind
    self.operations = operations
    self.group = group
    self.redaction = redaction
  }

  public var json: JSON {
    .members([
      "collection": .string(name), "regional": .bool(isRegional), "kind": .string(kind.rawValue),
      "operations": .array(operations.map(\.json)), "group": group.map { .string($0) },
      "redaction": redaction.map { .string($0) },
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

  public init(service: String, operation: String, permission: String, source: String) {
    self.service = service
    self.operation = operation
    self.permission = permission
    self.source = source
  }

  /// As in evidence: `service:Operation`.
  public var name: String { "\(service):\(operation)" }

  public var json: JSON {
    [
      "service": .string(service), "operation": .string(operation),
      "permission": .string(permission), "source": .string(source),
    ]
  }
}
