package import Model

/// The order in which queued runs are dispatched. Pure; what the store's query orders by.
///
/// Invariants:
/// 1. A higher priority always goes first.
/// 2. Within one, a tenant's n-th run goes in round n, and within a tenant its connections take
///    turns in the same way: who has many queued does not hold up who has few.
/// 3. Runs in flight count as turns that were just had.
/// 4. Ties go to the oldest, and then by tenant and id: the order is total.
/// 5. Of a tenant come no more than there is room for beside its runs in flight.
package struct FairOrder: Sendable {
  package struct Run: Sendable, Equatable {
    package var key: RunKey
    package var connection: String
    package var priority: Priority
    package var allocatedAt: Timestamp

    package init(key: RunKey, connection: String, priority: Priority, allocatedAt: Timestamp) {
      self.key = key
      self.connection = connection
      self.priority = priority
      self.allocatedAt = allocatedAt
    }

    fileprivate func isOlder(than other: Run) -> Bool {
      if allocatedAt != other.allocatedAt { return allocatedAt < other.allocatedAt }
      return key.run.precedes(other.key.run)
    }
  }

  package struct Connection: Sendable, Hashable {
    package var tenant: String
    package var connection: String

    package init(tenant: String, connection: String) {
      self.tenant = tenant
      self.connection = connection
    }
  }

  private struct Place {
    var run: Run
    var turn: Int
    var tenantTurn = 0
  }

  /// Who waits for whom within one priority.
  private struct Line<Member: Hashable>: Hashable {
    var member: Member
    var priority: Priority
  }

  /// - Parameters:
  ///   - inFlight: how many runs of the platform are dispatched or leased.
  ///   - roomPerTenant: how many of one tenant may be.
  package static func sorted(
    _ queued: [Run], inFlight: [Connection: Int], roomPerTenant: Int = .max
  ) -> [RunKey] {
    var busy: [String: Int] = [:]
    for (connection, runs) in inFlight { busy[connection.tenant, default: 0] += runs }
    var turns: [Line<Connection>: Int] = [:]
    var places = queued.sorted { $0.isOlder(than: $1) }.map { run in
      let connection = Connection(tenant: run.key.tenant, connection: run.connection)
      let turn = turns[Line(member: connection, priority: run.priority), default: 0] + 1
      turns[Line(member: connection, priority: run.priority)] = turn
      return Place(run: run, turn: (inFlight[connection] ?? 0) + turn)
    }
    places.sort { left, right in
      left.turn == right.turn ? left.run.isOlder(than: right.run) : left.turn < right.turn
    }
    var tenantTurns: [Line<String>: Int] = [:]
    for index in places.indices {
      let run = places[index].run
      let line = Line(member: run.key.tenant, priority: run.priority)
      tenantTurns[line, default: busy[run.key.tenant] ?? 0] += 1
      places[index].tenantTurn = tenantTurns[line] ?? 0
    }
    return places.sorted(by: precedes).map(\.run.key).filter { key in
      busy[key.tenant, default: 0] += 1
      return busy[key.tenant, default: 0] <= roomPerTenant
    }
  }

  private static func precedes(_ left: Place, _ right: Place) -> Bool {
    let (a, b) = (left.run, right.run)
    if a.priority != b.priority { return a.priority.rank < b.priority.rank }
    if left.tenantTurn != right.tenantTurn { return left.tenantTurn < right.tenantTurn }
    if left.turn != right.turn { return left.turn < right.turn }
    if a.allocatedAt != b.allocatedAt { return a.allocatedAt < b.allocatedAt }
    if a.key.tenant != b.key.tenant { return a.key.tenant.precedes(b.key.tenant) }
    return a.key.run.precedes(b.key.run)
  }
}
