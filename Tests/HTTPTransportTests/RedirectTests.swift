import HTTPTransport
import HTTPTypes
import Testing

@Suite struct RedirectTests {
  let server: TestServer

  init() throws { server = try TestServer.shared.get() }

  @Test func isReturnedUnlessAllowed() async throws {
    try await withClient { client in
      let (response, _) = try await client.execute(server.request("/redirect?to=/echo"))
      #expect(response.status == .found)
      #expect(response.headerFields[.location] == "/echo")
    }
  }

  @Test(arguments: ["/echo?x=%2F", "echo?x=%2F", "./echo?x=%2F#fragment", "ABSOLUTE/echo?x=%2F"])
  func isFollowedOnTheSameServer(location: String) async throws {
    try await withClient { client in
      let to = location.replacing("ABSOLUTE", with: "http://127.0.0.1:\(server.port)")
        .replacing("%", with: "%25").replacing("#", with: "%23")
      let request = server.request(
        "/redirect?to=\(to)",
        headers: [.authorization: "Bearer t", .cookie: "c=1", .accept: "application/json"])
      let (response, body) = try await client.execute(request, limits: HTTPLimits(redirects: 1))
      #expect(response.status == .ok)
      let echo = try Echo(body)
      #expect(echo.path.hasSuffix("echo?x=%2F"))
      #expect(echo.values("authorization") == [])
      #expect(echo.values("cookie") == [])
      #expect(echo.values("accept") == ["application/json"])
      #expect(echo.values("user-agent") == ["sv0"])
    }
  }

  @Test func leadsNowhereElse() async throws {
    try await withClient { client in
      let port = server.port
      let elsewhere = [
        "https://127.0.0.1:\(port)/echo", "http://localhost:\(port)/echo",
        "http://127.0.0.1:1/echo", "//other.example/echo", "http://other.example/echo",
        "ftp://127.0.0.1:\(port)/echo", "file:///etc/passwd",
        "http://user:word@127.0.0.1:\(port)/echo",
      ]
      for location in elsewhere {
        let error = try await failure(
          client, server.request("/redirect?to=\(location)"), limits: HTTPLimits(redirects: 5))
        #expect(error.kind == .redirectRefused, "\(location)")
        #expect(!error.isRetriable)
      }
    }
  }

  @Test func endsAtTheLimit() async throws {
    try await withClient { client in
      let twice = server.request("/redirect?to=/redirect?to=/echo")
      let error = try await failure(client, twice, limits: HTTPLimits(redirects: 1))
      #expect(error.kind == .redirectRefused)
      let (response, _) = try await client.execute(twice, limits: HTTPLimits(redirects: 2))
      #expect(response.status == .ok)
    }
  }

  @Test func bodyIsNotSentAgain() async throws {
    try await withClient { client in
      let request = server.request("/redirect?code=307&to=/echo", method: .post)
      let error = try await failure(
        client, request, body: [1], limits: HTTPLimits(redirects: 1))
      #expect(error.kind == .redirectRefused)
    }
  }
}
