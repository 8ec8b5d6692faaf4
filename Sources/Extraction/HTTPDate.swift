public import Model

/// Times in HTTP header fields.
///
/// Source: RFC 9110 sections 5.6.7 and 10.2.3.
public enum HTTPDate {
  /// Reads `Sat, 21 Nov 2026 10:00:00 GMT`; the two obsolete forms are `nil`.
  public static func timestamp(_ text: String) -> Timestamp? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", parts[1].utf8.count == 2,
      let month = months.firstIndex(of: String(parts[2]))
    else { return nil }
    let number = month + 1
    return Timestamp("\(parts[3])-\(number < 10 ? "0" : "")\(number)-\(parts[1])T\(parts[4])Z")
  }

  /// Reads `Retry-After`: seconds, or a time; `nil` when it is neither.
  public static func duration(ofRetryAfter text: String, at now: Timestamp) -> Duration? {
    if let seconds = Int64(text) { return .seconds(min(max(0, seconds), 86_400)) }
    return timestamp(text).map { max(.zero, $0 - now) }
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
}
