/// Why the private servers could not be started or stopped.
public enum LocalStackError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A program that `make setup` installs is not at its place.
  case missingProgram(String, path: String)
  /// A server, or a program that prepares it, ended; with the last lines that it wrote.
  case ended(String, log: String, tail: String)
  /// A server did not answer in time; with the last lines that it wrote.
  case silent(LocalStack.Service, seconds: Int, log: String, tail: String)
  /// A server that the user named does not answer.
  case givenServerUnreachable(variable: String, address: String)
  /// Only one of two variables that belong together is set.
  case incompleteSettings(present: String, absent: String)
  /// Another process works on the same directory.
  case busy(directory: String)
  /// The state file cannot be understood, so it is not known what runs.
  case unreadableState(path: String)
  /// A call of the operating system failed.
  case system(String, reason: String)
  /// The calling task was cancelled; what was started has been stopped.
  case cancelled

  /// Whether the same call may succeed when repeated without a change.
  public var isRetriable: Bool {
    switch self {
    case .silent, .busy, .givenServerUnreachable, .cancelled: true
    case .missingProgram, .ended, .incompleteSettings, .unreadableState, .system: false
    }
  }

  public var description: String {
    switch self {
    case .missingProgram(let name, let path):
      "\(name) is not installed: there is no executable \(path). Run `make setup`."
    case .ended(let name, let log, let tail):
      "\(name) ended instead of answering. The last lines of \(log):\n\(tail)"
    case .silent(let service, let seconds, let log, let tail):
      "\(service.rawValue) did not answer within \(seconds) s and was stopped; try again on a less "
        + "busy machine. The last lines of \(log):\n\(tail)"
    case .givenServerUnreachable(let variable, let address):
      "\(variable) is set, and nothing answers at \(address). Start that server, or unset "
        + "\(variable) to have a private one."
    case .incompleteSettings(let present, let absent):
      "\(present) is set and \(absent) is not. Set both to use your server, or unset both to have "
        + "a private one."
    case .busy(let directory):
      "Another `sv0 local` has been working on \(directory) for two minutes. Wait for it, or end "
        + "it, and try again."
    case .unreadableState(let path):
      "\(path) cannot be read, so it is not known which servers run. It is written by `sv0 local "
        + "up`; use the version of sv0 that wrote it, or stop its servers yourself and delete it."
    case .system(let operation, let reason):
      "\(operation) failed: \(reason)."
    case .cancelled:
      "Interrupted. The servers that were being started have been stopped."
    }
  }
}
