import Foundation
import Glibc

/// What `up` started: written to `stack.json`, read by later calls.
struct StackState: Codable {
  /// Fresh directory under the temporary directory; one folder per service.
  var dataDirectory: String
  var servers: [Server] = []

  struct Server: Codable {
    let service: LocalStack.Service
    let process: ProcessIdentity
    /// False until it answers and is prepared.
    var isReady: Bool
    var variables: [String: String]
  }

  private static let prefix = "sv0-local-"

  /// Makes the data directory. Others may pass through it, because Postgres runs as `postgres`
  /// when we are root; the folders inside are closed.
  init() throws(LocalStackError) {
    let parent = FileManager.default.temporaryDirectory.path
    var template = Array("\(parent)/\(Self.prefix)XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else {
      throw .system("making a directory in \(parent)", reason: lastReason())
    }
    dataDirectory = String(
      decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    guard unsafe chmod(dataDirectory, 0o711) == 0 else {
      throw .system("opening \(dataDirectory)", reason: lastReason())
    }
  }

  /// Removes the data of all services; that it is gone already is no error.
  func removeData() throws(LocalStackError) {
    guard URL(filePath: dataDirectory).lastPathComponent.hasPrefix(Self.prefix) else { return }
    try removeTree(dataDirectory)
  }

  /// Removes the data of one service.
  func removeData(of service: LocalStack.Service) throws(LocalStackError) {
    try removeTree("\(dataDirectory)/\(service.rawValue)")
  }
}

/// The directory that the caller names: `stack.json`, `lock`, and a log per server.
struct StackDirectory {
  let path: String
  private var stateFile: String { "\(path)/stack.json" }

  /// Creates the directory if it is absent.
  init(path: String) throws(LocalStackError) {
    self.path = URL(filePath: path).path  // absolute: daemons run in `/`
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .system("making the directory \(path)", reason: error.localizedDescription)
    }
  }

  /// What runs, as far as is known; nil where nothing was started.
  func readState() throws(LocalStackError) -> StackState? {
    guard let data = FileManager.default.contents(atPath: stateFile) else { return nil }
    do {
      return try JSONDecoder().decode(StackState.self, from: data)
    } catch {
      throw .unreadableState(path: stateFile)
    }
  }

  /// Replaces the state file in one step.
  func write(_ state: StackState) throws(LocalStackError) {
    let draft = stateFile + ".new"
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      let data = try encoder.encode(state)
      try? FileManager.default.removeItem(atPath: draft)
      guard
        FileManager.default.createFile(
          atPath: draft, contents: data, attributes: [.posixPermissions: 0o600])
      else { throw CocoaError(.fileWriteUnknown) }
    } catch {
      throw .system("writing \(draft)", reason: error.localizedDescription)
    }
    guard unsafe rename(draft, stateFile) == 0 else {
      throw .system("writing \(stateFile)", reason: lastReason())
    }
  }

  func removeState() throws(LocalStackError) {
    try removeTree(stateFile)
  }

  func log(_ name: String) -> String { "\(path)/\(name).log" }

  /// Waits for its turn among the processes that work on this directory.
  func lock() async throws(LocalStackError) -> Lock {
    let descriptor = unsafe open("\(path)/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .system("opening \(path)/lock", reason: lastReason())
    }
    let taken = await Deadline(seconds: 120).reached { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }
    guard taken else {
      close(descriptor)
      throw Task.isCancelled ? .cancelled : .busy(directory: path)
    }
    return Lock(descriptor: descriptor)
  }

  /// A turn; ends with the process at the latest.
  struct Lock {
    fileprivate let descriptor: Int32

    func release() { close(descriptor) }
  }
}

private func removeTree(_ path: String) throws(LocalStackError) {
  guard FileManager.default.fileExists(atPath: path) else { return }
  do {
    try FileManager.default.removeItem(atPath: path)
  } catch {
    throw .system("removing \(path)", reason: error.localizedDescription)
  }
}

/// The operating system's words for `errno`.
func lastReason() -> String {
  unsafe String(cString: strerror(errno))
}
