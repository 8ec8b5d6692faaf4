internal import Foundation

/// A Python program of this folder.
struct Program {
  private let process = Process()
  private let output = Pipe()

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
  private static let root = folder.deletingLastPathComponent().deletingLastPathComponent()

  /// - Parameter packages: the folder of its packages; else those of `SV0_VENV`.
  init(
    _ name: String, _ arguments: [String] = [], with packages: String? = nil,
    environment: [String: String] = [:]
  ) throws {
    let own = ProcessInfo.processInfo.environment
    let venv = packages ?? own["SV0_VENV"] ?? Self.root.appending(path: ".venv").path
    process.executableURL = URL(filePath: "\(venv)/bin/python")
    process.arguments = [Self.folder.appending(path: name).path] + arguments
    process.environment = own.merging(environment) { _, given in given }
    process.standardOutput = output
    try process.run()
  }

  /// The folder of a peer's own packages, apart from those of the tests; installed once.
  static func packages(of peer: String) throws -> String {
    let script = root.appending(path: "deploy/local/peer-environment.sh")
    let (process, output) = (Process(), Pipe())
    process.executableURL = script
    process.arguments = [peer]
    process.standardOutput = output
    try process.run()
    let answer = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw NotMeasured("\(script.path) \(peer) ended with an error")
    }
    return String(decoding: answer, as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
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
