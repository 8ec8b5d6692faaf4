import HTTPTransport
import HTTPTypes
import Testing

/// Tests that hold requests open; each has a server of its own, whose counters they read.
@Suite struct LifecycleTests {
  let server: TestServer

  init() throws { server = try TestServer() }

  /// Returns when the server's counter has reached the value.
  private func wait(_ name: String, _ value: Int) async throws {
    try await withClient { client in
      let (response, _) = try await client.execute(
        server.request("/wait?name=\(name)&value=\(value)"))
      #expect(response.status == .ok, "the server's counter \(name) did not reach \(value)")
    }
  }

  private func release() async throws {
    try await withClient { client in _ = try await client.execute(server.request("/release")) }
  }

  @Test func cancellingClosesTheConnection() async throws {
    try await withClient { client in
      let task = Task { [server] in try await client.execute(server.request("/drip")) }
      try await wait("open", 1)
      task.cancel()
      let error = await #expect(throws: HTTPError.self) { try await task.value }
      #expect(error?.kind == .cancelled)
      #expect(error?.isRetriable == false)
      try await wait("dropped", 1)
    }
  }

  @Test func cancelledBeforehandSendsNothing() async throws {
    try await withClient { client in
      let task = Task { [server] in
        unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
        return try await client.execute(server.request("/hold"))
      }
      let error = await #expect(throws: HTTPError.self) { try await task.value }
      #expect(error?.kind == .cancelled)
    }
  }

  @Test func transfersAreBounded() async throws {
    let configuration = HTTPConfiguration(
      allowPlainHTTPToLoopback: true, maximumTransfers: 8, maximumTransfersPerHost: 4)
    try await withClient(configuration) { client in
      try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
        for _ in 0..<32 {
          group.addTask { [server] in try await client.execute(server.request("/hold")).0.status }
        }
        try await wait("open", 4)
        try await release()
        var answered = 0
        for try await status in group where status == .ok { answered += 1 }
        #expect(answered == 32)
      }
      let (_, body) = try await client.execute(server.request("/wait?name=peak&value=1"))
      #expect(String(decoding: body, as: UTF8.self).contains("\"peak\": 4"))
    }
  }

  @Test func fullHostDoesNotHoldUpAnother() async throws {
    let configuration = HTTPConfiguration(
      allowPlainHTTPToLoopback: true, maximumTransfers: 2, maximumTransfersPerHost: 1)
    let other = try TestServer()
    try await withClient(configuration) { client in
      let held = (0..<3).map { _ in
        Task { [server] in try await client.execute(server.request("/hold")).0.status }
      }
      try await wait("open", 1)
      #expect(try await client.execute(other.request("/echo")).0.status == .ok)
      try await release()
      for task in held { #expect(try await task.value == .ok) }
    }
  }

  @Test func fullQueueRefuses() async throws {
    let configuration = HTTPConfiguration(
      allowPlainHTTPToLoopback: true, maximumTransfers: 1, maximumQueued: 1)
    try await withClient(configuration) { client in
      let first = Task { [server] in try await client.execute(server.request("/hold")).0.status }
      try await wait("open", 1)
      await withTaskGroup(of: HTTPError.Kind?.self) { group in
        for _ in 0..<2 {
          group.addTask { [server] in
            do throws(HTTPError) {
              _ = try await client.execute(server.request("/hold"))
              return nil
            } catch {
              return error.kind
            }
          }
        }
        // One waits until something ends; so the one that ends first found no room.
        #expect(await group.next() == .overloaded)
        group.cancelAll()
        #expect(await group.next() == .cancelled)
      }
      try await release()
      #expect(try await first.value == .ok)
    }
  }

  @Test func waitingCountsTowardsTheTotalLimit() async throws {
    let configuration = HTTPConfiguration(allowPlainHTTPToLoopback: true, maximumTransfers: 1)
    try await withClient(configuration) { client in
      let first = Task { [server] in try await client.execute(server.request("/hold")).0.status }
      try await wait("open", 1)
      let error = try await failure(
        client, server.request("/echo"), limits: HTTPLimits(total: .milliseconds(100)))
      #expect(error.kind == .timedOut(.total))
      try await release()
      #expect(try await first.value == .ok)
    }
  }

  @Test func waitingRequestCanBeCancelled() async throws {
    let configuration = HTTPConfiguration(allowPlainHTTPToLoopback: true, maximumTransfers: 1)
    try await withClient(configuration) { client in
      let first = Task { [server] in try await client.execute(server.request("/hold")).0.status }
      try await wait("open", 1)
      let second = Task { [server] in try await client.execute(server.request("/echo")) }
      second.cancel()
      let error = await #expect(throws: HTTPError.self) { try await second.value }
      #expect(error?.kind == .cancelled)
      try await release()
      #expect(try await first.value == .ok)
      #expect(try await client.execute(server.request("/echo")).0.status == .ok)
    }
  }

  @Test func closingEndsEverything() async throws {
    let configuration = HTTPConfiguration(allowPlainHTTPToLoopback: true, maximumTransfers: 1)
    let client = try HTTPClient(configuration)
    let tasks = (0..<3).map { _ in
      Task { [server] in try await client.execute(server.request("/drip")) }
    }
    try await wait("open", 1)
    await client.close()
    for task in tasks {
      let error = await #expect(throws: HTTPError.self) { try await task.value }
      #expect(error?.kind == .closed)
    }
    try await wait("dropped", 1)
    await client.close()
    #expect(try await failure(client, server.request("/echo")).kind == .closed)
  }
}
