public import Logging
public import ServiceLifecycle

/// Does something at an interval, at once again while there is more to do, and drains.
public struct PeriodicLoop: Service {
  private let name: String
  private let interval: Duration
  private let health: Health
  private let persistence: Persistence
  private let sleep: Sleep
  private let body: @Sendable () async throws -> Bool

  /// - Parameter body: one turn; returns whether there is more to do right now.
  public init(
    name: String, interval: Duration, health: Health, log: Logger,
    sleep: @escaping Sleep = { try await Task.sleep(for: $0) },
    body: @escaping @Sendable () async throws -> Bool
  ) {
    self.name = name
    self.interval = interval
    self.health = health
    self.sleep = sleep
    self.body = body
    persistence = Persistence(name: name, health: health, log: log, sleep: sleep)
  }

  public func run() async throws {
    defer { health.ended(name) }
    do {
      while !Task.isShuttingDownGracefully, !Task.isCancelled {
        let more = try await persistence.run(body)
        health.turned(name, obstacle: nil)
        if !more {
          try await cancelledByDraining { try await sleep(interval) }
        }
      }
    } catch is CancellationError {
      return
    }
  }
}
