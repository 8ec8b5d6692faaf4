internal import Model
internal import PostgresClient

extension PostgresEvaluationStore {
  /// The tenant's open assertions, by COPY: rows go into the graph as they arrive.
  nonisolated(nonsending) static func storage(
    _ transaction: PostgresTransaction
  ) async throws -> GraphStorage {
    var builder = GraphBuilder()
    try await transaction.copyOut(rows(nodeColumns, of: "nodes", "closed_epoch IS NULL")) {
      for row in $0 { try builder.add(NodeRow(row, &builder)) }
    }
    try await transaction.copyOut(rows(edgeColumns, of: "edges", "closed_epoch IS NULL")) {
      for row in $0 { try builder.add(EdgeRow(row, &builder)) }
    }
    return builder.finish()
  }

  /// The tenant's open assertions, from those of an earlier version and what was opened and closed
  /// since; `nil` where they do not fit together.
  nonisolated(nonsending) static func storage(
    revising graph: Graph, _ transaction: PostgresTransaction
  ) async throws -> GraphStorage? {
    let closed = "closed_version > \(graph.version) AND opened_version <= \(graph.version)"
    let opened = "opened_version > \(graph.version) AND closed_epoch IS NULL"
    guard var revision = GraphRevision(graph.storage) else { return nil }
    var fits = true
    try await transaction.copyOut(rows(nodeColumns, of: "nodes", closed)) {
      for row in $0 {
        let row = try NodeRow(row, &revision.builder)
        fits = revision.close(node: row.id, at: row.place) && fits
      }
    }
    try await transaction.copyOut(rows(edgeColumns, of: "edges", closed)) {
      for row in $0 {
        let row = try EdgeRow(row, &revision.builder)
        fits = revision.close(edge: row.key, at: row.place) && fits
      }
    }
    try await transaction.copyOut(rows(nodeColumns, of: "nodes", opened)) {
      for row in $0 {
        let row = try NodeRow(row, &revision.builder)
        fits = revision.mayOpen(node: row.id, at: row.place) && fits
        try revision.builder.add(row)
      }
    }
    try await transaction.copyOut(rows(edgeColumns, of: "edges", opened)) {
      for row in $0 {
        let row = try EdgeRow(row, &revision.builder)
        fits = revision.mayOpen(edge: row.key, at: row.place) && fits
        try revision.builder.add(row)
      }
    }
    return fits ? revision.finish() : nil
  }

  private static let record =
    "scope, collection, object, receipt_sha256, receipt_run, receipt_call::int8"
  private static let nodeColumns = "\(record), id, kind, type, name, defines, state"
  private static let edgeColumns = "\(record), from_id, kind, to_id, discriminator, basis, state"

  private static func rows(_ columns: String, of table: String, _ condition: String) -> String {
    """
    SELECT \(columns) FROM sv0.\(table)
    WHERE tenant = current_setting('sv0.tenant') AND \(condition)
    """
  }
}

/// A row of `nodes`, its texts by number.
private struct NodeRow {
  let id: UInt32
  let kind: NodeKind
  let type: UInt32
  let label: UInt32
  let defines: [UInt32]
  let state: UInt32
  let source: RowSource

  var place: GraphRevision.Place { source.place }

  init(_ row: PostgresRow, _ builder: inout GraphBuilder) throws {
    source = try RowSource(row, &builder)
    id = try builder.text(row, 6)
    guard let kind = NodeKind(rawValue: try row.string(7)),
      let state = try builder.state(row, 11)
    else { throw EvaluationError.unknownKind(of: try row.string(6)) }
    self.kind = kind
    self.state = state
    type = try builder.text(row, 8)
    label = try builder.text(row, 9)
    defines = try row.strings(10).map { builder.strings.number(of: $0) }
  }
}

/// A row of `edges`, its texts by number.
private struct EdgeRow {
  let key: GraphRevision.EdgeTexts
  let basis: Basis
  let state: UInt32
  let source: RowSource

  var place: GraphRevision.Place { source.place }

  init(_ row: PostgresRow, _ builder: inout GraphBuilder) throws {
    source = try RowSource(row, &builder)
    guard let kind = EdgeKind(rawValue: try row.string(7)),
      let basis = Basis(rawValue: try row.string(10)), let state = try builder.state(row, 11)
    else { throw EvaluationError.unknownKind(of: try row.string(6)) }
    self.basis = basis
    self.state = state
    key = GraphRevision.EdgeTexts(
      kind: kind, from: try builder.text(row, 6), to: try builder.text(row, 8),
      discriminator: try builder.text(row, 9))
  }
}

/// Which record a row comes from.
private struct RowSource {
  let place: GraphRevision.Place
  let sha256: UInt32
  let run: UInt32
  let call: Int64

  init(_ row: PostgresRow, _ builder: inout GraphBuilder) throws {
    let (scope, collection) = (try builder.text(row, 0), try builder.text(row, 1))
    place = GraphRevision.Place(
      scope: scope, collection: collection, object: try builder.text(row, 2))
    sha256 = try builder.text(row, 3)
    run = try builder.text(row, 4)
    call = try row.int64(5)
  }
}

extension GraphBuilder {
  fileprivate mutating func add(_ row: NodeRow) throws {
    add(
      node: row.id, row.kind, type: row.type, label: row.label, defines: row.defines,
      state: row.state, observed: noFacts, record: record(row.source))
  }

  fileprivate mutating func add(_ row: EdgeRow) throws {
    add(
      edge: row.key.kind, from: row.key.from, to: row.key.to,
      discriminator: row.key.discriminator, row.basis, state: row.state,
      record: record(row.source))
  }

  private mutating func record(_ source: RowSource) -> UInt32 {
    record(
      scope: source.place.scope, collection: source.place.collection,
      object: source.place.object, sha256: source.sha256, run: source.run, call: source.call)
  }

  fileprivate mutating func text(_ row: PostgresRow, _ column: Int) throws -> UInt32 {
    try row.withBytes(column) { strings.number(of: $0) }
  }

  fileprivate mutating func state(_ row: PostgresRow, _ column: Int) throws -> UInt32? {
    try row.withBytes(column) { state($0) }
  }
}
