public import Model

/// A raw record as the transformer sees it.
public struct RawRecord: Sendable {
  public var scope: Scope
  public var collection: String
  /// The object key, unique within the collection.
  public var key: String
  /// The published JSON, after redaction.
  public var bytes: [UInt8]

  public init(scope: Scope, collection: String, key: String, bytes: [UInt8]) {
    self.scope = scope
    self.collection = collection
    self.key = key
    self.bytes = bytes
  }
}

/// What one record asserts: a fragment without the receipt, which the transformer adds.
public struct Assertions: Sendable, Equatable {
  public var nodes: [Node]
  public var edges: [Edge]
  public var documents: [PolicyDocument]
  public var activity: [Activity]
  /// The record of a delta says that its object is gone.
  public var isRemoval: Bool

  public init(
    nodes: [Node] = [], edges: [Edge] = [], documents: [PolicyDocument] = [],
    activity: [Activity] = [], isRemoval: Bool = false
  ) {
    self.nodes = nodes
    self.edges = edges
    self.documents = documents
    self.activity = activity
    self.isRemoval = isRemoval
  }
}

/// Turns a platform's records into assertions: pure, without I/O, clock or state.
public protocol Normalizer: Sendable {
  /// Reads one record; an object that is no part of the graph gives empty assertions.
  ///
  /// - Throws: anything, where the record cannot be understood: it becomes a dead letter and a
  ///   tainted fragment. The error's text must name the path, never a value.
  func assertions(of record: RawRecord) throws -> Assertions
}
