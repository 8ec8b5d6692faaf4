internal import CPostgres

extension Connection {
  /// Stops the running statement after its task was cancelled, and reads its end.
  ///
  /// Only a statement that ended with 57014 leaves the connection in use: otherwise the cancel
  /// request may still be on its way and would hit the next statement.
  nonisolated(nonsending) func cancelRunning() async {
    guard !isBroken, transactionStatus == PQTRANS_ACTIVE else { return }
    await requestCancel()
    guard PQpipelineStatus(pointer) == PQ_PIPELINE_OFF else { return abandon() }
    patience = .seconds(5)
    let wasCancelled = (try? await drain()) ?? false
    if !wasCancelled { abandon() }
  }

  /// Tells the server that the rows of a COPY are not to be stored, and reads its end.
  nonisolated(nonsending) func abortCopyIn() async {
    guard !isBroken, transactionStatus == PQTRANS_ACTIVE else { return }
    patience = .seconds(5)
    do { _ = try await drain() } catch {
      await requestCancel()
      abandon()
    }
  }

  /// Reads the rest of a statement whatever it is; whether the server stopped it with 57014.
  private nonisolated(nonsending) func drain() async throws -> Bool {
    var wasCancelled = false
    while let result = try await nextResult(cancellable: false) {
      switch result.status {
      case PGRES_COPY_IN:
        guard PQputCopyEnd(pointer, "the client stopped") == 1 else { throw lost() }
        try await flush(cancellable: false)
      case PGRES_COPY_OUT:
        while try await nextCopyMessage(cancellable: false, { _ in }) {}
      case PGRES_FATAL_ERROR:
        if error(of: result).sqlState == .queryCanceled { wasCancelled = true }
      default: break
      }
    }
    if isBroken { throw lost() }
    return wasCancelled
  }

  /// `PQcancel` opens a connection and blocks, so it has a thread of its own.
  private nonisolated(nonsending) func requestCancel() async {
    let request = CancelRequest(pointer: PQgetCancel(pointer))
    try? await onOwnThread { request.send() }
  }
}

/// `@unchecked Sendable`: libpq documents `PQcancel` as safe to call from any thread.
private struct CancelRequest: @unchecked Sendable {
  let pointer: OpaquePointer?

  func send() {
    var reason = [CChar](repeating: 0, count: 256)
    if let pointer {
      PQcancel(pointer, &reason, Int32(reason.count))
      PQfreeCancel(pointer)
    }
  }
}
