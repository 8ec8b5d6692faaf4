import CoreMetrics
import Logging
import Model
import Testing

@testable import Observability

@Suite struct ObservabilityTests {
  static let at = Timestamp(milliseconds: 1_795_255_200_000)

  @Test func aLogLineIsOneJSONObjectWhoseMembersMetadataCannotReplace() throws {
    let line = LineLogHandler.line(
      .json, at: Self.at, level: .warning, label: "sv0", message: "a\n\"b\"",
      metadata: ["run": "01", "level": "forged"])
    #expect(
      String(decoding: line, as: UTF8.self)
        == #"{"at":"2026-11-21T10:00:00Z","level":"warning","logger":"sv0","message":"a\n\"b\"","run":"01"}"#
        + "\n")
  }

  @Test func aTextLineStaysOneLine() {
    let line = LineLogHandler.line(
      .text, at: Self.at, level: .info, label: "sv0", message: "a\nb", metadata: ["k": "v\n2"])
    #expect(
      String(decoding: line, as: UTF8.self) == "2026-11-21T10:00:00Z info a b k=v 2\n")
  }

  @Test func metricsAreInPrometheusFormat() {
    let registry = PrometheusRegistry()
    registry.makeCounter(label: "sv0.records", dimensions: [("kind", "a\"b\\c\nd")])
      .increment(by: 2)
    // Made again for each use, a counter goes on where it was.
    registry.makeCounter(label: "sv0.records", dimensions: [("kind", "a\"b\\c\nd")])
      .increment(by: 3)
    registry.makeMeter(label: "sv0_lag", dimensions: []).set(1.5)
    registry.makeTimer(label: "sv0_seconds", dimensions: []).recordNanoseconds(500_000_000)
    #expect(
      registry.text == #"""
        # TYPE sv0_lag gauge
        sv0_lag 1.5
        # TYPE sv0_records counter
        sv0_records{kind="a\"b\\c\nd"} 5
        # TYPE sv0_seconds summary
        sv0_seconds_sum 0.5
        sv0_seconds_count 1
        # TYPE sv0_metrics_dropped_total counter
        sv0_metrics_dropped_total 0

        """#)
  }

  @Test func seriesAreBounded() {
    let registry = PrometheusRegistry(limit: 2)
    for index in 0..<5 {
      registry.makeCounter(label: "c", dimensions: [("n", "\(index)")]).increment(by: 1)
    }
    #expect(registry.text.contains("sv0_metrics_dropped_total 3"))
    #expect(!registry.text.contains(#"n="4""#))
  }
}
