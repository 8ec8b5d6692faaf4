internal import Foundation
internal import Logging
internal import Model

/// Writes each event as one line to standard error.
struct LineLogHandler: LogHandler {
  let label: String
  let format: Observability.LogFormat
  let now: @Sendable () -> Timestamp
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  init(
    label: String, level: Logger.Level, format: Observability.LogFormat,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.label = label
    self.format = format
    self.now = now
    logLevel = level
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    let line = Self.line(
      format, at: now(), level: event.level, label: label, message: event.message.description,
      metadata: all.mapValues(\.description))
    FileHandle.standardError.write(Data(line))
  }

  /// The bytes of a line. Metadata cannot replace the members every line has.
  static func line(
    _ format: Observability.LogFormat, at time: Timestamp, level: Logger.Level, label: String,
    message: String, metadata: [String: String]
  ) -> [UInt8] {
    switch format {
    case .json:
      var members = metadata.mapValues { JSON.string($0) }
      members["at"] = .string(time.description)
      members["level"] = .string(level.rawValue)
      members["logger"] = .string(label)
      members["message"] = .string(message)
      return JSON.object(members).bytes + [UInt8(ascii: "\n")]
    case .text:
      let details = metadata.sorted { $0.key.precedes($1.key) }.map { " \($0.key)=\($0.value)" }
      let text = "\(time) \(level.rawValue) \(message)\(details.joined())"
      return Array(text.utf8.map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }) + [UInt8(ascii: "\n")]
    }
  }
}
