import Foundation
import Glibc

/// A program to start: as a daemon, or to run to its end.
struct Launch {
  /// The program's path, then its arguments. Everyone can see them: no secrets.
  var command: [String]
  /// Added to a minimal environment, so that `PG*` or `AWS_*` of the caller change nothing.
  var environment: [String: String] = [:]
  /// Standard output and error go here; emptied first.
  var log: String

  /// Starts the program in a session of its own, with no descriptors but the log.
  ///
  /// Signals are reset, since a caller that ignores SIGTERM would hand that down.
  func spawn() throws(LocalStackError) -> ProcessIdentity {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    var signals = sigset_t()
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawnattr_init(&attributes)
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
    }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(
      &actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Closing one that is gone by then is no error.
    for descriptor in openDescriptors where descriptor > 2 {
      unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    unsafe sigfillset(&signals)
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

    // Both replace themselves by the next program, so that the id stays the same.
    let daemon = ["/usr/bin/setsid", "/usr/bin/env", "--chdir=/"] + command
    var words = unsafe daemon.map { unsafe strdup($0) } + [nil]
    var variables =
      unsafe (inherited.merging(environment) { _, new in new })
      .map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      unsafe (words + variables).forEach { unsafe free($0) }
    }
    var pid: pid_t = 0
    let result = unsafe posix_spawn(
      &pid, daemon[0], &actions, &attributes, &words, &variables)
    guard result == 0 else {
      throw .system("starting \(name)", reason: unsafe String(cString: strerror(result)))
    }
    guard let identity = ProcessIdentity(pid: pid) else {
      throw .system("reading /proc/\(pid)/stat", reason: "it is not there")
    }
    return identity
  }

  /// Runs the program to its end.
  ///
  /// - Throws: the tail of what it wrote, if its exit status is not 0 or it takes a minute.
  func run() async throws(LocalStackError) {
    let process = try spawn()
    var status: Int32 = 0
    let ended = await Deadline(seconds: 60).reached {
      unsafe waitpid(process.pid, &status, WNOHANG) != 0
    }
    if !ended { await process.stop(signal: SIGTERM) }
    if Task.isCancelled { throw .cancelled }
    guard ended, status == 0 else { throw .ended(name, log: log, tail: tail) }
  }

  /// The program's name, without its path.
  var name: String {
    let program = command.first { $0.hasPrefix("/") && !$0.hasSuffix("/setpriv") }
    return (program ?? command[0]).split(separator: "/").last.map(String.init) ?? command[0]
  }

  /// The last lines that the program wrote.
  var tail: String {
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(15).joined(separator: "\n")
  }

  private var openDescriptors: [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { Int32($0) }
  }

  private var inherited: [String: String] {
    let own = ProcessInfo.processInfo.environment
    return own.filter { ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"].contains($0.key) }
      .merging(["LC_ALL": "C.UTF-8"]) { _, new in new }
  }
}
