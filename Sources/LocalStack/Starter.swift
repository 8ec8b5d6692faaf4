import Foundation
import Glibc

/// How one kind of server is started, asked, prepared and stopped.
protocol Server {
  /// Makes what must exist before the server starts.
  func initialize() async throws(LocalStackError)
  func launch(port: UInt16) -> Launch
  func answers(port: UInt16) -> Bool
  /// Prepares an answering server, and says how to reach it.
  func prepare(port: UInt16) async throws(LocalStackError) -> [String: String]
}

extension LocalStack.Service {
  /// Postgres waits for its clients on SIGTERM; SIGINT is its fast, clean shutdown.
  var stopSignal: Int32 { self == .postgres ? SIGINT : SIGTERM }
}

/// Starts servers one after another, and undoes its own work if one of them fails.
struct Starter {
  let folder: StackDirectory
  let programs: Programs
  let ports: @Sendable () throws(LocalStackError) -> UInt16

  private static let secondsToAnswer = 60
  private static let portAttempts = 5

  /// Starts the services beside those that run already.
  func start(
    _ services: [LocalStack.Service], beside before: StackState?
  ) async throws(LocalStackError) -> StackState {
    var state: StackState
    if let before { state = before } else { state = try StackState() }
    do {
      try folder.write(state)
      for service in services { try await start(service, in: &state) }
      return state
    } catch {
      for server in state.servers.reversed() where services.contains(server.service) {
        await server.process.stop(signal: server.service.stopSignal)
      }
      for service in services { try state.removeData(of: service) }
      state.servers.removeAll { services.contains($0.service) }
      if state.servers.isEmpty {
        try state.removeData()
        try folder.removeState()
      } else {
        try folder.write(state)
      }
      throw error
    }
  }

  private func start(
    _ service: LocalStack.Service, in state: inout StackState
  ) async throws(LocalStackError) {
    let data = "\(state.dataDirectory)/\(service.rawValue)"
    let server = try server(for: service, data: data)
    try await server.initialize()
    for attempt in 1...Self.portAttempts {
      let port = try ports()
      let launch = server.launch(port: port)
      let process = try launch.spawn()
      let index = state.servers.count
      state.servers.append(
        .init(service: service, process: process, isReady: false, variables: [:]))
      try folder.write(state)

      _ = await Deadline(seconds: Self.secondsToAnswer).reached {
        !process.isRunning || (Port.isHeld(port, by: process) && server.answers(port: port))
      }
      if Task.isCancelled { throw .cancelled }
      if process.isRunning, Port.isHeld(port, by: process), server.answers(port: port) {
        state.servers[index].variables = try await server.prepare(port: port)
        state.servers[index].isReady = true
        return try folder.write(state)
      }
      let tail = launch.tail
      guard !process.isRunning else {
        throw .silent(
          service, seconds: Self.secondsToAnswer, log: launch.log, tail: tail)
      }
      // All three say "already in use" where the port was taken since it was chosen.
      guard tail.contains("already in use"), attempt < Self.portAttempts else {
        throw .ended(service.rawValue, log: launch.log, tail: tail)
      }
      await process.stop(signal: service.stopSignal)
      state.servers.remove(at: index)
    }
  }

  private func server(
    for service: LocalStack.Service, data: String
  ) throws(LocalStackError) -> any Server {
    let log = folder.log(service.rawValue)
    switch service {
    case .broker: return Broker(program: try programs.broker(), data: data, log: log)
    case .moto: return Moto(program: try programs.moto(), log: log)
    case .postgres: return try Postgres(programs: programs, data: data, log: log)
    }
  }
}
