import HTTPTransport
import HTTPTypes
import Testing

@Suite struct AddressTests {
  @Test func plainHTTPIsRefusedByDefault() async throws {
    let server = try TestServer.shared.get()
    try await withClient(HTTPConfiguration()) { client in
      let error = try await failure(client, server.request("/echo"))
      #expect(error.kind == .plainHTTPRefused)
      #expect(!error.isRetriable)
    }
  }

  @Test(arguments: [
    "192.0.2.1", "example.com", "127.0.0.1.example.com", "localhost.example.com", "127.1",
    "0x7f.0.0.1", "2130706433", "127.0.0.01", "0.0.0.0", "[::ffff:127.0.0.1]", "[::]",
  ])
  func plainHTTPNeverLeavesTheMachine(host: String) async throws {
    try await withClient { client in
      let request = HTTPRequest(method: .get, scheme: "http", authority: host, path: "/")
      let error = try await failure(client, request)
      #expect(error.kind == .plainHTTPRefused)
    }
  }

  @Test(arguments: ["localhost", "LOCALHOST", "127.0.0.1"])
  func plainHTTPReachesLoopback(host: String) async throws {
    let server = try TestServer.shared.get()
    try await withClient { client in
      let (response, _) = try await client.execute(server.request("/echo", host: host))
      #expect(response.status == .ok)
    }
  }

  @Test(arguments: [
    "", "user@127.0.0.1", "user:word@127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
    "127.0.0.1:80x", "127.0.0.1/x", "127.0.0.1?x", "127.0.0.1#x", "exa mple", "bücher.example",
    "[::1", "[zz]", "::1",
  ])
  func addressIsReadStrictly(authority: String) async throws {
    try await withClient { client in
      let request = HTTPRequest(method: .get, scheme: "https", authority: authority, path: "/")
      let error = try await failure(client, request)
      #expect(error.kind == .invalidRequest)
    }
  }

  @Test(arguments: ["", "x", "/a b", "/a#b", "/ü", "/a\\b", "http://other.example/"])
  func pathIsReadStrictly(path: String) async throws {
    try await withClient { client in
      let request = HTTPRequest(method: .get, scheme: "https", authority: "127.0.0.1", path: path)
      let error = try await failure(client, request)
      #expect(error.kind == .invalidRequest)
    }
  }

  @Test(arguments: ["ftp", "file", "", nil]) func onlyHTTPSchemes(scheme: String?) async throws {
    try await withClient { client in
      let request = HTTPRequest(method: .get, scheme: scheme, authority: "127.0.0.1", path: "/")
      let error = try await failure(client, request)
      #expect(error.kind == .invalidRequest)
    }
  }
}
