internal import CPostgres

extension Connection {
  /// Sends all statements at once and reads their results in order, in one round trip.
  ///
  /// - Throws: The first failed statement's error with its index; the rest did not run then.
  nonisolated(nonsending) func runPipeline(
    _ statements: [PostgresStatement]
  ) async throws -> [PostgresResult] {
    guard !statements.isEmpty else { return [] }
    guard PQenterPipelineMode(pointer) == 1 else { throw lost() }
    do {
      for statement in statements { try send(statement) }
    } catch {
      // Half a pipeline is queued and cannot be taken back.
      abandon()
      throw error
    }
    guard PQpipelineSync(pointer) == 1 else { throw lost() }
    try await flush()
    var results: [PostgresResult] = []
    results.reserveCapacity(statements.count)
    var failure: PostgresError?
    for index in statements.indices {
      while let result = try await nextResult() {
        switch result.status {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
          results.append(PostgresResult(result))
        case PGRES_PIPELINE_ABORTED: break
        default:
          guard failure == nil else { break }
          failure = error(of: result)
          failure?.statementIndex = index
        }
        if isBroken { break }
      }
      if isBroken { throw failure ?? lost() }
    }
    try await leavePipeline()
    if let failure { throw failure }
    return results
  }

  private nonisolated(nonsending) func leavePipeline() async throws {
    guard let end = try await nextResult(), end.status == PGRES_PIPELINE_SYNC,
      PQexitPipelineMode(pointer) == 1
    else { throw lost() }
  }
}
