internal import JSONReader
public import Model
public import PostgresClient

extension ConnectionDocument {
  /// Stores the connection, in the place of the one of that name; scans that are queued use it too.
  /// What it says, since when and by whom, stays on record in `sv0.connection_versions`.
  ///
  /// - Throws: `SchedulingError`.
  public func store(in pool: PostgresPool, at now: Timestamp, by person: String) async throws {
    try await PostgresQueueStore(pool: pool, person: person).store(self, at: now)
  }

  /// Reads what `store` wrote.
  ///
  /// - Throws: `Refusal` when it was written by a version that accepted other things.
  init(stored text: String, of name: String) throws(Refusal) {
    do {
      self = try ConnectionDocument(JSON(JSONDocument(parsing: Array(text.utf8)).root))
    } catch {
      throw Refusal(
        "the stored connection \(name) cannot be used by this version; apply its file again "
          + "(sv0 connection apply)")
    }
  }
}
