internal import Model

/// # Simulation
///
/// The real workers in a world that one seed decides: same schedule, same history, bit for bit.
///
/// ```
///   Schedule (seed, world, actions, faults)
///      │
///   Simulator.run ──► Report (violations, steps, fingerprint)
///      │
///   Director ── actions ──► processes, topics, users, platform
///   Installation ── the workers as the executable composes them ──► Broker, SimulatedDatabase,
///      │                                                            SimulatedPlatform
///   Kernel ── virtual time, parked calls, processes that crash, stop, drain and come back
///      │
///   Checks ── after every transaction and commit, and at the end (Invariant, Oracle, End)
/// ```
///
/// - `Kernel/` knows nothing of the product. Everything runs on the thread that calls
///   `Simulator.run`: `SimulationExecutor` takes the jobs of all tasks, unstructured ones too.
/// - `Broker/` keeps topics and groups as Kafka does: eager assignment, static membership,
///   sessions, fencing, retention, recreated topics, lost acknowledgements, delayed visibility.
/// - `Store/` is the database: one value, a transaction is a function of it.
/// - `Platform/` answers listings of every kind, and keeps on record what it answered.
/// - `Schedule/` makes, writes, reads and shrinks schedules.
/// - `Checks/` says what must hold; `Defects.swift` plants mistakes to see that it does.
///
/// When a seed fails: `soak --seed N --trace` shows every step, `soak --seed N` the smallest schedule
/// that still fails. To add an invariant: a line in `Invariant`, the check, and a `Defect`.
///
/// Rules for the code under simulation: child tasks only, time and chance as inputs, no order of a
/// `Dictionary` or `Set` where it shows. `aScheduleRunsTheSameTwice` notices most slips: the hash
/// seeds of two runs differ.
///
/// Not simulated: SQL (differential tests compare `Store/` with PostgreSQL), librdkafka, HTTP, the
/// notifier, dead letters that are delivered again, and the files of connections and sinks.
public enum Simulator {
  /// What became of a schedule.
  public struct Report: Sendable {
    public var schedule: Schedule
    /// The first things that were wrong; empty when all is well.
    public var violations: [Violation]
    public var steps: Int
    /// Faults that happened, of processes, topics and calls.
    public var faults: Int
    /// The same for the same schedule, whatever the machine.
    public var fingerprint: Fingerprint
    public var lines: [String]

    public var failed: Bool { !violations.isEmpty }
  }

  /// Something that must never be.
  public struct Violation: Sendable, Equatable, CustomStringConvertible {
    public var invariant: Invariant
    public var detail: String

    public var description: String { "\(invariant.name): \(detail)" }
  }

  static let start = Timestamp(milliseconds: 1_790_000_000_000)
  /// After the last action, for everything to settle in: virtual time is cheap.
  private static let patience = Duration.seconds(1200)

  /// Runs a schedule to its end: a pure function of it.
  public static func run(
    _ schedule: Schedule, defect: Defect? = nil, isTraced: Bool = false
  ) -> Report {
    let kernel = Kernel(
      seed: schedule.seed, start: start, isRough: schedule.world.roughness > 0,
      isTraced: isTraced)
    for planned in schedule.faults { kernel.plan(planned.fault, of: planned.point) }
    let installation = Installation(schedule, kernel: kernel, defect: defect)
    let director = Director(installation)
    let checks = Checks(schedule, installation, director)
    checks.watch()
    director.setUp()
    installation.start()
    director.direct(schedule)
    let settling = Settling(schedule, installation, director)
    settling.begin(patience: patience)
    kernel.run { checks.hasFailed || settling.isOver }
    if !checks.hasFailed { checks.finish(settling.obstacles) }
    let report = Report(
      schedule: schedule, violations: checks.violations, steps: kernel.steps,
      faults: kernel.faultsDone + schedule.actions.filter(\.action.isFault).count,
      fingerprint: kernel.fingerprint, lines: kernel.lines)
    kernel.shutDown()
    return report
  }
}
