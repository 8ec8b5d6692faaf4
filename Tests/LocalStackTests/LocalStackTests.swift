import Foundation
import Testing

@testable import LocalStack

/// Starts and stops real servers. Needs what `make setup` installs.
@Suite struct LocalStackTests {
  @Test func everyServerAnswersAndIsGoneAfterDown() async throws {
    try await withFolder { folder in
      let services = Set(LocalStack.Service.allCases)
      let first = try await LocalStack.up(directory: folder, services: services, settings: own)
      let broker = try #require(first.variables["SV0_KAFKA"].flatMap { URL(string: "tcp://\($0)") })
      let moto = try #require(first.variables["SV0_MOTO"].flatMap(URL.init))
      #expect(Probe.kafka(host: "127.0.0.1", port: UInt16(broker.port ?? 0)))
      #expect(Probe.http(host: "127.0.0.1", port: UInt16(moto.port ?? 0), path: Moto.readyPath))
      let groups = try query(
        "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE NOT rolcanlogin"
          + " AND pg_has_role('sv0', oid, 'MEMBER') AND rolname LIKE 'sv0%'",
        at: first.variables["SV0_POSTGRES"])
      #expect(groups == "sv0_loader,sv0_queue,sv0_worker")
      let owner = try query(
        "SELECT usesuper FROM pg_user WHERE usename = current_user",
        at: first.variables["SV0_POSTGRES_OWNER"])
      #expect(owner == "t")

      let again = try await LocalStack.up(directory: folder, services: services, settings: own)
      #expect(again == first)

      let state = try #require(try StackDirectory(path: folder).readState())
      #expect(try await LocalStack.down(directory: folder) == LocalStack.Service.allCases)
      #expect(state.servers.allSatisfy { !$0.process.isRunning })
      #expect(!FileManager.default.fileExists(atPath: state.dataDirectory))
      #expect(try await LocalStack.down(directory: folder) == [])
    }
  }

  @Test func passwordsAreInNoArgumentList() async throws {
    try await withFolder { folder in
      let environment = try await LocalStack.up(
        directory: folder, services: [.postgres], settings: own)
      let passwords = environment.variables.values.compactMap {
        URLComponents(string: $0)?.password
      }
      #expect(passwords.count == 2)
      for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
        let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        for password in passwords { #expect(line.firstRange(of: Data(password.utf8)) == nil) }
      }
      let mode = try FileManager.default.attributesOfItem(atPath: "\(folder)/stack.json")
      #expect(mode[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test func twoStacksRunSideBySide() async throws {
    try await withFolder { one in
      try await withFolder { other in
        async let left = LocalStack.up(directory: one, services: [.broker], settings: own)
        async let right = LocalStack.up(directory: other, services: [.broker], settings: own)
        #expect(try await left != right)
        try await LocalStack.down(directory: one)
        let state = try #require(try StackDirectory(path: other).readState())
        #expect(state.servers.count == 1)
        #expect(state.servers.allSatisfy { $0.process.isRunning })
      }
    }
  }

  @Test func aServiceJoinsARunningStack() async throws {
    try await withFolder { folder in
      let before = try await LocalStack.up(directory: folder, services: [.broker], settings: own)
      let after = try await LocalStack.up(directory: folder, services: [.moto], settings: own)
      #expect(after.variables["SV0_KAFKA"] == before.variables["SV0_KAFKA"])
      #expect(after.variables["SV0_MOTO"] != nil)
    }
  }

  @Test func aStackWithADeadServerStartsAfresh() async throws {
    try await withFolder { folder in
      let services: Set<LocalStack.Service> = [.broker, .postgres]
      _ = try await LocalStack.up(directory: folder, services: services, settings: own)
      let before = try #require(try StackDirectory(path: folder).readState())
      let broker = try #require(before.servers.first { $0.service == .broker })
      await broker.process.stop(signal: 9)

      _ = try await LocalStack.up(directory: folder, services: services, settings: own)
      let after = try #require(try StackDirectory(path: folder).readState())
      #expect(after.servers.count == 2)
      #expect(after.servers.allSatisfy { $0.process.isRunning })
      #expect(before.servers.allSatisfy { !$0.process.isRunning })
      #expect(!FileManager.default.fileExists(atPath: before.dataDirectory))
    }
  }

  @Test func aPortTakenInBetweenIsChosenAgain() async throws {
    try await withFolder { folder in
      let occupied = try await LocalStack.up(directory: folder, services: [.broker], settings: own)
      let port = try #require(
        occupied.variables["SV0_KAFKA"]?.split(separator: ":").last.flatMap { UInt16($0) })
      for service in LocalStack.Service.allCases {
        try await withFolder { other in
          let choices = Choices([port])
          let environment = try await LocalStack.up(
            directory: other, services: [service], settings: own, ports: choices.next)
          let address = try #require(environment.variables[service.variables[0]])
          #expect(!address.contains(":\(port)"))
          let state = try #require(try StackDirectory(path: other).readState())
          #expect(state.servers.count == 1)
        }
      }
    }
  }
}
