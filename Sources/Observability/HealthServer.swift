internal import HTTPTypes
internal import Hummingbird
public import Logging
public import Model
public import Pipeline
public import ServiceLifecycle

/// Serves `/healthz`, `/readyz` and `/metrics`.
///
/// `/healthz` answers 503 only when a loop is stuck, whatever the servers do: restarting a worker
/// does not mend a broker. `/readyz` answers 503 with one line for each thing that is in the way.
public struct HealthServer: Service {
  private let host: String
  private let port: Int
  private let health: Health
  private let metrics: PrometheusRegistry
  private let log: Logger

  public init(
    host: String, port: Int, health: Health, metrics: PrometheusRegistry, log: Logger
  ) {
    self.host = host
    self.port = port
    self.health = health
    self.metrics = metrics
    self.log = log
  }

  public func run() async throws {
    let router = Router()
    router.get("healthz") { [health] _, _ in
      Self.answer(health.stalled.map { "stalled: \($0)" })
    }
    router.get("readyz") { [health] _, _ in Self.answer(health.obstacles) }
    router.get("metrics") { [metrics] _, _ in
      Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
    }
    let application = Application(
      router: router, configuration: .init(address: .hostname(host, port: port)), logger: log)
    do {
      try await application.run()
    } catch let error where !(error is CancellationError) {
      throw AddressUnavailable(address: "\(host):\(port)", reason: "\(error)")
    }
  }

  private static func answer(_ problems: [String]) -> Response {
    let lines = problems.isEmpty ? ["ok"] : problems
    return Response(
      status: problems.isEmpty ? .ok : .serviceUnavailable, headers: [.contentType: "text/plain"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: lines.joined(separator: "\n") + "\n")))
  }
}

/// Health and metrics cannot be served where the settings say.
public struct AddressUnavailable: ClassifiedError, CustomStringConvertible {
  let address: String
  let reason: String

  public var isRetriable: Bool { false }

  public var description: String {
    "Health and metrics cannot be served on \(address): \(reason). Each process needs an address of "
      + "its own: set http.listen or SV0_HTTP_LISTEN; port 0 takes any that is free."
  }
}
