internal import Model
internal import PostgresClient

extension PostgresEvaluationStore {
  /// The tenant's open assertions, by COPY: rows go into the graph as they arrive.
  nonisolated(nonsending) static func storage(
    _ transaction: PostgresTransaction
  ) async throws -> GraphStorage {
    var builder = GraphBuilder()
    try await transaction.copyOut(
      """
      SELECT \(record), id, kind, type, name, defines, state FROM sv0.nodes
      WHERE tenant = current_setting('sv0.tenant') AND closed_epoch IS NULL
      """
    ) { rows in
      for row in rows { try builder.add(node: row) }
    }
    try await transaction.copyOut(
      """
      SELECT \(record), from_id, kind, to_id, discriminator, basis, state FROM sv0.edges
      WHERE tenant = current_setting('sv0.tenant') AND closed_epoch IS NULL
      """
    ) { rows in
      for row in rows { try builder.add(edge: row) }
    }
    return builder.finish()
  }

  private static let record =
    "scope, collection, object, receipt_sha256, receipt_run, receipt_call::int8"
}

extension GraphBuilder {
  fileprivate mutating func add(node row: PostgresRow) throws {
    guard let kind = NodeKind(rawValue: try row.string(7)), let state = try state(row, 11) else {
      throw EvaluationError.unknownKind(of: try row.string(6))
    }
    let defines = try row.strings(10).map { strings.number(of: $0) }
    add(
      node: try text(row, 6), kind, type: try text(row, 8), label: try text(row, 9),
      defines: defines, state: state, observed: noFacts, record: try record(row))
  }

  fileprivate mutating func add(edge row: PostgresRow) throws {
    guard let kind = EdgeKind(rawValue: try row.string(7)),
      let basis = Basis(rawValue: try row.string(10)), let state = try state(row, 11)
    else { throw EvaluationError.unknownKind(of: try row.string(6)) }
    add(
      edge: kind, from: try text(row, 6), to: try text(row, 8),
      discriminator: try text(row, 9), basis, state: state, record: try record(row))
  }

  private mutating func record(_ row: PostgresRow) throws -> UInt32 {
    record(
      scope: try text(row, 0), collection: try text(row, 1), object: try text(row, 2),
      sha256: try text(row, 3), run: try text(row, 4), call: try row.int64(5))
  }

  private mutating func text(_ row: PostgresRow, _ column: Int) throws -> UInt32 {
    try row.withBytes(column) { strings.number(of: $0) }
  }

  private mutating func state(_ row: PostgresRow, _ column: Int) throws -> UInt32? {
    try row.withBytes(column) { state($0) }
  }
}
