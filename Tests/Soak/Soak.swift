import ArgumentParser
import Dispatch
import Foundation
import Simulation

/// Runs simulated histories until one fails, or for as long as it is told.
@main struct Soak: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "Runs simulated histories until one fails, or for as long as it is told.",
    discussion: """
      A failing schedule is printed, made smaller, printed again, and the exit code is 1. The last \
      line says how much was run.
      """)

  @Option(help: "How many schedules to run.")
  var seeds: UInt64 = 1000
  @Option(help: "For how many seconds to run schedules, instead.")
  var seconds: Int64?
  @Option(help: "The first seed.")
  var first: UInt64 = 1
  @Option(help: "The only seed.")
  var seed: UInt64?
  @Option(help: "The only schedule, as a failure prints it.", transform: Schedule.init)
  var schedule: Schedule?
  @Option(help: "The only invariant whose violations count.", transform: Self.invariant)
  var invariant: Invariant?
  @Option(help: "A mistake to plant.", transform: Self.defect)
  var defect: Defect?
  @Option(help: "How many schedules run at a time; as many as there are cores.")
  var jobs: Int = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: "Print every step.")
  var trace = false
  @Flag(help: "Print what tells two runs of a schedule apart.")
  var verbose = false
  @Flag(help: "Go on after a failure.")
  var endless = false
  @Flag(name: .customLong("no-shrink"), help: "Print a failing schedule as it is.")
  var isKeptWhole = false
  @Flag(help: "Name the invariants and the mistakes, and run nothing.")
  var list = false

  func validate() throws {
    guard jobs > 0 else { throw ValidationError("--jobs needs a number from 1 on.") }
  }

  func run() throws {
    if list { return Self.printAll() }
    let work = Work(
      until: seconds.map { ContinuousClock.now + .seconds($0) }, first: seed ?? first,
      count: schedule == nil && seed == nil ? (seconds == nil ? seeds : .max / 2) : 1)
    DispatchQueue.concurrentPerform(iterations: jobs) { _ in
      while let seed = work.next() { runOne(schedule ?? .random(seed), work) }
    }
    print(work.summary)
    if work.hasFailed { throw ExitCode.failure }
  }

  private func runOne(_ schedule: Schedule, _ work: Work) {
    let report = Simulator.run(schedule, defect: defect, isTraced: trace)
    let violations = report.violations.filter { invariant == nil || $0.invariant == invariant }
    var lines = report.lines
    if verbose { lines.append("\(schedule.seed) \(report.steps) \(report.fingerprint.value)") }
    work.add(report, hasFailed: !violations.isEmpty, isLast: !violations.isEmpty && !endless)
    if let first = violations.first { lines += story(of: report, first) }
    work.tell(lines)
  }

  /// What is said about a failure.
  private func story(
    of report: Simulator.Report, _ first: Simulator.Violation
  ) -> [String] {
    func lines(_ report: Simulator.Report) -> [String] {
      report.violations.map { "  \($0)" } + ["  --schedule '\(report.schedule)'"]
    }
    let whole = ["seed \(report.schedule.seed) fails:"] + lines(report)
    guard !isKeptWhole else { return whole }
    let smallest = report.schedule.shrunk { candidate in
      Simulator.run(candidate, defect: defect).violations
        .contains { $0.invariant == first.invariant }
    }
    return whole + ["smaller:"] + lines(Simulator.run(smallest, defect: defect))
  }

  private static func printAll() {
    for invariant in Invariant.all {
      print("\(invariant.number) \(invariant.name): \(invariant.sentence)")
    }
    for defect in Defect.all {
      print("\(defect.name): \(defect.sentence) [\(defect.invariants.map(\.name))]")
    }
  }

  private static func invariant(_ name: String) throws -> Invariant {
    guard let found = Invariant.all.first(where: { $0.name == name }) else {
      throw ValidationError("There is no invariant \(name); --list names them.")
    }
    return found
  }

  private static func defect(_ name: String) throws -> Defect {
    guard let found = Defect.all.first(where: { $0.name == name }) else {
      throw ValidationError("There is no defect \(name); --list names them.")
    }
    return found
  }
}
