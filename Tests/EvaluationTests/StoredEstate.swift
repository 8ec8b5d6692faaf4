import JSONReader
import Model
import PostgresClient

@testable import Evaluation

extension Estate {
  /// Writes it as open rows, with one applied run.
  func store(in pool: PostgresPool, as tenant: String = "acme") async throws {
    let tenant = PostgresValue.text(tenant)
    try await pool.withTransaction { transaction in
      try await transaction.execute(
        """
        INSERT INTO sv0.tenants (tenant, graph_version, first_changed_at, last_changed_at)
        VALUES ($1, 7, $2, $2)
        """, [tenant, .timestamp(Self.now)])
      try await transaction.execute(
        """
        INSERT INTO sv0.runs (tenant, run, scan, scope, epoch, priority, state, graph_version,
          requested_at, allocated_at, changed_at)
        VALUES ($1, 'RUN', 'SCAN', $2, 1, 1, 'applied', 7, $3, $3, $3)
        """, [tenant, .text(Self.scope), .timestamp(Self.now)])
      for node in nodes { try await insert(node, 7, tenant, transaction) }
      for edge in edges { try await insert(edge, 7, tenant, transaction) }
      try await insertDocuments(tenant, transaction)
      for (position, owner) in owners.enumerated() {
        try await transaction.execute(
          "INSERT INTO sv0.owners VALUES ($1, $2, $3, $4, $5, $6)",
          [
            tenant, .int8(Int64(position)), .texts(owner.names), .text(owner.status.rawValue),
            .text(owner.until), .timestamp(Self.now),
          ])
      }
      for (list, body) in calls {
        try await transaction.execute(
          "INSERT INTO sv0.calls VALUES ($1, $2, $3, 1, $4)",
          [tenant, .text(list.run), .text(list.collection), .json(body)])
      }
      for (key, status) in collections {
        try await transaction.execute(
          """
          INSERT INTO sv0.collections (tenant, scope, collection, outcome, outcome_epoch,
            outcome_at, missing, applied_run, completed_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
          """,
          [
            tenant, .text(key.scope), .text(key.collection), .text(status.outcome.rawValue),
            .int8(status.epoch), .timestamp(status.at), .texts(status.missing),
            .text(status.appliedRun), .timestamp(status.completedAt),
          ])
      }
    }
  }

  /// Writes what an estate that is stored does not say, or says otherwise, as one more version.
  func store(after earlier: Estate, in pool: PostgresPool) async throws {
    let tenant = PostgresValue.text("acme")
    try await pool.withTransaction { transaction in
      let version = try await transaction.query(
        """
        UPDATE sv0.tenants SET graph_version = graph_version + 1 WHERE tenant = $1
        RETURNING graph_version
        """, [tenant])[0].int64(0)
      let (old, own) = (Set(earlier.nodes), Set(nodes))
      for node in old.subtracting(own) {
        try await close("nodes", "id = $4", node, [.text(node.value.id)], version, transaction)
      }
      for node in own.subtracting(old) { try await insert(node, version, tenant, transaction) }
      let (oldEdges, ownEdges) = (Set(earlier.edges), Set(edges))
      for edge in oldEdges.subtracting(ownEdges) {
        try await close(
          "edges", "(kind, from_id, to_id, discriminator) = ($4, $5, $6, $7)", edge,
          key(edge.value.key), version, transaction)
      }
      for edge in ownEdges.subtracting(oldEdges) {
        try await insert(edge, version, tenant, transaction)
      }
      try await insertDocuments(tenant, transaction)
    }
  }

  private func close<Value>(
    _ table: String, _ condition: String, _ assertion: Asserted<Value>, _ key: [PostgresValue],
    _ version: Int64, _ transaction: PostgresTransaction
  ) async throws {
    let source = assertion.provenance
    try await transaction.execute(
      """
      UPDATE sv0.\(table) SET closed_epoch = 2, closed_at = now(), closed_version = \(version)
      WHERE tenant = 'acme' AND (scope, collection, object) = ($1, $2, $3) AND \(condition)
        AND closed_epoch IS NULL
      """,
      [.text(source.collection.scope), .text(source.collection.collection), .text(source.object)]
        + key)
  }

  private func insertDocuments(
    _ tenant: PostgresValue, _ transaction: PostgresTransaction
  ) async throws {
    for (digest, body) in documents {
      try await transaction.execute(
        "INSERT INTO sv0.documents VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [tenant, .text(digest), .json(body)])
    }
  }

  private func insert(
    _ node: Asserted<Node>, _ version: Int64, _ tenant: PostgresValue,
    _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO sv0.nodes (\(Self.columns), id, kind, type, name, defines, state)
      VALUES (\(Self.source), $9, $10, $11, $12, $13, $14)
      """,
      [tenant, .int8(version)] + source(node.provenance) + [
        .text(node.value.id), .text(node.value.kind.rawValue), .text(node.value.type),
        .text(node.value.name), .texts(node.value.defines),
        .json(JSON.object(node.value.state).bytes),
      ])
  }

  private func insert(
    _ edge: Asserted<Edge>, _ version: Int64, _ tenant: PostgresValue,
    _ transaction: PostgresTransaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO sv0.edges (\(Self.columns), kind, from_id, to_id, discriminator, basis, state)
      VALUES (\(Self.source), $9, $10, $11, $12, $13, $14)
      """,
      [tenant, .int8(version)] + source(edge.provenance) + key(edge.value.key) + [
        .text(edge.value.basis.rawValue), .json(JSON.object(edge.value.state).bytes),
      ])
  }

  private static let columns = """
    tenant, opened_version, scope, collection, object, receipt_sha256, receipt_run, receipt_call,
    receipt_partition, receipt_offset, opened_epoch, opened_at, hash
    """
  private static let source = "$1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 1, now(), ''"

  private func source(_ provenance: Provenance) -> [PostgresValue] {
    [
      .text(provenance.collection.scope), .text(provenance.collection.collection),
      .text(provenance.object), .text(provenance.sha256), .text(provenance.run),
      .int4(Int32(provenance.call)),
    ]
  }

  private func key(_ key: EdgeKey) -> [PostgresValue] {
    [.text(key.kind.rawValue), .text(key.from), .text(key.to), .text(key.discriminator)]
  }
}
