internal import Model
internal import PostgresClient
internal import Schema

extension PostgresEvaluationStore {
  /// By subject, the digest of its open paths: `SubjectPaths.digest`, made where they are.
  nonisolated(nonsending) static func pathDigests(
    _ transaction: PostgresTransaction, _ tenant: String
  ) async throws -> [String: [UInt8]] {
    let rows = try await transaction.query(
      """
      SELECT subject, sha256(string_agg(digest, ''::bytea ORDER BY digest))
      FROM sv0.authority_paths WHERE tenant = $1 AND closed_version IS NULL GROUP BY subject
      """, [.text(tenant)])
    return Dictionary(uniqueKeysWithValues: try rows.map { (try $0.string(0), try $0.bytes(1)) })
  }

  /// Closes what the subjects no longer have, and opens what they did not have as it is.
  ///
  /// Both halves see the rows as they were before. What goes on by another path, at another strength,
  /// is reached since when it was.
  nonisolated(nonsending) static func write(
    _ changes: [SubjectPaths], of result: EvaluationResult, _ transaction: PostgresTransaction
  ) async throws {
    let rows = changes.flatMap { change in change.paths.map { (change.subject, $0) } }
    try await transaction.execute(
      """
      WITH path AS (
        SELECT * FROM unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
          $10::text[], $11::text[], $12::bytea[])
        AS path (subject, target, level, strength, via, cause, hops, digest)
      ), closed AS (
        UPDATE sv0.authority_paths p SET closed_version = $2, closed_at = $3
        WHERE p.tenant = $1 AND p.subject = ANY($4) AND p.closed_version IS NULL
          AND NOT EXISTS (
            SELECT FROM path WHERE (path.subject, path.target, path.level, path.digest)
              = (p.subject, p.target, p.level, p.digest))
        RETURNING p.subject, p.target, p.level, p.reached_since
      )
      INSERT INTO sv0.authority_paths (tenant, subject, target, level, strength, via, cause, hops,
        digest, reached_since, opened_version, opened_at)
      SELECT $1, subject, target, level, strength, via, cause, hops::json, digest,
        coalesce(closed.reached_since, $3), $2, $3
      FROM path LEFT JOIN closed USING (subject, target, level)
      WHERE NOT EXISTS (
        SELECT FROM sv0.authority_paths p
        WHERE p.tenant = $1 AND p.closed_version IS NULL
          AND (path.subject, path.target, path.level, path.digest)
            = (p.subject, p.target, p.level, p.digest))
      """,
      [
        .text(result.clock.tenant), .int8(result.clock.graphVersion), .timestamp(result.at),
        .texts(changes.map(\.subject)), .texts(rows.map(\.0)), .texts(rows.map(\.1.target)),
        .texts(rows.map(\.1.level)), .texts(rows.map(\.1.strength.rawValue)),
        .texts(rows.map(\.1.via)), .texts(rows.map(\.1.cause)), .texts(rows.map(\.1.hops)),
        .byteas(rows.map(\.1.digest)),
      ])
  }
}

extension Array<SubjectPaths> {
  /// Subjects of so many paths together, or one that has more.
  func batches(ofRows limit: Int) -> [[SubjectPaths]] {
    var batches: [[SubjectPaths]] = []
    var room = 0
    for subject in self {
      // Closing is work, too.
      let size = Swift.max(1, subject.paths.count)
      if size > room || batches.isEmpty {
        batches.append([])
        room = limit
      }
      batches[batches.count - 1].append(subject)
      room -= size
    }
    return batches
  }
}
