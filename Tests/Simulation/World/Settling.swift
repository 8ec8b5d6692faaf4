internal import Evaluation
internal import Loading
internal import Model
internal import Scheduling
internal import Synchronization

/// Waits, after the last action, until there is nothing left to do.
final class Settling: Sendable {
  private struct State {
    var quietSince: VirtualTime?
    var deadline: VirtualTime?
    var isOver = false
    var obstacles: [String] = ["not begun"]
  }

  /// For how long nothing may be left to do: late attempts come to their end in it.
  private static let quiet = Duration.seconds(12)

  private let schedule: Schedule
  private let installation: Installation
  private let director: Director
  private let state = Mutex(State())
  private var kernel: Kernel { installation.kernel }

  init(_ schedule: Schedule, _ installation: Installation, _ director: Director) {
    self.schedule = schedule
    self.installation = installation
    self.director = director
  }

  var isOver: Bool { state.withLock { $0.isOver } }
  /// What was left to do at the end.
  var obstacles: [String] { state.withLock { $0.obstacles } }

  func begin(patience: Duration) {
    // Processes that are stopped for longer than the schedule go on by themselves.
    kernel.schedule(after: .milliseconds(schedule.end + 1000)) {
      self.kernel.calm()
      self.state.withLock { $0.deadline = self.kernel.time + patience }
      self.look()
    }
  }

  private func look() {
    let obstacles = findObstacles()
    let time = kernel.time
    state.withLock { state in
      state.obstacles = obstacles
      if !obstacles.isEmpty {
        state.quietSince = nil
      } else if state.quietSince == nil {
        state.quietSince = time
      }
      let isQuiet = state.quietSince.map { $0 + Self.quiet <= time } ?? false
      state.isOver = isQuiet || (state.deadline.map { $0 <= time } ?? false)
    }
    if !isOver { kernel.schedule(after: .seconds(1)) { self.look() } }
  }

  private func findObstacles() -> [String] {
    var found: [String] = []
    if director.pending > 0 { found.append("\(director.pending) orders under way") }
    for process in installation.world.processes {
      guard let life = kernel.current(process), !kernel.isPaused(life) else {
        found.append("\(process) is not there")
        continue
      }
    }
    let lag = installation.broker.lag
    if lag > 0 { found.append("\(lag) messages are not read") }
    installation.database.reading { state in
      for (key, run) in state.runs.rows(where: { !$1.state.isFinal }) {
        found.append("run \(key.run) is \(run.state)")
      }
      for (key, run) in state.runs.rows(where: { $1.publishedVersion < $1.version }) {
        found.append("version \(run.version) of run \(key.run) is not published")
      }
      if !state.outbox.isEmpty { found.append("\(state.outbox.count) messages are in the outbox") }
      for (tenant, clock) in state.tenants.all
      where clock.graphVersion != clock.evaluatedVersion || clock.firstChangedAt != nil {
        found.append(
          "\(tenant) is at \(clock.graphVersion), evaluated \(clock.evaluatedVersion)")
      }
      for request in director.requests
      where !state.scans.contains(where: {
        $1.request.tenant == request.tenant && $1.requestID == request.id
      }) {
        found.append("\(request.id) has no scan")
      }
    }
    return found
  }
}
