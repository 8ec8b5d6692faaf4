import Simulation

/// Runs simulated histories until one fails, or for as long as it is told.
///
/// ```
/// soak --seeds 10000 [--first 1] [--seconds 60] [--invariant NAME] [--defect NAME] [--trace]
/// soak --seed 42 [--trace]
/// soak --schedule 'seed 42; at 1200 scan 0 *; …' [--trace]
/// ```
///
/// A failing schedule is printed, made smaller, printed again, and the exit code is 1. The last line
/// says how much was run.
@main struct Soak {
  static func main() {
    do throws(UsageError) {
      let options = try Options(Array(CommandLine.arguments.dropFirst()))
      exit(with: options.isList ? list() : run(options))
    } catch {
      print(error.message)
      exit(with: 64)
    }
  }

  private static func list() -> Int32 {
    for invariant in Invariant.all {
      print("\(invariant.number) \(invariant.name): \(invariant.sentence)")
    }
    for defect in Defect.all {
      print("\(defect.name): \(defect.sentence) [\(defect.invariants.map(\.name))]")
    }
    return 0
  }

  private static func run(_ options: Options) -> Int32 {
    let started = ContinuousClock.now
    var tally = Tally()
    var status: Int32 = 0
    for schedule in options.schedules {
      if let limit = options.duration, ContinuousClock.now - started > limit { break }
      let report = Simulator.run(schedule, defect: options.defect, isTraced: options.isTraced)
      tally.add(report)
      for line in report.lines { print(line) }
      if options.isVerbose { print(schedule.seed, report.steps, report.fingerprint.value) }
      guard let first = report.violations.first(where: options.concerns) else { continue }
      status = 1
      tell(report, first, options)
      if !options.isEndless { break }
    }
    print(tally.line(after: ContinuousClock.now - started))
    return status
  }

  private static func tell(
    _ report: Simulator.Report, _ first: Simulator.Violation, _ options: Options
  ) {
    print("seed \(report.schedule.seed) fails:")
    for violation in report.violations { print("  \(violation)") }
    print("  --schedule '\(report.schedule)'")
    guard options.shrinks else { return }
    let smallest = report.schedule.shrunk { candidate in
      Simulator.run(candidate, defect: options.defect).violations
        .contains { $0.invariant == first.invariant }
    }
    print("smaller:")
    for violation in Simulator.run(smallest, defect: options.defect).violations {
      print("  \(violation)")
    }
    print("  --schedule '\(smallest)'")
  }
}

/// What was run.
private struct Tally {
  var schedules = 0
  var steps = 0
  var faults = 0
  var failures = 0

  mutating func add(_ report: Simulator.Report) {
    schedules += 1
    steps += report.steps
    faults += report.faults
    failures += report.failed ? 1 : 0
  }

  func line(after time: Duration) -> String {
    let seconds = max(
      0.001,
      Double(time.components.attoseconds) / 1e18
        + Double(time.components.seconds))
    let rate = Int((Double(schedules) / seconds * 60).rounded())
    return "\(schedules) schedules, \(steps) steps, \(faults) faults, \(failures) failures, "
      + "\(Int(seconds)) s, \(rate) schedules a minute"
  }
}
