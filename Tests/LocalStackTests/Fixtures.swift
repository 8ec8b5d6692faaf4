import Foundation
import Synchronization
import Testing

@testable import LocalStack

/// Only where the programs are: servers that the environment names must not replace ours here.
let own = ProcessInfo.processInfo.environment.filter {
  ["SV0_VENV", "SV0_POSTGRES_BIN"].contains($0.key)
}

/// Gives a fresh directory; stops what was started in it and removes it afterwards.
func withFolder(_ body: (String) async throws -> Void) async throws {
  let folder = FileManager.default.temporaryDirectory.appending(
    component: "sv0-test-\(UUID().uuidString)"
  ).path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  let result: Result<Void, any Error>
  do { result = .success(try await body(folder)) } catch { result = .failure(error) }
  for stack in [folder, "\(folder)/stack", "\(folder)/ours", "\(folder)/theirs"] {
    try await LocalStack.down(directory: stack)
  }
  try FileManager.default.removeItem(atPath: folder)
  try result.get()
}

/// Ports to try in this order, then free ones.
final class Choices: Sendable {
  private let ports: Mutex<[UInt16]>

  init(_ ports: [UInt16]) {
    self.ports = Mutex(ports)
  }

  @Sendable func next() throws(LocalStackError) -> UInt16 {
    let chosen = ports.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    if let chosen { return chosen }
    return try Port.free()
  }
}

/// One value, asked of Postgres as a user of the printed address would.
func query(_ statement: String, at address: String?) throws -> String {
  let folder = own["SV0_POSTGRES_BIN"] ?? "/usr/lib/postgresql/15/bin"
  return try output(of: "\(folder)/psql", ["-XAtc", statement, try #require(address)])
}

func output(of program: String, _ arguments: [String]) throws -> String {
  let process = Process()
  process.executableURL = URL(filePath: program)
  process.arguments = arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
}
