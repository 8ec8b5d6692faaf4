/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// Written as RFC 3339 in UTC, with a fraction only where there is one
/// (`2026-11-21T10:00:00Z`, `2026-11-21T10:00:00.250Z`). No locale, no time zone database: the
/// conversion is Howard Hinnant's `civil_from_days`, so the same input gives the same bytes.
/// Source: https://howardhinnant.github.io/date_algorithms.html, RFC 3339 section 5.6.
public struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var milliseconds: Int64

  public init(milliseconds: Int64) {
    self.milliseconds = milliseconds
  }

  public static func < (left: Self, right: Self) -> Bool {
    left.milliseconds < right.milliseconds
  }

  public static func + (left: Self, right: Duration) -> Self {
    let (seconds, attoseconds) = right.components
    return Self(
      milliseconds: left.milliseconds + seconds * 1000 + attoseconds / 1_000_000_000_000_000)
  }

  public static func - (left: Self, right: Self) -> Duration {
    .milliseconds(left.milliseconds - right.milliseconds)
  }

  public var description: String {
    let fraction = milliseconds - secondsSinceEpoch * 1000
    let ofDay = secondsSinceEpoch - daysSinceEpoch * 86400
    let time = "\(pad(ofDay / 3600, 2)):\(pad(ofDay / 60 % 60, 2)):\(pad(ofDay % 60, 2))"
    return "\(day)T\(time)\(fraction == 0 ? "" : "." + pad(fraction, 3))Z"
  }

  /// The UTC day: `2026-11-21`.
  public var day: String {
    // Days are shifted so that an era of 400 years begins on 0000-03-01.
    let shifted = daysSinceEpoch + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
  }

  /// Reads RFC 3339 text, with `Z` or a numeric offset; anything finer than a millisecond is cut.
  public init?(_ text: some StringProtocol) {
    var rest = Array(text.utf8)[...]
    guard let year = take(&rest, 4), skip(&rest, "-"), let month = take(&rest, 2), skip(&rest, "-"),
      let day = take(&rest, 2), (1...12).contains(month),
      (1...daysInMonth(year: year, month: month)).contains(day),
      skip(&rest, "T") || skip(&rest, "t") || skip(&rest, " "),
      let hour = take(&rest, 2), skip(&rest, ":"), let minute = take(&rest, 2), skip(&rest, ":"),
      let second = take(&rest, 2), hour < 24, minute < 60, second < 61
    else { return nil }
    var fraction: Int64 = 0
    if skip(&rest, ".") {
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      guard !digits.isEmpty else { return nil }
      for index in 0..<3 {
        let digit = index < digits.count ? Int64(digits[digits.startIndex + index] - 0x30) : 0
        fraction = fraction * 10 + digit
      }
      rest = rest.dropFirst(digits.count)
    }
    var offset: Int64 = 0
    if !(skip(&rest, "Z") || skip(&rest, "z")) {
      let sign: Int64
      if skip(&rest, "+") { sign = 1 } else if skip(&rest, "-") { sign = -1 } else { return nil }
      guard let hours = take(&rest, 2), skip(&rest, ":"), let minutes = take(&rest, 2),
        hours < 24, minutes < 60
      else { return nil }
      offset = sign * (hours * 3600 + minutes * 60)
    }
    guard rest.isEmpty else { return nil }
    let days = daysFromCivil(year: year, month: month, day: day)
    let seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
    self.init(milliseconds: seconds * 1000 + fraction)
  }

  private var secondsSinceEpoch: Int64 { floorDivide(milliseconds, 1000) }
  private var daysSinceEpoch: Int64 { floorDivide(secondsSinceEpoch, 86400) }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
  let quotient = value / divisor
  return value % divisor < 0 ? quotient - 1 : quotient
}

private func pad(_ value: Int64, _ width: Int) -> String {
  let digits = String(value)
  return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}

private func daysInMonth(year: Int64, month: Int64) -> Int64 {
  switch month {
  case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
  case 4, 6, 9, 11: 30
  default: 31
  }
}

private func daysFromCivil(year: Int64, month: Int64, day: Int64) -> Int64 {
  let shiftedYear = month <= 2 ? year - 1 : year
  let era = floorDivide(shiftedYear, 400)
  let yearOfEra = shiftedYear - era * 400
  let monthFromMarch = month > 2 ? month - 3 : month + 9
  let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

private func take(_ rest: inout ArraySlice<UInt8>, _ count: Int) -> Int64? {
  guard rest.count >= count else { return nil }
  var value: Int64 = 0
  for byte in rest.prefix(count) {
    guard (0x30...0x39).contains(byte) else { return nil }
    value = value * 10 + Int64(byte - 0x30)
  }
  rest = rest.dropFirst(count)
  return value
}

private func skip(_ rest: inout ArraySlice<UInt8>, _ character: Unicode.Scalar) -> Bool {
  guard rest.first == UInt8(ascii: character) else { return false }
  rest = rest.dropFirst()
  return true
}
