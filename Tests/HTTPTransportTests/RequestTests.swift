import HTTPTransport
import HTTPTypes
import Testing

@Suite struct RequestTests {
  let server: TestServer

  init() throws { server = try TestServer.shared.get() }

  @Test func getArrivesAsGiven() async throws {
    try await withClient { client in
      let path = "/echo/a%20b/./../c?x=1&y=%2F&$top=9&z='{q}'"
      var headers: HTTPFields = [.authorization: "Bearer t", .userAgent: "tests"]
      headers.append(HTTPField(name: .accept, value: "application/json"))
      let request = server.request(path, headers: headers)
      let (response, body) = try await client.execute(request)
      #expect(response.status == .ok)
      #expect(response.headerFields[.contentType] == "application/json")
      #expect(response.headerFields[.date] != nil)
      let echo = try Echo(body)
      #expect(echo.method == "GET")
      #expect(echo.path == path)
      #expect(echo.values("authorization") == ["Bearer t"])
      #expect(echo.values("user-agent") == ["tests"])
      #expect(echo.values("accept") == ["application/json"])
      #expect(echo.values("accept-encoding") == ["gzip"])
      #expect(echo.values("host") == ["127.0.0.1:\(server.port)"])
    }
  }

  @Test(arguments: [HTTPRequest.Method.post, .put, .patch, .delete])
  func bodyArrivesAsGiven(method: HTTPRequest.Method) async throws {
    try await withClient { client in
      let bytes = [UInt8](0...255) + [UInt8](repeating: 0, count: 100_000)
      let request = server.request(
        "/echo", method: method, headers: [.contentType: "application/octet-stream"])
      let echo = try Echo(try await client.execute(request, body: bytes).1)
      #expect(echo.method == method.rawValue)
      #expect(Array(echo.body.unicodeScalars.map { UInt8($0.value) }) == bytes)
      #expect(echo.values("content-type") == ["application/octet-stream"])
      #expect(echo.values("content-length") == ["\(bytes.count)"])
      #expect(echo.values("expect") == [])
      #expect(echo.values("user-agent") == ["sv0"])
    }
  }

  @Test func emptyBodiesHaveTheirLengthAndNoType() async throws {
    try await withClient { client in
      let post = try Echo(try await client.execute(server.request("/echo", method: .post)).1)
      #expect(post.method == "POST")
      #expect(post.values("content-length") == ["0"])
      #expect(post.values("content-type") == [])
      let delete = try Echo(try await client.execute(server.request("/echo", method: .delete)).1)
      #expect(delete.method == "DELETE")
    }
  }

  @Test func headHasNoBody() async throws {
    try await withClient { client in
      let request = server.request("/bytes?count=70000000", method: .head)
      let (response, body) = try await client.execute(request)
      #expect(response.headerFields[.contentLength] == "70000000")
      #expect(body == [])
    }
  }

  @Test func statusIsAResponse() async throws {
    try await withClient { client in
      let (response, body) = try await client.execute(server.request("/status?code=429"))
      #expect(response.status == .tooManyRequests)
      #expect(response.headerFields[.retryAfter] == "7")
      #expect(body == Array("refused".utf8))
    }
  }

  @Test func connectionIsKeptAlive() async throws {
    try await withClient { client in
      let first = try Echo(try await client.execute(server.request("/echo")).1)
      let second = try Echo(
        try await client.execute(server.request("/echo", method: .post), body: [1]).1)
      #expect(first.peer == second.peer)
    }
  }

  @Test func manyAtOnceAllAnswer() async throws {
    try await withClient { client in
      let answers = try await withThrowingTaskGroup(of: (Int, Echo).self) { group in
        for index in 0..<64 {
          group.addTask { [server] in
            let request = server.request("/echo?index=\(index)")
            return (index, try Echo(try await client.execute(request).1))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.count == 64)
      for (index, echo) in answers { #expect(echo.path == "/echo?index=\(index)") }
      #expect(Set(answers.map(\.1.peer)).count <= 16, "the default limit for one host")
    }
  }

  @Test func compressedBodyArrivesDecompressed() async throws {
    try await withClient { client in
      let (response, body) = try await client.execute(server.request("/zeros?count=100000"))
      #expect(body == [UInt8](repeating: 0, count: 100_000))
      #expect(response.headerFields[.contentEncoding] == nil)
      #expect(response.headerFields[.contentLength] == nil)
    }
  }

  @Test func onlyTheFinalResponsesHeadersCount() async throws {
    try await withClient { client in
      let (response, body) = try await client.execute(server.request("/interim"))
      #expect(body == Array("final".utf8))
      #expect(response.headerFields[try #require(HTTPField.Name("x-final"))] == "1")
      #expect(response.headerFields[try #require(HTTPField.Name("x-interim"))] == nil)
    }
  }

  @Test func trailersAreDroppedAndFoldedValuesJoined() async throws {
    try await withClient { client in
      let (response, body) = try await client.execute(server.request("/trailers"))
      #expect(body == Array("body".utf8))
      #expect(response.headerFields[try #require(HTTPField.Name("x-folded"))] == "a b")
      #expect(response.headerFields[try #require(HTTPField.Name("x-trailer"))] == nil)
    }
  }

  @Test func headersOfTheClientAreItsOwn() async throws {
    try await withClient { client in
      for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect"] {
        let headers: HTTPFields = [try #require(HTTPField.Name(name)): "x"]
        let error = try await failure(client, server.request("/echo", headers: headers))
        #expect(error.kind == .invalidRequest)
      }
      let error = try await failure(client, server.request("/echo"), body: [1])
      #expect(error.kind == .invalidRequest, "GET has no body")
    }
  }
}
