internal import Foundation

/// Measures rows of the table of speed and cost, and prints a line for each: its name, what was
/// measured, the target, and `met` or `missed`. What it was made from comes before it, indented.
///
/// ```
/// bench [P5 P6 P7 P8 P9]
/// ```
///
/// It exits 0 whether targets are met or not, and 1 where a row could not be measured.
@main struct Bench {
  static let rows: [(name: String, measure: @Sendable () async throws -> Measured)] = [
    ("P5", { try EscalationRow.measure() }), ("P6", EvaluationRow.measure),
    ("P7", { try IncrementalRow.measure() }),
    ("P8", CallsRow.measure), ("P9", { try LimitsRow.measure() }),
  ]

  static func main() async {
    let asked = Array(CommandLine.arguments.dropFirst())
    if let unknown = asked.first(where: { name in !rows.contains { $0.name == name } }) {
      print("no row \(unknown); there are \(rows.map(\.name).joined(separator: ", "))")
      exit(64)
    }
    var status: Int32 = 0
    for row in rows where asked.isEmpty || asked.contains(row.name) {
      do {
        let measured = try await row.measure()
        for line in measured.details { print("  \(line)") }
        let verdict = measured.isMet ? "met" : "missed"
        print("\(row.name)  \(measured.value)  target \(measured.target)  \(verdict)")
      } catch {
        print("\(row.name)  could not be measured: \(error)")
        status = 1
      }
    }
    exit(status)
  }
}

/// What became of a row.
struct Measured {
  var value: String
  var target: String
  var isMet: Bool
  /// How it grows, and what it is compared with.
  var details: [String]
}

struct NotMeasured: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension Double {
  func digits(_ count: Int) -> String { String(format: "%.\(count)f", self) }
}
