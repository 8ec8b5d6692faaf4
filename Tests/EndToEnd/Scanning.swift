import Model
import Testing

/// Scans of a tenant of its own, of all accounts of the estate, which something disturbs.
struct Scanning {
  let tenant: String
  let stack: Stack
  let workers: Workers
  let estate: Estate

  init(of tenant: String) throws {
    self.tenant = tenant
    stack = try .current
    workers = try .current
    estate = try .current
  }

  /// What all pictures are compared with, made before anything is disturbed.
  static func undisturbed() async throws -> Picture {
    try await Estate.current.undisturbed {
      let picture = try await Scanning(of: "undisturbed").picture(first: {}, second: {})
      guard picture.isRich else { throw Unmet("there is too little in the accounts: \(picture)") }
      return picture
    }
  }

  /// Scans both states of the accounts, the first time disturbed by one thing and then by another,
  /// and compares what came of it with undisturbed scans.
  static func check(
    _ tenant: String, first: (Scanning) async throws -> Void = { _ in },
    second: (Scanning) async throws -> Void = { _ in }
  ) async throws {
    let undisturbed = try await undisturbed()
    let scanning = try Scanning(of: tenant)
    let picture = try await scanning.picture {
      try await first(scanning)
    } second: {
      try await second(scanning)
    }
    // Not in the expectation itself, which would show both in full.
    let isSame = picture == undisturbed
    #expect(
      isSame,
      """
      \(tenant): not what undisturbed scans come to:
      \(picture.difference(from: undisturbed))
      \(scanning.workers.tails)
      """)
  }

  private func picture(
    first: () async throws -> Void, second: () async throws -> Void
  ) async throws -> Picture {
    do {
      try await workers.areReady()
      try await stack.applyConnection(tenant: tenant, accounts: estate.accounts)
      try await stack.applySink(tenant: tenant)
      try await scan(epoch: 1, first)
      try await estate.altered { try await scan(epoch: 2, second) }
      try await everythingIsTold()
      return try await Picture(of: tenant, on: stack)
    } catch { throw Unmet("\(tenant): \(error)\n\(workers.tails)") }
  }

  private func scan(epoch: Int, _ disturb: () async throws -> Void) async throws {
    _ = try await stack.sv0(["scan", "start", "--connection", "aws-prod", "--tenant", tenant])
      .succeeded("scan start")
    do {
      try await finally(
        {
          workers.goOn()
          try stack.aws.fail()
        }, disturb)
    } catch { throw Unmet("while disturbing scan \(epoch): \(error)") }
    try await runs(reach: "epoch = \(epoch) AND state = 'evaluated'")
  }

  /// Every finding's latest version is the last one on the topic, and was accepted by the webhook.
  private func everythingIsTold() async throws {
    let latest = Set(
      try await stack.query(
        """
        SELECT uid || '.' || version FROM sv0.findings
        WHERE tenant = '\(tenant)' AND version > 0
        """))
    try await stack.findingsArePublished()
    try await wait(until: "every finding's latest version at the webhook", upTo: .seconds(120)) {
      latest.isSubset(
        of: try stack.deliveries().filter { $0.status == 204 && $0.tenant == tenant }.map(\.id))
    }
  }
}

// MARK: How far it has come

extension Scanning {
  /// Waits for a number of this tenant's runs, all accounts' unless it says otherwise.
  func runs(_ count: Int? = nil, reach condition: String) async throws {
    let count = count ?? estate.accounts.count
    var last = 0
    do {
      try await wait(until: "runs", upTo: .seconds(180), every: .milliseconds(100)) {
        // The database may be away.
        let found = try? await self.count("runs WHERE tenant = '\(tenant)' AND \(condition)")
        last = found ?? last
        return last >= count
      }
    } catch is Unmet {
      let runs = try await stack.query(
        """
        SELECT epoch, scope, state, attempt, heard, lease_until, reason FROM sv0.runs
        WHERE tenant = '\(tenant)' ORDER BY 1, 2
        """)
      throw Unmet(
        """
        \(last) of \(count) runs have reached \(condition):
        \(runs.joined(separator: "\n"))
        """)
    }
  }

  /// Holds scans where they read their functions' policies, until the disturbance is over.
  func hold() throws { try stack.aws.fail([FaultProxy.getFunctionPolicy: .hold]) }

  /// Waits until every account is read, and the loader holds a part of the current attempt.
  func isUnderWay() async throws {
    try await runs(reach: "state = 'leased' AND heard")
    try await isStaged()
  }

  /// Waits until the loader holds a part of the current attempt of every account.
  func isStaged() async throws {
    try await wait(until: "records in staging", upTo: .seconds(120), every: .milliseconds(100)) {
      try await count(
        """
        runs r WHERE tenant = '\(tenant)' AND EXISTS (
          SELECT FROM sv0.staged_objects s WHERE s.run = r.run AND s.attempt = r.attempt)
        """) >= estate.accounts.count
    }
  }

  func count(_ rows: String) async throws -> Int {
    try #require(Int(try await stack.query("SELECT count(*) FROM sv0.\(rows)").first ?? ""))
  }

  /// How many more messages the graph topic holds than the raw ones: as many as were sent twice,
  /// less those that are still to be transformed.
  func fragmentsAhead() async throws -> Int {
    let topics = Topics(stack.kafka)
    return try await topics.count(of: Topic.graph) - topics.count(of: Topic.raw(.aws))
  }
}
