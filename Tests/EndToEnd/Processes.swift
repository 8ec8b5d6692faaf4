import Foundation
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
  for what: String, upTo limit: Duration = .seconds(60), _ look: () async throws -> Value?
) async throws -> Value {
  let deadline = ContinuousClock.now + limit
  while true {
    if let value = try await look() { return value }
    guard ContinuousClock.now < deadline else { throw Unmet("waited \(limit) for \(what)") }
    try await Task.sleep(for: .milliseconds(20))
  }
}

func wait(
  until what: String, upTo limit: Duration = .seconds(60), _ holds: () async throws -> Bool
) async throws {
  try await wait(for: what, upTo: limit) { try await holds() ? true : nil }
}

/// A program that a test started. What it writes is in files, and it is ended by its process id.
final class Child: Sendable {
  let name: String
  /// The file of its standard error: a worker's log.
  let log: String
  private let output: String
  private let process: Process

  /// - Parameter folder: gets `NAME.out` and `NAME.log`, which are continued if they exist.
  init(
    _ name: String, _ program: String, _ arguments: [String], _ environment: [String: String],
    in folder: String
  ) throws {
    self.name = name
    log = "\(folder)/\(name).log"
    output = "\(folder)/\(name).out"
    process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.environment = Place.environment.merging(environment) { $1 }
    process.currentDirectoryURL = URL(filePath: Place.root)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try Self.appending(to: output)
    process.standardError = try Self.appending(to: log)
    try process.run()
  }

  private static func appending(to path: String) throws -> FileHandle {
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    guard let handle = FileHandle(forWritingAtPath: path) else { throw Unmet("writing \(path)") }
    _ = try handle.seekToEnd()
    return handle
  }

  var pid: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }
  var written: String { Self.text(output) }
  var logged: String { Self.text(log) }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }

  func signal(_ number: Int32) { if isRunning { kill(pid, number) } }

  /// The exit status, or 128 and the signal that ended it.
  func ended(within limit: Duration = .seconds(60)) async throws -> Int32 {
    try await wait(until: "\(name) to end", upTo: limit) { !isRunning }
    let status = process.terminationStatus
    return process.terminationReason == .exit ? status : 128 + status
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

  /// The first line on standard output.
  func firstLine() async throws -> String {
    try await wait(for: "\(name)'s first line") {
      if let end = written.firstIndex(of: "\n") { return String(written[..<end]) }
      guard isRunning else { throw Unmet("\(name) ended: \(logged.suffix(2000))") }
      return nil
    }
  }
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
