import Testing

@testable import PostgresClient

@Suite struct PoolStateTests {
  @Test func waitersAreServedInOrderAndNobodyOvertakes() {
    var state = PoolState<Int, String>(limit: 1, waiterLimit: 3)
    guard case .granted(.open) = state.acquire(1, "a") else { return failed("a opens") }
    for (id, name) in [(2, "b"), (3, "c"), (4, "d")] as [(UInt64, String)] {
      guard case .wait = state.acquire(id, name) else { return failed("\(name) waits") }
    }
    guard case .refused = state.acquire(5, "e") else { return failed("the line is full") }
    #expect(state.cancel(3) == "c")
    #expect(state.cancel(3) == nil)
    guard case .resume("b", .use(7)) = state.release(7) else { return failed("b gets it") }
    guard case .wait = state.acquire(6, "f") else { return failed("f does not overtake") }
    guard case .resume("d", .open) = state.release(nil) else { return failed("d opens anew") }
    guard case .resume("f", .use(8)) = state.release(8) else { return failed("f gets it") }
    guard case .kept = state.release(8) else { return failed("idle") }
    guard case .granted(.use(8)) = state.acquire(7, "g") else { return failed("reused") }
  }

  @Test func closingRefusesWaitersAndClosesWhatComesBack() {
    var state = PoolState<Int, String>(limit: 2, waiterLimit: 3)
    _ = state.acquire(1, "a")
    _ = state.acquire(2, "b")
    _ = state.acquire(3, "c")
    let closed = state.close()
    #expect(closed.waiters == ["c"])
    guard case .close = state.release(7) else { return failed("closed") }
    guard case .refused = state.acquire(4, "d") else { return failed("refused") }
  }

  private func failed(_ comment: Comment) {
    Issue.record(comment)
  }
}
