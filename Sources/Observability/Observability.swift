/// What people and machines see of a worker: JSON logs on standard error, Prometheus metrics and
/// health over HTTP.
///
/// `Observability.start` is called once, before the first worker. Log lines are one JSON object
/// each (`at`, `level`, `message`, `logger` and the metadata); with `text` they are for a terminal.
/// Metrics are written with swift-metrics' `Counter`, `Gauge` and `Timer` anywhere in the workers.
public import Logging
internal import Metrics
public import Model

public enum Observability {
  public enum LogFormat: String, Sendable, CaseIterable {
    case json, text
  }

  /// Sends all logs and metrics of the process to this target's backends.
  public static func start(
    level: Logger.Level, format: LogFormat, metrics: PrometheusRegistry,
    now: @escaping @Sendable () -> Timestamp
  ) {
    LoggingSystem.bootstrap { label in
      LineLogHandler(label: label, level: level, format: format, now: now)
    }
    MetricsSystem.bootstrap(metrics)
  }
}
