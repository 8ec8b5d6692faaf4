public import CoreMetrics
internal import Model
internal import Synchronization

/// A swift-metrics backend whose state is read as Prometheus text.
///
/// Counters are `counter`, meters and recorders that do not aggregate are `gauge`, the rest are
/// `summary` with a sum and a count (timers in seconds). The number of series is bounded: past the
/// limit new series are dropped and counted, so that a label with too many values cannot eat the
/// memory of a worker.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
public final class PrometheusRegistry: MetricsFactory {
  private struct Key: Hashable {
    var name: String
    var labels: String
  }

  private struct State {
    var series: [Key: Series] = [:]
    var dropped: Int64 = 0
  }

  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: the most series that are kept.
  public init(limit: Int = 10_000) {
    self.limit = limit
  }

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    series(label, dimensions, .counter)
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    series(label, dimensions, .counter)
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    series(label, dimensions, .gauge)
  }

  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    series(label, dimensions, aggregate ? .summary : .gauge)
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    series(label, dimensions, .summary)
  }

  // Handlers are cheap to look up again and carry no resources: a counter that is made for each
  // use must find its series as it was, so destroying one does nothing.
  public func destroyCounter(_ handler: any CounterHandler) {}
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  public func destroyMeter(_ handler: any MeterHandler) {}
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  public func destroyTimer(_ handler: any TimerHandler) {}

  /// Everything as Prometheus text format 0.0.4, in order of name and labels.
  public var text: String {
    let (series, dropped) = state.withLock { ($0.series, $0.dropped) }
    var output = ""
    var last = ""
    let ordered = series.sorted {
      $0.key.name == $1.key.name
        ? $0.key.labels.precedes($1.key.labels) : $0.key.name.precedes($1.key.name)
    }
    for (key, series) in ordered {
      if key.name != last {
        output += "# TYPE \(key.name) \(series.kind.rawValue)\n"
        last = key.name
      }
      output += series.lines(name: key.name, labels: key.labels)
    }
    output += "# TYPE sv0_metrics_dropped_total counter\nsv0_metrics_dropped_total \(dropped)\n"
    return output
  }

  private func series(
    _ label: String, _ dimensions: [(String, String)], _ kind: Series.Kind
  ) -> Series {
    let labels = dimensions.map { "\(sanitized($0.0))=\"\(escaped($0.1))\"" }
    let key = Key(name: sanitized(label), labels: labels.joined(separator: ","))
    return state.withLock { state in
      if let known = state.series[key] { return known }
      let new = Series(kind)
      if state.series.count < limit {
        state.series[key] = new
      } else {
        state.dropped += 1
      }
      return new
    }
  }
}

/// One time series.
private final class Series: CounterHandler, FloatingPointCounterHandler, MeterHandler,
  RecorderHandler, TimerHandler
{
  enum Kind: String {
    case counter, gauge, summary
  }

  let kind: Kind
  private let values = Mutex((sum: 0.0, count: Int64(0)))

  init(_ kind: Kind) {
    self.kind = kind
  }

  func lines(name: String, labels: String) -> String {
    let (sum, count) = values.withLock { $0 }
    let suffix = labels.isEmpty ? "" : "{\(labels)}"
    guard kind == .summary else { return "\(name)\(suffix) \(number(sum))\n" }
    return "\(name)_sum\(suffix) \(number(sum))\n\(name)_count\(suffix) \(count)\n"
  }

  func increment(by amount: Int64) { add(Double(amount)) }
  func increment(by amount: Double) { add(amount) }
  func decrement(by amount: Double) { add(-amount) }
  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { values.withLock { $0 = (value, 1) } }
  func record(_ value: Int64) { record(Double(value)) }
  func record(_ value: Double) { kind == .gauge ? set(value) : add(value) }
  func recordNanoseconds(_ duration: Int64) { add(Double(duration) / 1e9) }
  func reset() { values.withLock { $0 = (0, 0) } }

  private func add(_ amount: Double) {
    values.withLock {
      $0.sum += amount
      $0.count += 1
    }
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
  }
}

private func sanitized(_ name: String) -> String {
  String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" })
}

private func escaped(_ value: String) -> String {
  value.reduce(into: "") { output, character in
    switch character {
    case "\\": output += "\\\\"
    case "\"": output += "\\\""
    case "\n": output += "\\n"
    default: output.append(character)
    }
  }
}
