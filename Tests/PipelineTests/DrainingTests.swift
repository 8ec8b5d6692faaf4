import Logging
import Model
import Pipeline
import PipelineTesting
import ServiceLifecycle
import ServiceLifecycleTestKit
import Synchronization
import Testing

@Suite struct DrainingTests {
  private func endless() async throws -> Int {
    try await Task.sleep(for: .seconds(3600))
    return 0
  }

  @Test func whatEndsBeforeTheDrainGivesItsValue() async throws {
    #expect(try await cancelledByDraining { 7 } == 7)
    await #expect(throws: Bug.self) { try await cancelledByDraining { throw Bug() } }
  }

  @Test func drainingCancelsWhatLasts() async throws {
    await testGracefulShutdown { trigger in
      await withTaskGroup(of: Void.self) { group in
        let begun = Mutex(false)
        group.addTask {
          await #expect(throws: CancellationError.self) {
            try await cancelledByDraining {
              begun.withLock { $0 = true }
              return try await endless()
            }
          }
        }
        #expect(await eventually { begun.withLock { $0 } })
        trigger.triggerGracefulShutdown()
      }
      // And what begins later.
      await #expect(throws: CancellationError.self) { try await cancelledByDraining(endless) }
    }
  }

  /// As an event that arrives while the loop is told to drain.
  @Test func whatWasFinishedAllTheSameIsNotLost() async throws {
    try await testGracefulShutdown { trigger in
      let value = try await cancelledByDraining {
        trigger.triggerGracefulShutdown()
        return 7
      }
      #expect(value == 7)
    }
  }

  @Test func cancellingTheTaskCancelsToo() async {
    let task = Task { try await cancelledByDraining(endless) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    let waiting = Task { await untilDraining() }
    waiting.cancel()
    await waiting.value
  }
}

@Suite struct PeriodicLoopTests {
  private func run(
    until condition: @escaping @Sendable () -> Bool, sleep: @escaping Sleep,
    body: @escaping @Sendable () async throws -> Bool
  ) async throws {
    let loop = PeriodicLoop(
      name: "test", interval: .seconds(30), health: Health(now: { Timestamp(milliseconds: 0) }),
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), sleep: sleep,
      body: body)
    try await testGracefulShutdown { trigger in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await loop.run() }
        #expect(await eventually(condition))
        trigger.triggerGracefulShutdown()
        try await group.waitForAll()
      }
    }
  }

  @Test func itTurnsAtOnceWhileThereIsMoreAndThenAtItsInterval() async throws {
    let turns = Mutex<[Timestamp]>([])
    let clock = ManualClock()
    let start = clock.now
    try await run(until: { turns.withLock { $0.count } >= 5 }, sleep: clock.sleep) {
      turns.withLock { turns in
        turns.append(clock.now)
        return turns.count < 3
      }
    }
    let first = turns.withLock { Array($0.prefix(5)) }
    #expect(first == [0, 0, 0, 30, 60].map { start + .seconds($0) })
  }

  @Test func aFailureThatMayPassIsRepeatedAndAnotherEndsTheLoop() async throws {
    let tries = Mutex(0)
    let clock = ManualClock()
    await #expect(throws: Bug.self) {
      try await run(until: { tries.withLock { $0 } >= 3 }, sleep: clock.sleep) {
        let count = tries.withLock { tries in
          tries += 1
          return tries
        }
        if count < 3 { throw Passing() }
        throw Bug()
      }
    }
    #expect(tries.withLock { $0 } == 3)
  }
}
