internal import JSONReader
internal import Model

/// Takes assertions in any order, and makes a graph of them.
struct GraphBuilder {
  var strings: StringTable
  private(set) var records: [GraphStorage.Record] = []
  private(set) var collections: [CollectionKey] = []
  private(set) var types: [String] = []
  var nodes: [GraphStorage.NodeAssertion] = []
  var edges: [GraphStorage.EdgeAssertion] = []
  var defined: [UInt32] = []
  var recordNumbers: [GraphStorage.Record: UInt32] = [:]
  /// By the texts of scope and collection.
  private var collectionNumbers: [UInt64: UInt32] = [:]
  private var typeNumbers: [UInt32: UInt32] = [:]

  /// `nil` where everything is being read.
  let readTextCount: Int?

  init() {
    strings = StringTable()
    readTextCount = nil
  }

  /// Begins with the texts of a graph.
  init(revising storage: GraphStorage) {
    strings = storage.strings
    readTextCount = storage.readTextCount
  }

  mutating func add(_ node: Asserted<Node>) {
    let value = node.value
    add(
      node: strings.number(of: value.id), value.kind, type: strings.number(of: value.type),
      label: strings.number(of: value.name),
      defines: value.defines.map { strings.number(of: $0) }, state: number(of: value.state),
      observed: number(of: value.observed.mapValues { .string($0) }),
      record: record(node.provenance))
  }

  mutating func add(_ edge: Asserted<Edge>) {
    let key = edge.value.key
    add(
      edge: key.kind, from: strings.number(of: key.from), to: strings.number(of: key.to),
      discriminator: strings.number(of: key.discriminator), edge.value.basis,
      state: number(of: edge.value.state), record: record(edge.provenance))
  }

  /// All numbers but the record's are texts.
  mutating func add(
    node id: UInt32, _ kind: NodeKind, type: UInt32, label: UInt32, defines: [UInt32],
    state: UInt32, observed: UInt32, record: UInt32
  ) {
    nodes.append(
      GraphStorage.NodeAssertion(
        record: record, id: id, type: number(ofType: type), label: label, state: state,
        observed: observed, defines: UInt32(defined.count),
        defineCount: UInt32(defines.count), kind: kind))
    defined += defines
  }

  /// All numbers but the record's are texts.
  mutating func add(
    edge kind: EdgeKind, from: UInt32, to: UInt32, discriminator: UInt32, _ basis: Basis,
    state: UInt32, record: UInt32
  ) {
    edges.append(
      GraphStorage.EdgeAssertion(
        record: record, from: from, to: to, discriminator: discriminator, state: state,
        kind: kind.order, basis: basis))
  }

  private mutating func record(_ source: Provenance) -> UInt32 {
    record(
      scope: strings.number(of: source.collection.scope),
      collection: strings.number(of: source.collection.collection),
      object: strings.number(of: source.object), sha256: strings.number(of: source.sha256),
      run: strings.number(of: source.run), call: source.call)
  }

  /// A record; all but the call are texts.
  mutating func record(
    scope: UInt32, collection: UInt32, object: UInt32, sha256: UInt32, run: UInt32, call: Int64
  ) -> UInt32 {
    number(
      of: GraphStorage.Record(
        collection: self.collection(scope, collection), object: object, sha256: sha256, run: run,
        call: call))
  }

  /// A record of another graph with the same texts.
  mutating func record(_ other: GraphStorage.Record, of collections: [CollectionKey]) -> UInt32 {
    let key = collections[Int(other.collection)]
    var record = other
    record.collection = collection(
      strings.number(of: key.scope), strings.number(of: key.collection))
    return number(of: record)
  }

  private mutating func number(of record: GraphStorage.Record) -> UInt32 {
    if let known = recordNumbers[record] { return known }
    records.append(record)
    recordNumbers[record] = UInt32(records.count - 1)
    return UInt32(records.count - 1)
  }

  /// A JSON object as it is stored; `nil` for anything else.
  mutating func state(_ text: Span<UInt8>) -> UInt32? {
    let known = strings.count
    let number = strings.number(of: text)
    // A text that was met before was looked at then, or is something else's and no object.
    guard strings.count > known || text.isEmpty || text[0] != UInt8(ascii: "{") else {
      return number
    }
    guard let document = try? JSONDocument(parsing: Array(strings.slice(number))),
      document.root.kind == .object
    else { return nil }
    return number
  }

  /// The text of an object without members.
  var noFacts: UInt32 { mutating get { number(of: [:]) } }

  private mutating func number(of state: [String: JSON]) -> UInt32 {
    strings.number(of: JSON.object(state).bytes.span)
  }

  /// A collection, by the texts of its key.
  private mutating func collection(_ scope: UInt32, _ collection: UInt32) -> UInt32 {
    let key = UInt64(scope) << 32 | UInt64(collection)
    if let known = collectionNumbers[key] { return known }
    collections.append(CollectionKey(scope: strings[scope], collection: strings[collection]))
    collectionNumbers[key] = UInt32(collections.count - 1)
    return UInt32(collections.count - 1)
  }

  private mutating func number(ofType text: UInt32) -> UInt32 {
    if let known = typeNumbers[text] { return known }
    types.append(strings[text])
    typeNumbers[text] = UInt32(types.count - 1)
    return UInt32(types.count - 1)
  }
}
