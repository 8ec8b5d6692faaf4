import Glibc
import Simulation

/// The command line cannot be understood.
struct UsageError: Error {
  var message: String
}

/// What the command line says.
struct Options {
  var first: UInt64 = 1
  var count: UInt64 = 1000
  var duration: Duration?
  var invariant: String?
  var defect: Defect?
  var schedule: Schedule?
  var isTraced = false
  var isVerbose = false
  var isEndless = false
  var isList = false
  var shrinks = true

  init(_ words: [String]) throws(UsageError) {
    var words = words[...]
    while let word = words.popFirst() {
      switch word {
      case "--trace": isTraced = true
      case "--verbose": isVerbose = true
      case "--endless": isEndless = true
      case "--no-shrink": shrinks = false
      case "--list": isList = true
      case "--help": throw UsageError(message: Self.usage)
      default:
        guard let value = words.popFirst() else {
          throw UsageError(message: "\(word) needs a value. \(Self.usage)")
        }
        try take(word, value)
      }
    }
  }

  private static let usage =
    "Usage: soak [--seeds N | --seconds N] [--first N] [--seed N] [--schedule TEXT] "
    + "[--invariant NAME] [--defect NAME] [--trace] [--verbose] [--endless] [--no-shrink] [--list]"

  private mutating func take(_ word: String, _ value: String) throws(UsageError) {
    switch word {
    case "--seeds": count = try number(word, value)
    case "--first": first = try number(word, value)
    case "--seed":
      first = try number(word, value)
      count = 1
    case "--seconds":
      duration = .seconds(Int64(try number(word, value)))
      count = .max / 2
    case "--schedule":
      do throws(ScheduleError) {
        schedule = try Schedule(value)
      } catch {
        throw UsageError(message: error.description)
      }
    case "--invariant":
      guard Invariant.all.contains(where: { $0.name == value }) else {
        throw UsageError(message: "There is no invariant \(value); --list names them.")
      }
      invariant = value
    case "--defect":
      guard let found = Defect.all.first(where: { $0.name == value }) else {
        throw UsageError(message: "There is no defect \(value); --list names them.")
      }
      defect = found
    default: throw UsageError(message: "\(word) is not known. \(Self.usage)")
    }
  }

  private func number(_ word: String, _ value: String) throws(UsageError) -> UInt64 {
    guard let number = UInt64(value) else {
      throw UsageError(message: "\(word) needs a number, not \(value).")
    }
    return number
  }

  var schedules: AnySequence<Schedule> {
    if let schedule { return AnySequence([schedule]) }
    return AnySequence((first..<(first + count)).lazy.map { Schedule.random($0) })
  }

  func concerns(_ violation: Simulator.Violation) -> Bool {
    invariant == nil || violation.invariant.name == invariant
  }
}

func exit(with status: Int32) -> Never { exit(status) }
