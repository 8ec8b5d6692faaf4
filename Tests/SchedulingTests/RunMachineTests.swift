import Model
import Scheduling
import Testing

@Suite("The life of a run")
struct RunMachineTests {
  private let limits = SchedulingLimits(lease: .seconds(60), attempts: 3, apply: .seconds(600))
  private let start = Timestamp(milliseconds: 1_795_255_200_000)

  private func progress(
    _ attempt: Int, _ phase: Progress.Phase, records: Int64 = 0
  ) -> RunMachine.Event {
    .progress(
      Progress(
        run: "01HZX3Q8Z1QK7V6W5T4S3R2P1N", attempt: attempt, phase: phase, records: records,
        calls: records, at: start))
  }

  private func machine(after events: [RunMachine.Event], at time: Timestamp? = nil) -> RunMachine {
    var machine = RunMachine()
    for event in events { _ = machine.handle(event, at: time ?? start, limits: limits) }
    return machine
  }

  @Test("A run that goes well is dispatched, leased, extracted")
  func goesWell() {
    var run = RunMachine()
    #expect(run.handle(.dispatched, at: start, limits: limits) == .store)
    #expect(run.state == .dispatched && run.attempt == 1 && run.leaseUntil == start + .seconds(60))
    let later = start + .seconds(10)
    #expect(run.handle(progress(1, .heartbeat), at: later, limits: limits) == .store)
    #expect(run.state == .leased && run.leaseUntil == later + .seconds(60))
    #expect(run.handle(progress(1, .heartbeat), at: later, limits: limits) == .renewLease)
    #expect(
      run.handle(progress(1, .heartbeat, records: 7), at: later, limits: limits) == .store)
    let ended = progress(1, .ended(outcome: .denied, message: "denied"), records: 9)
    #expect(run.handle(ended, at: later, limits: limits) == .store)
    #expect(run.state == .extracted && run.records == 9 && run.reason == nil)
    #expect(run.handle(ended, at: later, limits: limits) == .ignore)
  }

  @Test("An attempt that nobody began is dispatched again, and never counts")
  func neverHeard() {
    var run = RunMachine()
    for attempt in 1...10 {
      #expect(run.handle(.dispatched, at: start, limits: limits) == .store)
      #expect(run.attempt == attempt)
      let late = start + .seconds(60)
      #expect(run.handle(.timePassed, at: late, limits: limits) == .storeAndWithdraw)
      #expect(run.state == .queued)
    }
  }

  @Test("After as many lost attempts as allowed, the run is failed")
  func lostAttempts() {
    var run = RunMachine()
    for attempt in 1...3 {
      #expect(run.state == .queued)
      _ = run.handle(.dispatched, at: start, limits: limits)
      _ = run.handle(progress(attempt, .heartbeat), at: start, limits: limits)
      #expect(run.handle(.timePassed, at: start + .seconds(59), limits: limits) == .ignore)
      let action = run.handle(.timePassed, at: start + .seconds(60), limits: limits)
      #expect(action == (attempt == 3 ? .storeFailure : .store))
    }
    #expect(run.state == .failed && run.leaseUntil == nil)
    #expect(run.reason?.contains("no heartbeat") == true)
  }

  @Test("A stopped worker's attempt is lost, and the next one is dispatched")
  func stoppedWorker() {
    let run = machine(after: [
      .dispatched, progress(1, .heartbeat),
      progress(1, .ended(outcome: .failed, message: "worker was stopped")),
    ])
    #expect(run.state == .queued)
    #expect(run.reason == "attempt 1 was lost: worker was stopped")
  }

  @Test("A late worker goes on while nobody else was dispatched, and counts once")
  func lateWorker() {
    var run = machine(after: [.dispatched, progress(1, .heartbeat)])
    for _ in 1...5 {
      #expect(run.handle(.timePassed, at: start + .seconds(60), limits: limits) == .store)
      #expect(run.state == .queued)
      #expect(run.handle(progress(1, .heartbeat), at: start, limits: limits) == .store)
      #expect(run.state == .leased)
    }
  }

  @Test("A scheduler whose time is older does not shorten a lease")
  func slowScheduler() {
    var run = machine(after: [.dispatched, progress(1, .heartbeat)])
    let lease = run.leaseUntil
    let older = start + .seconds(-30)
    #expect(run.handle(progress(1, .heartbeat), at: older, limits: limits) == .renewLease)
    #expect(run.leaseUntil == lease)
  }

  @Test("What a replaced attempt says is ignored")
  func zombie() {
    var run = machine(after: [.dispatched, progress(1, .heartbeat)])
    _ = run.handle(.timePassed, at: start + .seconds(60), limits: limits)
    _ = run.handle(.dispatched, at: start, limits: limits)
    let before = run
    for phase: Progress.Phase in [
      .heartbeat, .ended(outcome: .complete, message: nil),
      .ended(outcome: .failed, message: nil),
    ] {
      #expect(run.handle(progress(1, phase), at: start, limits: limits) == .ignore)
      #expect(run.handle(progress(3, phase), at: start, limits: limits) == .ignore)
    }
    #expect(run == before)
  }

  @Test("A dispatch that was not begun is withdrawn when its run is cancelled")
  func cancelled() {
    let cancel = RunMachine.Event.cancelled(reason: "cancelled by ann")
    var queued = RunMachine()
    #expect(queued.handle(cancel, at: start, limits: limits) == .store)
    var dispatched = machine(after: [.dispatched])
    #expect(dispatched.handle(cancel, at: start, limits: limits) == .storeAndWithdraw)
    var extracted = machine(after: [
      .dispatched, progress(1, .ended(outcome: .complete, message: nil)),
    ])
    #expect(extracted.handle(cancel, at: start, limits: limits) == .ignore)
    #expect(queued.state == .cancelled && extracted.state == .extracted)
  }

  @Test("What was extracted and is not applied in time fails the run")
  func notApplied() {
    var run = machine(after: [.dispatched, progress(1, .ended(outcome: .complete, message: nil))])
    #expect(run.handle(.timePassed, at: start + .seconds(599), limits: limits) == .ignore)
    #expect(run.handle(.timePassed, at: start + .seconds(600), limits: limits) == .storeFailure)
    #expect(run.state == .failed)
  }

  @Test("Random schedules keep the invariants", arguments: 0..<40 as Range<UInt64>)
  func randomSchedules(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<50 {
      var run = RunMachine()
      var time = start
      var heard: Set<Int> = []
      for _ in 0..<60 {
        let before = run
        let event = event(for: run, &random)
        time = time + .seconds(Int.random(in: 0...40, using: &random))
        let action = run.handle(event, at: time, limits: limits)
        let isDispatch = event == .dispatched && before.state == .queued
        #expect(run.attempt == before.attempt + (isDispatch ? 1 : 0), "seed \(seed)")
        if run != before { #expect(action > .ignore, "seed \(seed): \(event)") }
        if action >= .store { #expect(run != before, "seed \(seed): \(event)") }
        if case .progress(let progress) = event, progress.attempt != before.attempt {
          #expect(run == before, "seed \(seed)")
        }
        if run.isHeard { heard.insert(run.attempt) }
        #expect(heard.count <= limits.attempts, "seed \(seed)")
        let waits = [.dispatched, .leased, .extracted].contains(run.state)
        #expect((run.leaseUntil != nil) == waits, "seed \(seed): \(run.state)")
        if before.state.isFinal { #expect(run.state == before.state, "seed \(seed)") }
        if before.state == .extracted {
          #expect([.extracted, .failed].contains(run.state), "seed \(seed)")
        }
        if run.state == .failed, before.state != .extracted, before.state != .failed {
          #expect(heard.count == limits.attempts, "seed \(seed)")
        }
      }
    }
  }

  private func event(for run: RunMachine, _ random: inout SeededGenerator) -> RunMachine.Event {
    let attempt = Bool.random(using: &random) ? run.attempt : Int.random(in: 1...4, using: &random)
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<6: return .dispatched
    case 6..<11: return progress(attempt, .heartbeat, records: .random(in: 0...9, using: &random))
    case 11: return progress(attempt, .ended(outcome: .partial, message: nil))
    case 12..<15: return progress(attempt, .ended(outcome: .failed, message: nil))
    case 15: return .cancelled(reason: "test")
    default: return .timePassed
    }
  }
}
