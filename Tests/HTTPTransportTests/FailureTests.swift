import HTTPTransport
import HTTPTypes
import Testing

@Suite struct FailureTests {
  let server: TestServer

  init() throws { server = try TestServer.shared.get() }

  @Test func bodyOverTheLimitIsRefused() async throws {
    try await withClient { client in
      let limits = HTTPLimits(responseBytes: 1000)
      let (_, body) = try await client.execute(server.request("/bytes?count=1000"), limits: limits)
      #expect(body.count == 1000)
      let error = try await failure(client, server.request("/bytes?count=1001"), limits: limits)
      #expect(error.kind == .tooLarge(.body))
      #expect(!error.isRetriable)
    }
  }

  @Test func compressedBodyCountsDecompressed() async throws {
    try await withClient { client in
      // 50 MB of zeros, 50 kB on the wire.
      let request = server.request("/zeros?count=50000000")
      let error = try await failure(client, request, limits: HTTPLimits(responseBytes: 1 << 20))
      #expect(error.kind == .tooLarge(.body))
    }
  }

  @Test func headersOverTheLimitAreRefused() async throws {
    try await withClient { client in
      let request = server.request("/headers?kib=9")
      let error = try await failure(client, request, limits: HTTPLimits(headerBytes: 8 << 10))
      #expect(error.kind == .tooLarge(.headers))
      #expect(try await client.execute(request).0.status == .ok)
    }
  }

  @Test func slowBodyReachesTheIdleLimit() async throws {
    try await withClient { client in
      let limits = HTTPLimits(idle: .seconds(1), idleBytesPerSecond: 100_000)
      let error = try await failure(client, server.request("/drip"), limits: limits)
      #expect(error.kind == .timedOut(.idle))
      #expect(error.isRetriable)
    }
  }

  @Test func slowBodyReachesTheTotalLimit() async throws {
    try await withClient { client in
      let limits = HTTPLimits(total: .milliseconds(300))
      let error = try await failure(client, server.request("/drip"), limits: limits)
      #expect(error.kind == .timedOut(.total))
    }
  }

  @Test func noTimeLeftIsATimeOut() async throws {
    try await withClient { client in
      let limits = HTTPLimits(total: .zero)
      let error = try await failure(client, server.request("/echo"), limits: limits)
      #expect(error.kind == .timedOut(.total))
    }
  }

  @Test func cutConnectionIsRetriable() async throws {
    try await withClient { client in
      let error = try await failure(client, server.request("/cut"))
      #expect(error.kind == .connectionLost)
      #expect(error.isRetriable)
    }
  }

  @Test(arguments: ["/garbage", "/broken-gzip"])
  func malformedResponseIsNoResponse(path: String) async throws {
    try await withClient { client in
      let error = try await failure(client, server.request(path))
      #expect(error.kind == .malformedResponse)
    }
  }

  @Test func nothingListeningIsRetriable() async throws {
    try await withClient { client in
      let request = HTTPRequest(
        method: .get, scheme: "https", authority: "127.0.0.1:1", path: "/")
      let error = try await failure(client, request)
      #expect(error.kind == .unreachable)
      #expect(error.isRetriable)
      #expect(error.host == "127.0.0.1:1")
    }
  }

  @Test func nameWithoutAddressIsSaid() async throws {
    // A label of 64 letters is not allowed in DNS, so no server is asked.
    let host = String(repeating: "a", count: 64) + ".invalid"
    try await withClient { client in
      let request = HTTPRequest(method: .get, scheme: "https", authority: host, path: "/")
      let error = try await failure(client, request)
      #expect(error.kind == .nameNotResolved)
      #expect(error.isRetriable)
    }
  }

  @Test func errorsShowHostAndNothingOfTheRequest() async throws {
    try await withClient { client in
      let limits = HTTPLimits(responseBytes: 10, redirects: 1)
      let away = "/redirect?to=https://hunter2.example/hunter2?hunter2"
      for path in ["/cut?a=hunter2", "/bytes?count=99&a=hunter2", "/garbage?hunter2", away] {
        let request = server.request(
          path, headers: [.authorization: "Bearer hunter2", .accept: "hunter2"])
        let error = try await failure(client, request, limits: limits)
        #expect(!"\(error) \(String(reflecting: error))".contains("hunter2"))
        #expect("\(error)".contains("127.0.0.1:\(server.port)"))
      }
      let post = HTTPRequest(
        method: .post, scheme: "https", authority: "127.0.0.1:1", path: "/?hunter2")
      let error = try await failure(client, post, body: Array("hunter2".utf8))
      #expect(!"\(error)".contains("hunter2"))
    }
  }
}
