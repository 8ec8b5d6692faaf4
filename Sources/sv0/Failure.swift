internal import ArgumentParser

/// Why a command ends, for the person who called it, and the exit code that says so to a script.
struct Failure: Error, CustomStringConvertible {
  /// The codes of `sysexits.h` that `sv0` uses.
  enum Code: Int32 {
    /// Done, with findings or outcomes that the caller asked to fail on.
    case outcome = 1
    case usage = 64
    case badData = 65
    case unreachable = 69
    case bug = 70
    case tryAgain = 75
    case permission = 77
    case configuration = 78
  }

  let code: Code
  /// What happened, what it means, what to do.
  let description: String

  init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
