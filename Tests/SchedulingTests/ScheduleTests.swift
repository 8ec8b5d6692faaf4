import Model
import PipelineTesting
import Synchronization
import Testing

@testable import Scheduling

@Suite("Schedules")
struct ScheduleTests {
  private let organization = (0..<300).map {
    DiscoveredAccount(id: "\(100_000_000_000 + $0)", obstacle: $0 == 7 ? "suspended" : nil)
  }

  @Test("Every account is requested once a slot, each at its own moment within the jitter")
  func spreads() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization(schedule: ["every": "24h", "jitter": "1h"])
      let listed = Mutex(0)
      let schedules = fixture.schedules { _, _ in
        listed.withLock { $0 += 1 }
        return .accounts(organization)
      }
      // To the beginning of the next day.
      fixture.clock.advance(by: .seconds(86_400 - fixture.clock.now.milliseconds / 1000 % 86_400))
      var counts: [Int64] = []
      for _ in 0..<60 {
        _ = try await schedules.turn()
        counts.append(try await fixture.number("SELECT count(*) FROM sv0.runs"))
        fixture.clock.advance(by: .seconds(60))
      }
      #expect(counts.last == 300)
      let steps = zip(counts, [0] + counts).map { $0 - $1 }
      #expect(steps.max() ?? 0 <= 20, "\(steps)")
      #expect(listed.withLock { $0 } == 1)
      #expect(try await fixture.runs().count { $0.state == "skipped" } == 1)
      _ = try await schedules.turn()
      #expect(try await fixture.runs().count == 300)
    }
  }

  @Test("A second scheduler, or one that was started again, requests nothing twice")
  func restarts() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization(schedule: ["every": "24h", "jitter": "1h"])
      for _ in 0..<2 {
        _ = try await fixture.schedules { _, _ in .accounts(organization) }.turn()
      }
      #expect(try await fixture.runs().count == 300)
      #expect(try await fixture.runs().allSatisfy { $0.epoch == 1 })
    }
  }

  @Test("An account that is new is scanned from the next slot on, and no slot is made up for")
  func nextSlot() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization(schedule: ["every": "6h"])
      let accounts = Mutex([DiscoveredAccount(id: "111122223333")])
      let schedules = fixture.schedules { _, _ in .accounts(accounts.withLock { $0 }) }
      _ = try await schedules.turn()
      accounts.withLock { $0.append(DiscoveredAccount(id: "444455556666")) }
      _ = try await schedules.turn()
      #expect(try await fixture.runs().map(\.scope) == ["acme/org/aws/111122223333"])
      try await fixture.execute("UPDATE sv0.runs SET state = 'evaluated'")
      fixture.clock.advance(by: .seconds(3 * 86_400))
      _ = try await schedules.turn()
      #expect(try await fixture.runs().map(\.epoch) == [1, 2, 1])
    }
  }

  @Test("Accounts that cannot be listed are on record once, and tried again after a minute")
  func triesAgain() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization(schedule: ["every": "6h"])
      let isDown = Mutex(true)
      let asked = Mutex(0)
      let schedules = fixture.schedules { _, _ in
        asked.withLock { $0 += 1 }
        return isDown.withLock { $0 } ? .failed(reason: "no answer") : .accounts(organization)
      }
      for _ in 0..<60 {
        _ = try await schedules.turn()
        fixture.clock.advance(by: .seconds(2))
      }
      #expect(asked.withLock { $0 } == 2)
      #expect(
        try await fixture.scans()
          == ["rejected: the accounts of the organization could not be listed: no answer"])
      isDown.withLock { $0 = false }
      fixture.clock.advance(by: .seconds(60))
      _ = try await schedules.turn()
      #expect(try await fixture.runs().count == 300)
    }
  }

  @Test("A person's request goes before what a schedule asked for")
  func personFirst() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization(schedule: ["every": "6h"])
      _ = try await fixture.schedules { _, _ in .accounts(organization) }.turn()
      try await fixture.requests.handle([
        fixture.request("1", scopes: ["111122223333"], priority: .urgent)
      ])
      _ = try await fixture.dispatcher.turn()
      let dispatched = try await fixture.runs().filter { $0.state == "dispatched" }.map(\.scope)
      #expect(dispatched.contains("acme/aws-prod/aws/111122223333"))
    }
  }

  @Test("Of a tenant no more runs are in flight than it may have")
  func capPerTenant() async throws {
    try await Fixture.with { fixture in
      try await fixture.connectOrganization(schedule: ["every": "6h"])
      _ = try await fixture.schedules { _, _ in .accounts(organization) }.turn()
      try await fixture.connect("umbrella", "aws-prod", accounts: ["111122223333"])
      try await fixture.requests.handle([fixture.request("1", "umbrella", priority: .background)])
      _ = try await narrow(fixture).turn()
      _ = try await narrow(fixture).turn()
      let dispatched = try await fixture.runs().filter { $0.state == "dispatched" }.map(\.scope)
      #expect(dispatched.filter { $0.hasPrefix("acme/") }.count == 5)
      #expect(dispatched.filter { $0.hasPrefix("umbrella/") }.count == 1)
    }
  }

  private func narrow(_ fixture: Fixture) -> Dispatcher {
    Dispatcher(
      pool: fixture.pool, platform: .aws, rawPartitions: 12,
      knownCollections: Fixture.known[.aws] ?? [],
      limits: SchedulingLimits(inFlight: 20, inFlightPerTenant: 5), now: fixture.now)
  }

  @Test("Moments are counted from the slot's beginning, also where there is no jitter")
  func moments() {
    let day = ScanSchedule(every: .seconds(86_400), jitter: .seconds(3600))
    let start = day.beginning(of: 20_000)
    #expect(day.slot(at: start) == 20_000 && day.slot(at: start + .milliseconds(-1)) == 19_999)
    #expect(day.moments == 60)
    #expect(day.begun(in: 20_000, at: start + .milliseconds(-1)) == 0)
    #expect(day.begun(in: 20_000, at: start) == 1)
    #expect(day.begun(in: 20_000, at: start + .seconds(60)) == 2)
    #expect(day.begun(in: 20_000, at: start + .seconds(80_000)) == 60)
    let plain = ScanSchedule(every: .seconds(90), jitter: .zero)
    #expect(plain.moments == 1 && plain.begun(in: 5, at: plain.beginning(of: 5)) == 1)
  }
}
