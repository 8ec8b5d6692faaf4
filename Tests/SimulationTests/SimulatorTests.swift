import Foundation
import Simulation
import Testing

/// Whole histories of the real workers in the simulated world.
@Suite struct SimulatorTests {
  /// How many seeds are tried; more by `SV0_SIMULATION_SEEDS`, and many more by `soak`.
  private static let seeds: UInt64 =
    ProcessInfo.processInfo.environment["SV0_SIMULATION_SEEDS"].flatMap(UInt64.init) ?? 300

  @Test func noSeedFails() {
    for seed in 1...Self.seeds {
      let report = Simulator.run(.random(seed))
      #expect(
        report.violations.isEmpty,
        "run: soak --seed \(seed), or soak --schedule '\(report.schedule)'")
    }
  }

  /// Histories in which something was wrong once.
  @Test(arguments: [
    // The last commit of a partition was refused, and never made again.
    """
    seed 2255; world accounts=1 objects=0 partitions=1 inFlight=1 roughness=0; at 2653 scan 0 *; \
    at 20694 scan 0 *; fault extractor-1 commit 2 refused
    """
  ])
  func whatOnceFailedDoesNot(_ schedule: String) throws {
    #expect(Simulator.run(try Schedule(schedule)).violations == [])
  }

  @Test func aScheduleRunsTheSameTwice() {
    for seed in 1...10 as ClosedRange<UInt64> {
      let (first, second) = (Simulator.run(.random(seed)), Simulator.run(.random(seed)))
      #expect(first.fingerprint == second.fingerprint)
      #expect(first.steps == second.steps)
    }
  }

  @Test func otherSeedsAreOtherHistories() {
    let prints = (1...10).map { seed in
      var schedule = Schedule.random(1)
      schedule.seed = UInt64(seed)
      return Simulator.run(schedule).fingerprint
    }
    #expect(Set(prints).count == prints.count)
  }

  /// With the mistake planted, one of the first seeds finds it, by an invariant that is about it;
  /// `noSeedFails` says that the seeds find nothing without.
  @Test(arguments: Defect.all.map(\.name))
  func aPlantedDefectIsFound(_ name: String) throws {
    let defect = try #require(Defect.all.first { $0.name == name })
    let found = (1...120 as ClosedRange<UInt64>).lazy.map {
      Simulator.run(.random($0), defect: defect).violations
    }.first { !$0.isEmpty }
    let violations = try #require(found, "no seed finds it")
    #expect(violations.contains { defect.invariants.contains($0.invariant) }, "\(violations)")
  }

  @Test func everyInvariantIsKnownToCatchSomething() {
    let caught = Set(Defect.all.flatMap { $0.invariants.map(\.name) })
    #expect(Invariant.all.map(\.name).filter { !caught.contains($0) } == [])
    #expect(Invariant.all.map(\.number) == Array(1...Invariant.all.count))
  }

  @Test func aScheduleIsReadAsItWasWritten() throws {
    for seed in 1...300 as ClosedRange<UInt64> {
      let schedule = Schedule.random(seed)
      #expect(try Schedule(schedule.description) == schedule)
    }
    #expect(throws: ScheduleError.self) { try Schedule("seed 1; at 100 dance") }
  }

  @Test func aFailureIsMadeSmallAndStaysOne() throws {
    let defect = try #require(Defect.all.first { $0.name == "letters-dropped" })
    let failing = try #require(
      (1...100 as ClosedRange<UInt64>).lazy.map { Schedule.random($0) }.first {
        Simulator.run($0, defect: defect).failed
      })
    let small = failing.shrunk(maximumRuns: 120) { Simulator.run($0, defect: defect).failed }
    #expect(Simulator.run(small, defect: defect).failed)
    #expect(small.actions.count + small.faults.count <= 4)
  }
}
