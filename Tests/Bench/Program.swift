internal import Foundation

/// A Python program of this folder, with the packages of `SV0_VENV`.
struct Program {
  private let process = Process()
  private let output = Pipe()

  init(
    _ name: String, _ arguments: [String] = [], environment: [String: String] = [:]
  ) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
    let own = ProcessInfo.processInfo.environment
    let venv =
      own["SV0_VENV"]
      ?? root.deletingLastPathComponent().deletingLastPathComponent().appending(path: ".venv").path
    process.executableURL = URL(filePath: "\(venv)/bin/python")
    process.arguments = [root.appending(path: name).path] + arguments
    process.environment = own.merging(environment) { _, given in given }
    process.standardOutput = output
    try process.run()
  }

  /// Its first line.
  func line() throws -> String {
    var bytes: [UInt8] = []
    while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != 0x0A {
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func stop() {
    // Not SIGTERM: whoever started this process may ignore it, which a child inherits.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
