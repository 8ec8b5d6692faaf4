internal import Evaluation
internal import Logging
internal import Observability

/// One setting: its key in the file, its variable in the environment, and how it is read.
struct Setting: Sendable {
  let key: String
  let variable: String
  /// Reads the text into the settings; returns what is wrong and what is accepted.
  let set: @Sendable (inout Settings, String) -> String?
}

extension Settings {
  /// Every setting but the open-ended `kafkaProperties`. A new setting is a line here.
  static let all: [Setting] = [
    text("kafka", "SV0_KAFKA", \.kafka, "host:port of a broker, several separated by commas"),
    text("postgres", "SV0_POSTGRES", \.postgres, "a URL postgres://user@host:port/database"),
    text(
      "postgresOwner", "SV0_POSTGRES_OWNER", \.postgresOwner,
      "a URL postgres://user@host:port/database"),
    text("instance", "SV0_INSTANCE", \.instance, "a name that is unique in the consumer group"),
    word("log.level", "SV0_LOG_LEVEL", \.logLevel),
    word("log.format", "SV0_LOG_FORMAT", \.logFormat),
    Setting(key: "http.listen", variable: "SV0_HTTP_LISTEN") { settings, text in
      guard let colon = text.lastIndex(of: ":"), colon > text.startIndex,
        let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port)
      else { return "expected host:port, such as 127.0.0.1:9464" }
      settings.httpListen = HostPort(host: String(text[..<colon]), port: port)
      return nil
    },
    duration("evaluator.quiet", "SV0_EVALUATOR_QUIET", \.evaluatorQuiet),
    duration(
      "evaluator.maximumDelay", "SV0_EVALUATOR_MAXIMUM_DELAY", \.evaluatorMaximumDelay),
    duration("evaluator.dormantAfter", "SV0_EVALUATOR_DORMANT_AFTER", \.thresholds.dormantAfter),
    duration("evaluator.secretAge", "SV0_EVALUATOR_SECRET_AGE", \.thresholds.secretAge),
    duration(
      "evaluator.expiryWarning", "SV0_EVALUATOR_EXPIRY_WARNING", \.thresholds.expiryWarning),
    duration("scheduler.lease", "SV0_SCHEDULER_LEASE", \.schedulerLease),
    count("scheduler.attempts", "SV0_SCHEDULER_ATTEMPTS", \.schedulerAttempts, 1...100),
    count("scheduler.inFlight", "SV0_SCHEDULER_IN_FLIGHT", \.schedulerInFlight, 1...10_000),
    count(
      "scheduler.inFlightPerTenant", "SV0_SCHEDULER_IN_FLIGHT_PER_TENANT",
      \.schedulerInFlightPerTenant, 1...10_000),
    count("extractor.runs", "SV0_EXTRACTOR_RUNS", \.extractorRuns, 1...64),
    count(
      "loader.stagedBytes", "SV0_LOADER_STAGED_BYTES", \.loaderStagedBytes, 1 << 20...1 << 50),
  ]

  private static func text(
    _ key: String, _ variable: String,
    _ path: any WritableKeyPath<Settings, String?> & Sendable, _ accepted: String
  ) -> Setting {
    Setting(key: key, variable: variable) { settings, text in
      guard !text.isEmpty else { return "expected \(accepted)" }
      settings[keyPath: path] = text
      return nil
    }
  }

  private static func word<Value: RawRepresentable & CaseIterable & SendableMetatype>(
    _ key: String, _ variable: String, _ path: any WritableKeyPath<Settings, Value> & Sendable
  ) -> Setting where Value.RawValue == String {
    Setting(key: key, variable: variable) { settings, text in
      guard let value = Value(rawValue: text) else {
        return "expected one of " + Value.allCases.map(\.rawValue).joined(separator: ", ")
      }
      settings[keyPath: path] = value
      return nil
    }
  }

  private static func duration(
    _ key: String, _ variable: String, _ path: any WritableKeyPath<Settings, Duration> & Sendable
  ) -> Setting {
    Setting(key: key, variable: variable) { settings, text in
      guard let value = Duration(parsing: text) else {
        return "expected a duration such as 250ms, 10s, 5m or 24h"
      }
      settings[keyPath: path] = value
      return nil
    }
  }

  private static func count(
    _ key: String, _ variable: String, _ path: any WritableKeyPath<Settings, Int> & Sendable,
    _ range: ClosedRange<Int>
  ) -> Setting {
    Setting(key: key, variable: variable) { settings, text in
      guard let value = Int(text), range.contains(value) else {
        return "expected a number from \(range.lowerBound) to \(range.upperBound)"
      }
      settings[keyPath: path] = value
      return nil
    }
  }
}

extension Duration {
  /// Reads `250ms`, `10s`, `5m`, `24h`, `7d`.
  init?(parsing text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let amount = Int64(digits), amount <= 1_000_000_000 else { return nil }
    switch text.dropFirst(digits.count) {
    case "ms": self = .milliseconds(amount)
    case "s": self = .seconds(amount)
    case "m": self = .seconds(amount * 60)
    case "h": self = .seconds(amount * 3600)
    case "d": self = .seconds(amount * 86400)
    default: return nil
    }
  }
}
