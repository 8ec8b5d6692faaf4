import Foundation
import Synchronization
import Testing

/// Where the programs are, and what they may know of this process's environment.
enum Place {
  /// The repository.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  static let tests = "\(root)/Tests/EndToEnd"
  /// The executable of the same build as this test bundle.
  static let sv0 = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(component: "sv0").path

  private static let own = ProcessInfo.processInfo.environment
  static let venv = own["SV0_VENV"] ?? "\(root)/.venv"
  static let python = "\(venv)/bin/python"
  static let postgres = own["SV0_POSTGRES_BIN"] ?? "/usr/lib/postgresql/15/bin"

  /// For every program that is started: nothing of the user's own settings takes part.
  static let environment = [
    "PATH": own["PATH"] ?? "/usr/bin:/bin", "HOME": own["HOME"] ?? "/", "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
  ]
}

/// Something that a test needs did not come about.
struct Unmet: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Looks again and again until there is a value.
///
/// - Throws: `Unmet` at the deadline.
@discardableResult
func wait<Value>(
  for what: String, upTo limit: Duration = .seconds(60), every pause: Duration = .milliseconds(20),
  _ look: () async throws -> Value?
) async throws -> Value {
  let deadline = ContinuousClock.now + limit
  while true {
    if let value = try await look() { return value }
    guard ContinuousClock.now < deadline else { throw Unmet("waited \(limit) for \(what)") }
    try await Task.sleep(for: pause)
  }
}

func wait(
  until what: String, upTo limit: Duration = .seconds(60),
  every pause: Duration = .milliseconds(20),
  _ holds: () async throws -> Bool
) async throws {
  try await wait(for: what, upTo: limit, every: pause) { try await holds() ? true : nil }
}

/// A program that a test started. What it writes is in files, and it is ended by its process id.
final class Child: Sendable {
  let name: String
  /// The file of its standard error: a worker's log.
  let log: String
  private let output: String
  let pid: pid_t
  /// What `waitpid` said, once it has ended.
  private let ending = Mutex<Int32?>(nil)

  /// - Parameter folder: gets `NAME.out` and `NAME.log`, which are continued if they exist.
  init(
    _ name: String, _ program: String, _ arguments: [String], _ environment: [String: String],
    in folder: String
  ) throws {
    self.name = name
    log = "\(folder)/\(name).log"
    output = "\(folder)/\(name).out"
    pid = try spawn(
      [program] + arguments, Place.environment.merging(environment) { $1 }, output: output,
      errors: log)
    try Leftovers.remember(pid, in: folder)
  }

  var isRunning: Bool { status == nil }
  var written: String { Self.text(output) }
  var logged: String { Self.text(log) }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  /// The exit status, or 128 and the signal that ended it; `nil` while it runs.
  var status: Int32? {
    ending.withLock { ending in
      if let ending { return ending }
      var status: Int32 = 0
      guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
      ending = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
      return ending
    }
  }

  func signal(_ number: Int32) { if isRunning { kill(pid, number) } }

  func ended(within limit: Duration = .seconds(60)) async throws -> Int32 {
    try await wait(for: "the end of \(name)", upTo: limit) { status }
  }

  /// Asks it to end, and insists when it has not done so in time.
  func stop() async throws {
    signal(SIGTERM)
    do { _ = try await ended(within: .seconds(30)) } catch {
      signal(SIGKILL)
      _ = try await ended()
      throw Unmet("\(name) had to be killed; the end of its log:\n\(logged.suffix(2000))")
    }
  }

  /// Asks a worker to drain: within its deadline, and with success.
  func drain() async throws {
    guard isRunning else {
      throw Unmet("\(name) ended by itself (\(status ?? -1)): \(logged.suffix(2000))")
    }
    signal(SIGTERM)
    let status = try await ended(within: .seconds(30))
    guard status == 0 else { throw Unmet("\(name) exited \(status): \(logged.suffix(2000))") }
  }

  /// The first line on standard output.
  func firstLine() async throws -> String {
    try await wait(for: "\(name)'s first line") {
      if let end = written.firstIndex(of: "\n") { return String(written[..<end]) }
      guard isRunning else { throw Unmet("\(name) ended: \(logged.suffix(2000))") }
      return nil
    }
  }
}

/// Starts a program in the repository, with the usual signals (a test's threads block them) and
/// nothing open but the two files.
private func spawn(
  _ command: [String], _ environment: [String: String], output: String, errors: String
) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  var signals = sigset_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawnattr_init(&attributes)
  defer {
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
  }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  for (descriptor, path) in [(1, output), (2, errors)] as [(Int32, String)] {
    posix_spawn_file_actions_addopen(
      &actions, descriptor, path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
  }
  // Closing one that is gone by then is no error.
  for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
    guard let descriptor = Int32(name), descriptor > 2 else { continue }
    posix_spawn_file_actions_addclose(&actions, descriptor)
  }
  sigemptyset(&signals)
  posix_spawnattr_setsigmask(&attributes, &signals)
  sigfillset(&signals)
  posix_spawnattr_setsigdefault(&attributes, &signals)
  posix_spawnattr_setflags(
    &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
  // Replaces itself by the program, so that the id stays the same.
  let words = ["/usr/bin/env", "--chdir=\(Place.root)"] + command
  var arguments = words.map { strdup($0) } + [nil]
  var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
  defer { (arguments + variables).forEach { free($0) } }
  var pid: pid_t = 0
  let result = posix_spawn(&pid, words[0], &actions, &attributes, &arguments, &variables)
  guard result == 0 else {
    throw Unmet("starting \(command[0]): \(String(cString: strerror(result)))")
  }
  return pid
}

/// What a command came to.
struct Outcome {
  let status: Int32
  let output: String
  let errors: String
  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Runs a program to its end.
  static func of(
    _ name: String, _ program: String, _ arguments: [String], _ environment: [String: String],
    in folder: String, within limit: Duration = .seconds(120)
  ) async throws -> Outcome {
    let unique = "\(name)-\(UUID().uuidString.prefix(8))"
    let child = try Child(unique, program, arguments, environment, in: folder)
    do {
      let status = try await child.ended(within: limit)
      return Outcome(status: status, output: child.written, errors: child.logged)
    } catch {
      child.signal(SIGKILL)
      throw Unmet("\(error); it said: \(child.written.suffix(1000)) \(child.logged.suffix(1000))")
    }
  }

  /// The outcome of a program that has to succeed.
  func succeeded(_ what: String) throws -> Outcome {
    guard status == 0 else { throw Unmet("\(what) exited \(status): \(output)\(errors)") }
    return self
  }
}
