internal import Pipeline
internal import ServiceLifecycle
internal import ServiceLifecycleTestKit
internal import Synchronization

/// Runs services as the executable's service group does: drained in the opposite order, each once
/// the next has ended; one that fails, or ends unasked, ends all of them.
struct Services {
  private let services: [any Service]
  private let triggers: Triggers

  init(_ services: [any Service]) {
    self.services = services
    triggers = Triggers(count: services.count)
  }

  func run() async throws {
    try await withThrowingTaskGroup(of: Int?.self) { group in
      for (index, service) in services.enumerated() {
        group.addTask { [triggers] in
          try await testGracefulShutdown { trigger in
            triggers.set(index) { trigger.triggerGracefulShutdown() }
            try await service.run()
          }
          return index
        }
      }
      group.addTask {
        await untilDraining()
        return nil
      }
      defer { group.cancelAll() }
      var running = services.count
      while running > 0, let ended = try await group.next() {
        if ended != nil {
          running -= 1
          // Nothing ends by itself.
          guard triggers.isDraining else { return }
        }
        triggers.drainNext()
      }
    }
  }

  private final class Triggers: Sendable {
    private struct State {
      var actions: [(@Sendable () -> Void)?]
      var next: Int
      var isDraining = false
    }

    private let state: Mutex<State>

    init(count: Int) {
      state = Mutex(State(actions: Array(repeating: nil, count: count), next: count - 1))
    }

    var isDraining: Bool { state.withLock { $0.isDraining } }

    func set(_ index: Int, _ action: @escaping @Sendable () -> Void) {
      state.withLock { $0.actions[index] = action }
    }

    func drainNext() {
      let action = state.withLock { state -> (@Sendable () -> Void)? in
        state.isDraining = true
        guard state.next >= 0 else { return nil }
        defer { state.next -= 1 }
        return state.actions[state.next]
      }
      action?()
    }
  }
}
