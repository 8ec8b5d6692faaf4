internal import Loading
internal import Model
internal import Synchronization

/// Looks at every change of the database and at every commit of an offset, and at all there is in
/// the end.
final class Checks: Sendable {
  let schedule: Schedule
  let installation: Installation
  let director: Director
  private let found = Mutex<[Simulator.Violation]>([])
  private let memory = Mutex(Memory())

  /// A transaction with a planted defect is three: all of it is looked at as one.
  static let begins = "defect begins"
  static let ends = "defect ends "

  /// What the checks of a change need to know from before it.
  struct Memory {
    var state = DatabaseState()
    var oracle = Oracle()
    var furthest: [TopicPartition: Int64] = [:]
    var transformed = TransformedRecords()
    var isInside = false
  }

  init(_ schedule: Schedule, _ installation: Installation, _ director: Director) {
    self.schedule = schedule
    self.installation = installation
    self.director = director
  }

  var violations: [Simulator.Violation] { found.withLock { $0 } }
  var hasFailed: Bool { found.withLock { !$0.isEmpty } }

  /// Starts looking.
  func watch() {
    installation.kernel.observers.withLock { $0.exit = { exit in self.ended(exit) } }
    installation.database.observe { operation, state in self.changed(operation, state) }
    installation.broker.observeCommits { group, partition, next in
      self.committed(group, partition, next)
    }
  }

  private func report(_ found: [Simulator.Violation]) {
    guard !found.isEmpty else { return }
    for violation in found {
      installation.kernel.trace("VIOLATION", violation.description)
    }
    self.found.withLock { $0 += found }
  }

  private var isRushed: Bool {
    schedule.actions.contains { if case .jump = $0.action { true } else { false } }
  }

  private func changed(_ operation: String, _ state: DatabaseState) {
    var list = Findings()
    memory.withLock { memory in
      var operation = operation
      if operation == Self.begins { memory.isInside = true }
      if operation.hasPrefix(Self.ends) {
        memory.isInside = false
        operation.removeFirst(Self.ends.count)
      }
      guard !memory.isInside else { return }
      let change = Change(
        operation: operation, before: memory.state, after: state,
        inFlight: installation.world.inFlight, isRushed: isRushed,
        isLossy: schedule.losesMessages)
      change.checkQueue(installation, &list)
      change.checkLoader(installation, &memory.furthest, &list)
      memory.oracle.follow(
        change, installation.platform, isLossy: schedule.losesMessages, &list)
      memory.state = state
    }
    report(list.violations)
  }

  private func committed(_ group: String, _ partition: TopicPartition, _ next: Int64) {
    guard group == Names.transformer, !schedule.losesMessages else { return }
    var list = Findings()
    memory.withLock { memory in
      memory.transformed.check(upTo: next, of: partition, installation.broker, &list)
    }
    report(list.violations)
  }

  func finish(_ obstacles: [String]) {
    var list = Findings()
    for obstacle in obstacles { list.add(.settles, obstacle) }
    for problem in installation.kernel.problems { list.add(.works, problem) }
    if list.violations.isEmpty {
      End(schedule, installation, director).check(&list)
    }
    report(list.violations)
  }

  /// A process ended by itself.
  private func ended(_ exit: Exit) {
    guard let error = exit.error else {
      if !installation.kernel.isDraining(exit.life), exit.life.process.prefix(4) != "user" {
        report([Simulator.Violation(invariant: .works, detail: "\(exit.life) ended unasked")])
      }
      return
    }
    switch error {
    case let error as BrokerError where error.kind == .fenced:
      // As it should, if another was started in its place; or if that one came back and joined
      // again before it knew, which is accepted: its supervisor starts it again.
      if !installation.kernel.hasTwin(exit.life) { break }
      return
    case let error as BrokerError
    where error.kind == .offsetOutOfRange && schedule.losesMessages:
      return
    case LoadingError.recreated where schedule.losesMessages,
      LoadingError.gone where schedule.losesMessages:
      return forgetPositions()
    default: break
    }
    report([Simulator.Violation(invariant: .works, detail: "\(exit.life) ended: \(error)")])
  }

  /// What the message of the error tells a person to do.
  private func forgetPositions() {
    installation.kernel.schedule(after: .seconds(3)) {
      self.installation.database.transaction("forget_positions") {
        $0.forgetPositions(of: Topic.graph)
      }
      self.memory.withLock { $0.furthest = [:] }
    }
  }
}

/// What checks have found.
struct Findings {
  private(set) var violations: [Simulator.Violation] = []

  mutating func add(_ invariant: Invariant, _ detail: @autoclosure () -> String) {
    // The first few tell the story.
    guard violations.count < 5 else { return }
    violations.append(Simulator.Violation(invariant: invariant, detail: detail()))
  }

  mutating func require(
    _ condition: Bool, _ invariant: Invariant, _ detail: @autoclosure () -> String
  ) {
    if !condition { add(invariant, detail()) }
  }
}

/// One transaction, by what it left.
struct Change {
  var operation: String
  var before: DatabaseState
  var after: DatabaseState
  var inFlight: Int
  /// Time jumps in the schedule, so listings may run out of it.
  var isRushed: Bool
  /// Messages may get lost in the schedule.
  var isLossy: Bool
}
