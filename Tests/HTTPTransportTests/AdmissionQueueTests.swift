import Testing

@testable import HTTPTransport

@Suite struct AdmissionQueueTests {
  /// Enqueues the ids and says which had room.
  private func enqueue(
    _ ids: ClosedRange<UInt64>, _ origin: String, in queue: inout AdmissionQueue
  ) -> [UInt64] {
    ids.filter { queue.enqueue(AdmissionQueue.Entry(id: $0, origin: origin)) }
  }

  /// Starts all that may run.
  private func start(_ queue: inout AdmissionQueue) -> [UInt64] {
    var ids: [UInt64] = []
    while let entry = queue.startNext() { ids.append(entry.id) }
    return ids
  }

  @Test func startsInOrderWithinTheLimits() {
    var queue = AdmissionQueue(maximum: 3, maximumPerOrigin: 2, maximumWaiting: 10)
    let accepted = enqueue(1...4, "a", in: &queue) + enqueue(5...6, "b", in: &queue)
    #expect(accepted == [1, 2, 3, 4, 5, 6])
    var started = start(&queue)
    #expect(started == [1, 2, 5], "a is full, so b goes ahead; then the total is reached")
    queue.finish(origin: "a")
    started = start(&queue)
    #expect(started == [3])
    queue.finish(origin: "b")
    started = start(&queue)
    #expect(started == [6])
  }

  @Test func fullQueueRefusesAndWithdrawalMakesRoom() {
    var queue = AdmissionQueue(maximum: 1, maximumPerOrigin: 1, maximumWaiting: 1)
    var accepted = enqueue(1...1, "a", in: &queue)
    let started = start(&queue)
    accepted += enqueue(2...3, "a", in: &queue)
    #expect(accepted == [1, 2])
    #expect(started == [1])
    let withdrawn = [queue.withdraw(2), queue.withdraw(2)]
    #expect(withdrawn == [true, false])
    accepted = enqueue(3...3, "a", in: &queue)
    #expect(accepted == [3])
  }

  @Test func queueOfLengthZeroStillRuns() {
    var queue = AdmissionQueue(maximum: 1, maximumPerOrigin: 1, maximumWaiting: 0)
    let accepted = enqueue(1...2, "a", in: &queue)
    let started = start(&queue)
    let late = enqueue(3...3, "a", in: &queue)
    #expect(accepted == [1])
    #expect(started == [1])
    #expect(late == [])
  }
}
