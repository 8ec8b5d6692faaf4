import Foundation
import Model
import Testing

extension EndToEnd.Disturbed.Singles {
  /// Workers that were taken for dead and come back: stopped for longer than their lease, replaced,
  /// and going on; and messages of the dead that arrive late.
  ///
  /// A replacement has the zombie's name, because the local broker gives partitions of a silent
  /// member to nobody else.
  @Suite struct ZombieTests {
    private let workers: Workers
    private let stack: Stack

    init() throws {
      workers = try .current
      stack = try .current
    }

    @Test func stoppedWorkersThatWereReplacedChangeNothingWhenTheyGoOn() async throws {
      try await Scanning.check("zombies") { scanning in
        let zombies = try await replaceAll(scanning)
        try stack.aws.fail()
        try await scanning.runs(reach: "state = 'evaluated'")
        try await areHarmless(zombies)
      } second: { scanning in
        let zombies = try await replaceAll(scanning)
        try await scanning.isStaged()
        // Their successors are in the middle of the same work.
        try await areHarmless(zombies)
        try stack.aws.fail()
      }
    }

    @Test func workersStoppedInsideATransactionDoNotHoldItsLocksForGood() async throws {
      try await Scanning.check("locks") { scanning in
        try await scanning.runs(1, reach: "heard")
        try await replaceInsideTransaction("loader", waitingFor: "open_attempts")
        try await scanning.runs(reach: "state = 'evaluated'")
      } second: { scanning in
        try await replaceInsideTransaction("scheduler", waitingFor: "runs")
        try await scanning.runs(reach: "epoch = 2 AND state = 'evaluated'")
      }
    }

    @Test func whatADeadTransformerHadSentArrivesLateAndChangesNothing() async throws {
      try await withCable("transformer") { cable in
        try await Scanning.check("late-fragments") { scanning in
          let ahead = try await scanning.fragmentsAhead()
          try scanning.hold()
          try await killWhileSending("transformer", through: cable)
          try await scanning.isUnderWay()
          try await wait(until: "all fragments", upTo: .seconds(120)) {
            try await scanning.fragmentsAhead() >= ahead
          }
          try await cable.release()
          try await isLoaded()
          try stack.aws.fail()
        }
      }
    }
  }
}

extension EndToEnd.Disturbed.Singles.ZombieTests {
  /// Stops all workers in the middle of their work, and starts others that take it over.
  private func replaceAll(_ scanning: Scanning) async throws -> [Child] {
    try scanning.hold()
    try await scanning.isUnderWay()
    let zombies = try Workers.names.map { try workers[$0] }
    for zombie in zombies { zombie.signal(SIGSTOP) }
    for name in Workers.names { try workers.start(name) }
    try await scanning.runs(reach: "attempt >= 2 AND heard")
    return zombies
  }

  /// Lets them go on. Those that read from Kafka learn that they were replaced, and end; the
  /// others are told to.
  private func areHarmless(_ zombies: [Child]) async throws {
    for zombie in zombies { zombie.signal(SIGCONT) }
    for zombie in zombies {
      if ["evaluator", "notifier"].contains(Workers.kind(of: zombie.name)) {
        try await zombie.drain()
      } else {
        try await endsBecauseItWasReplaced(zombie)
      }
    }
  }

  /// A loader that learns it from the database first joins its group again, under its name, and so
  /// replaces its successor: a supervisor starts that again.
  private func endsBecauseItWasReplaced(_ zombie: Child) async throws {
    let name = Workers.kind(of: zombie.name)
    try await wait(until: "the end of \(zombie.name)", upTo: .seconds(120)) {
      let successor = try workers[name]
      if !successor.isRunning {
        isFenced(successor)
        try workers.start(name)
      }
      return !zombie.isRunning
    }
    isFenced(zombie)
  }

  private func isFenced(_ worker: Child) {
    #expect((1..<128).contains(worker.status ?? 0), "\(worker.name)")
    #expect(worker.logged.contains("FENCED_INSTANCE_ID"), "\(worker.name)")
  }

  /// Stops a worker while it waits for a table inside of a transaction, lets it have the table, so
  /// that its session has all its locks and nothing to do, and starts another worker.
  private func replaceInsideTransaction(_ name: String, waitingFor table: String) async throws {
    let lock = "end-to-end-lock"
    let holder = try Child(
      lock, "\(Place.postgres)/psql",
      ["-XAtqc", "LOCK TABLE sv0.\(table); SELECT pg_sleep(600)", stack.owner],
      ["PGAPPNAME": lock], in: stack.folder)
    let zombie = try workers[name]
    try await session(of: name, is: "wait_event_type = 'Lock'")
    zombie.signal(SIGSTOP)
    _ = try await stack.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '\(lock)'")
    _ = try await holder.ended()
    try await session(of: name, is: "state = 'idle in transaction'")
    try workers.start(name)
    try await workers.areReady([name])
    zombie.signal(SIGCONT)
    try await endsBecauseItWasReplaced(zombie)
  }

  private func session(of name: String, is condition: String) async throws {
    try await wait(until: "a session of \(name) with \(condition)", every: .milliseconds(100)) {
      try await stack.query(
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE application_name = '\(name)' AND \(condition)
        """) != ["0"]
    }
  }

  /// Has a worker reach the broker through a cable of its own.
  private func withCable(_ name: String, _ body: (Cable) async throws -> Void) async throws {
    let cable = try await Cable(
      "broker-of-\(name)", to: stack.kafka, isKafka: true, in: stack.folder)
    try await finally(cable.stop) {
      try await workers[name].drain()
      try workers.start(name, ["SV0_KAFKA": "127.0.0.1:\(cable.port)"])
      try await workers.areReady([name])
      try await cable.holdProducers()
      try await body(cable)
    }
  }

  /// Kills the worker when it has sent something that is on its way, and starts another.
  private func killWhileSending(_ name: String, through cable: Cable) async throws {
    try await wait(until: "\(name) to send something", upTo: .seconds(120)) {
      cable.keptSomething
    }
    try await workers.killAndRestart(name)
  }

  /// Waits until the loader has taken in all fragments that there are.
  private func isLoaded() async throws {
    try await wait(until: "all fragments to be loaded", upTo: .seconds(120)) {
      let ends = try await Topics(stack.kafka).ends(of: Topic.graph).values.map(\.upperBound)
      return try await stack.query("SELECT sum(next_offset) FROM sv0.staged_positions")
        == ["\(ends.reduce(0, +))"]
    }
  }
}
