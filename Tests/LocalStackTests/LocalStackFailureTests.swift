import Foundation
import Testing

@testable import LocalStack

/// What is left, and what is said, when a stack cannot start or the world has changed since.
@Suite struct LocalStackFailureTests {
  @Test func aHalfFailedUpStopsWhatItStarted() async throws {
    try await withFolder { folder in
      let environment = try brokenMoto(in: folder)
      let stack = "\(folder)/stack"
      let error = await #expect(throws: LocalStackError.self) {
        try await LocalStack.up(
          directory: stack, services: [.postgres, .moto], settings: ["SV0_VENV": environment])
      }
      #expect(error?.description.contains("cannot import flask") == true)
      #expect(error?.isRetriable == false)
      #expect(try StackDirectory(path: stack).readState() == nil)
      let log = try String(contentsOfFile: "\(stack)/postgres.log", encoding: .utf8)
      #expect(log.contains("database system is shut down"))
    }
  }

  @Test func aFailedAdditionLeavesTheRestRunning() async throws {
    try await withFolder { folder in
      let stack = "\(folder)/stack"
      let before = try await LocalStack.up(directory: stack, services: [.broker], settings: own)
      let environment = try brokenMoto(in: folder)
      await #expect(throws: LocalStackError.self) {
        try await LocalStack.up(
          directory: stack, services: [.broker, .moto], settings: ["SV0_VENV": environment])
      }
      let after = try await LocalStack.up(directory: stack, services: [.broker], settings: own)
      #expect(after == before)
      try await LocalStack.down(directory: stack)
    }
  }

  @Test func anInterruptedUpLeavesNothing() async throws {
    try await withFolder { folder in
      let stack = "\(folder)/stack"
      let environment = try fakeMoto(in: folder, script: "exec sleep 300")
      let task = Task {
        try await LocalStack.up(
          directory: stack, services: [.moto], settings: ["SV0_VENV": environment])
      }
      var process: ProcessIdentity?
      let began = await Deadline(seconds: 30).reached {
        process = (try? StackDirectory(path: stack).readState())?.servers.first?.process
        return process != nil
      }
      #expect(began)
      task.cancel()
      await #expect(throws: LocalStackError.cancelled) { try await task.value }
      #expect(process?.isRunning == false)
      #expect(try StackDirectory(path: stack).readState() == nil)
    }
  }

  @Test func aRecycledProcessIdIsNotKilled() async throws {
    try await withFolder { folder in
      let stranger = Process()
      stranger.executableURL = URL(filePath: "/bin/sleep")
      stranger.arguments = ["300"]
      stranger.standardOutput = FileHandle.nullDevice
      stranger.standardError = FileHandle.nullDevice
      try stranger.run()
      // It may have inherited that SIGTERM is ignored.
      defer { kill(stranger.processIdentifier, SIGKILL) }
      let now = try #require(ProcessIdentity(pid: stranger.processIdentifier))
      let directory = try StackDirectory(path: folder)
      var state = try StackState()
      let earlier = ProcessIdentity(pid: now.pid, startTicks: now.startTicks - 1)
      state.servers = [.init(service: .broker, process: earlier, isReady: true, variables: [:])]
      try directory.write(state)

      #expect(try await LocalStack.down(directory: folder) == [])
      #expect(now.isRunning)
      #expect(stranger.isRunning)
      #expect(try directory.readState() == nil)
    }
  }

  @Test func aServerThatIgnoresTheRequestToStopIsKilled() async throws {
    try await withFolder { folder in
      let launch = Launch(
        command: ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"],
        log: "\(folder)/stubborn.log")
      let process = try launch.spawn()
      let began = await Deadline(seconds: 30).reached { launch.tail == "ready" }
      #expect(began)
      await process.stop(signal: 15, withinSeconds: 1)
      #expect(!process.isRunning)
    }
  }

  @Test func aProcessWhoseFirstThreadEndsBeforeTheOthersIsCollected() async throws {
    try await withFolder { folder in
      let program = """
        import ctypes, threading, time
        threading.Thread(target=lambda: (print("ready", flush=True), time.sleep(1))).start()
        ctypes.CDLL(None).pthread_exit(None)
        """
      let launch = Launch(
        command: ["/usr/bin/env", "python3", "-c", program], log: "\(folder)/log")
      let process = try launch.spawn()
      let ended = await Deadline(seconds: 30).reached {
        launch.tail == "ready" && !process.isRunning
      }
      #expect(ended)
      await process.stop(signal: 15)
      #expect(ProcessIdentity(pid: process.pid) != process, "it is left behind")
    }
  }

  @Test func aMissingProgramSaysHowToInstallIt() async throws {
    try await withFolder { folder in
      for service in LocalStack.Service.allCases {
        let error = await #expect(throws: LocalStackError.self) {
          try await LocalStack.up(
            directory: "\(folder)/stack", services: [service],
            settings: ["SV0_VENV": folder, "SV0_POSTGRES_BIN": folder])
        }
        #expect(error?.description.contains("make setup") == true)
        #expect(error?.description.contains(folder) == true)
      }
    }
  }

  @Test func givenServersAreCheckedAndPassedThrough() async throws {
    try await withFolder { folder in
      let services: Set<LocalStack.Service> = [.broker, .postgres]
      let theirs = try await LocalStack.up(
        directory: "\(folder)/theirs", services: services, settings: own)
      let ours = try await LocalStack.up(
        directory: "\(folder)/ours", services: services, settings: theirs.variables)
      #expect(ours == theirs)
      #expect(try StackDirectory(path: "\(folder)/ours").readState() == nil)

      try await LocalStack.down(directory: "\(folder)/theirs")
      let error = await #expect(throws: LocalStackError.self) {
        try await LocalStack.up(
          directory: "\(folder)/ours", services: services, settings: theirs.variables)
      }
      #expect(error?.description.contains("SV0_KAFKA is set, and nothing answers at") == true)
      #expect(error?.isRetriable == true)
    }
  }

  @Test func onlyOnePostgresVariableIsRefused() async throws {
    await #expect(
      throws: LocalStackError.incompleteSettings(
        present: "SV0_POSTGRES", absent: "SV0_POSTGRES_OWNER")
    ) {
      try await LocalStack.up(
        directory: "/nonexistent", services: [.postgres],
        settings: ["SV0_POSTGRES": "postgresql://sv0:word@127.0.0.1/sv0"])
    }
  }

  @Test func exportLinesSurviveTheShell() throws {
    let value = "postgresql://sv0:it's $HOME`id`@host/sv0"
    let lines = LocalStack.Environment(variables: ["SV0_POSTGRES": value]).exportLines
    let shell = try output(of: "/bin/sh", ["-c", "\(lines[0]); printf %s \"$SV0_POSTGRES\""])
    #expect(shell == value)
  }

  private func brokenMoto(in folder: String) throws -> String {
    try fakeMoto(in: folder, script: "echo cannot import flask >&2; exit 1")
  }

  /// A Python environment whose `moto_server` is a shell script.
  private func fakeMoto(in folder: String, script: String) throws -> String {
    let programs = "\(folder)/venv/bin"
    try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
    let made = FileManager.default.createFile(
      atPath: "\(programs)/moto_server", contents: Data("#!/bin/sh\n\(script)\n".utf8),
      attributes: [.posixPermissions: 0o755])
    try #require(made)
    return "\(folder)/venv"
  }
}
