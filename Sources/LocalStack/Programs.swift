import Foundation

/// Where the servers' programs are: the Python environment that `make setup` creates, and Debian's
/// PostgreSQL.
struct Programs {
  private let environment: String
  private let postgresFolder: String

  init(settings: [String: String]) {
    environment = settings["SV0_VENV"] ?? Self.nearestEnvironment()
    postgresFolder = settings["SV0_POSTGRES_BIN"] ?? "/usr/lib/postgresql/15/bin"
  }

  func moto() throws(LocalStackError) -> String {
    try executable("moto_server", in: "\(environment)/bin")
  }

  /// The binary inside the wheel: the script beside it leaves the broker behind on SIGTERM.
  func broker() throws(LocalStackError) -> String {
    let library = "\(environment)/lib"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: library)) ?? []
    let python = versions.sorted().first { $0.hasPrefix("python3") } ?? "python3"
    return try executable("noida-db", in: "\(library)/\(python)/site-packages/noida_db")
  }

  func postgres(_ program: String) throws(LocalStackError) -> String {
    try executable(program, in: postgresFolder)
  }

  private func executable(
    _ name: String, in folder: String
  ) throws(LocalStackError) -> String {
    let path = URL(filePath: folder).appending(component: name).path
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw .missingProgram(name, path: path)
    }
    return path
  }

  /// `.venv` of the working directory or the nearest one above; the working directory's if none.
  private static func nearestEnvironment() -> String {
    let start = URL(filePath: FileManager.default.currentDirectoryPath)
    var folder = start
    while true {
      let candidate = folder.appending(component: ".venv").path
      if FileManager.default.fileExists(atPath: candidate) { return candidate }
      let parent = folder.deletingLastPathComponent()
      if parent.path == folder.path { return start.appending(component: ".venv").path }
      folder = parent
    }
  }
}
