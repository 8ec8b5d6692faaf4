import Model
import Pipeline
import ServiceLifecycle
import Simulation
import Synchronization
import Testing

@Suite struct KernelTests {
  private static let start = Timestamp(milliseconds: 1_790_000_000_000)

  /// Runs one process to its end and returns what it wrote down.
  private func lines(
    seed: UInt64 = 1, _ body: @escaping @Sendable (ProcessContext, Notes) async throws -> Void
  ) -> (notes: [String], kernel: Kernel) {
    let kernel = Kernel(seed: seed, start: Self.start)
    let notes = Notes()
    kernel.add("process") { try await body($0, notes) }
    kernel.run { kernel.current("process") == nil }
    kernel.shutDown()
    return (notes.all, kernel)
  }

  @Test func everythingThatAProcessStartsStaysOnTheThread() {
    let (notes, kernel) = lines { context, notes in
      try await context.sleep(.seconds(1))
      notes.add("slept")
      let counter = Counter()
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<3 {
          group.addTask {
            try? await context.sleep(.milliseconds(3 - number))
            notes.add("child \(number)")
            await counter.add(notes)
          }
        }
      }
      let (numbers, continuation) = AsyncStream.makeStream(of: Int.self)
      async let sum = numbers.reduce(0, +)
      for number in 1...3 {
        continuation.yield(number)
        try await context.sleep(.milliseconds(1))
      }
      continuation.finish()
      notes.add("sum \(await sum)")
      let unstructured = Task {
        notes.add("unstructured")
        await counter.add(notes)
        return 7
      }
      notes.add("task \(await unstructured.value)")
    }
    #expect(
      notes == [
        "slept", "child 2", "count 1", "child 1", "count 2", "child 0", "count 3", "sum 6",
        "unstructured", "count 4", "task 7",
      ])
    #expect(kernel.problems == [])
    #expect(kernel.executor.foreignJobs == 0)
  }

  @Test func cancellationAndGracefulShutdownStayOnTheThread() {
    let kernel = Kernel(seed: 2, start: Self.start)
    let notes = Notes()
    kernel.add("process") { context in
      do {
        try await cancelWhenGracefulShutdown { try await context.sleep(.seconds(3600)) }
        notes.add("slept an hour")
      } catch is CancellationError {
        notes.add("stopped at \(context.now() - Self.start)")
      }
      await withTaskCancellationHandler {
        await withTaskGroup(of: Void.self) { group in
          group.addTask {
            do { try await context.sleep(.seconds(60)) } catch { notes.add("\(error)") }
          }
          group.cancelAll()
        }
      } onCancel: {
        notes.add("not cancelled itself")
      }
    }
    kernel.schedule(after: .seconds(5)) {
      if let life = kernel.current("process") { kernel.stop(life) }
    }
    kernel.run { kernel.current("process") == nil }
    kernel.shutDown()
    #expect(notes.all == ["stopped at 5.0 seconds", "CancellationError()"])
    #expect(kernel.problems == [])
  }

  @Test func aCrashedProcessHasNoEffectAnyMoreAndComesBack() {
    let kernel = Kernel(seed: 3, start: Self.start)
    let notes = Notes()
    kernel.add("process") { context in
      notes.add("start \(context.life)")
      while true {
        do {
          try await context.transaction("write") { notes.add("write of \(context.life)") }
        } catch let failure as SimulatedFailure where !failure.isRetriable {
          notes.add("unwinds \(context.life)")
          throw failure
        }
        try await context.sleep(.seconds(1))
      }
    }
    kernel.schedule(after: .milliseconds(2500)) {
      if let life = kernel.current("process") { kernel.crash(life) }
    }
    kernel.run { kernel.now - Self.start > .seconds(30) }
    kernel.shutDown()
    let firstOfSecondLife = notes.all.firstIndex(of: "start process#2")
    #expect(firstOfSecondLife != nil)
    #expect(notes.all.filter { $0 == "write of process#1" }.count == 3)
    #expect(
      notes.all[(firstOfSecondLife ?? 0)...].allSatisfy { !$0.hasSuffix("process#1") })
  }

  @Test func aStoppedProcessGoesOnWhereItWas() {
    let kernel = Kernel(seed: 4, start: Self.start)
    let notes = Notes()
    kernel.add("process") { context in
      for _ in 0..<4 {
        try await context.sleep(.seconds(1))
        notes.add("\((context.now() - Self.start).components.seconds)")
      }
    }
    kernel.schedule(after: .milliseconds(1500)) {
      kernel.current("process").map { kernel.pause($0) }
    }
    kernel.schedule(after: .milliseconds(9500)) {
      kernel.living.first.map { kernel.resume($0) }
    }
    kernel.run { notes.all.count == 4 }
    kernel.shutDown()
    #expect(notes.all == ["1", "9", "10", "11"])
  }

  @Test func plannedFaultsHitTheCallTheyName() {
    let (notes, kernel) = lines(seed: 5) { context, notes in
      for number in 1...4 {
        do {
          try await context.transaction("write") { notes.add("effect \(number)") }
          notes.add("done \(number)")
        } catch {
          notes.add("\(error)")
        }
      }
    }
    #expect(notes.filter { $0.hasPrefix("done") }.count == 4)
    let faulty = Kernel(seed: 5, start: Self.start)
    let seen = Notes()
    faulty.plan(.refused, of: CallPoint(process: "process", call: .transaction, number: 2))
    faulty.plan(.unanswered, of: CallPoint(process: "process", call: .transaction, number: 3))
    faulty.add("process") { context in
      for number in 1...4 {
        do {
          try await context.transaction("write") { seen.add("effect \(number)") }
          seen.add("done \(number)")
        } catch {
          seen.add("\(error)")
        }
      }
    }
    faulty.run { faulty.current("process") == nil }
    faulty.shutDown()
    #expect(
      seen.all == [
        "effect 1", "done 1", "simulated: transaction was refused", "effect 3",
        "simulated: transaction was not answered", "effect 4", "done 4",
      ])
    #expect(kernel.problems + faulty.problems == [])
  }
}

private actor Counter {
  private var count = 0

  func add(_ notes: Notes) {
    count += 1
    notes.add("count \(count)")
  }
}

/// What happened, in order.
final class Notes: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}
