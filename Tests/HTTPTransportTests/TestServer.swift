import Foundation
import HTTPTransport
import HTTPTypes
import Testing

/// `server.py` next to this file, as a process of its own on a free port.
///
/// It ends with this object, or when the tests' process does: its standard input closes then.
final class TestServer: Sendable {
  /// For tests that neither count nor hold requests.
  static let shared = Result { try TestServer() }

  let port: Int
  private let process: Process
  private let input = Pipe()

  init(_ arguments: String...) throws {
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "server.py")
    let output = Pipe()
    process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", script.path] + arguments
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    var line = Data()
    while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8),
      !byte.isEmpty
    {
      line.append(byte)
    }
    port = try #require(
      Int(String(decoding: line, as: UTF8.self)), "server.py did not start; it needs python3")
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// A request to this server.
  func request(
    _ path: String, method: HTTPRequest.Method = .get, scheme: String = "http",
    host: String = "127.0.0.1", headers: HTTPFields = [:]
  ) -> HTTPRequest {
    HTTPRequest(
      method: method, scheme: scheme, authority: "\(host):\(port)", path: path,
      headerFields: headers)
  }
}

/// What `/echo` says about the request it got.
struct Echo: Decodable {
  var method: String
  var path: String
  var peer: Int
  var headers: [[String]]
  var body: String

  /// All values of one header.
  func values(_ name: String) -> [String] {
    headers.filter { $0.first == name }.compactMap(\.last)
  }

  init(_ body: [UInt8]) throws {
    self = try JSONDecoder().decode(Echo.self, from: Data(body))
  }
}

/// A client that may talk to the test server, for one test.
func withClient<Value>(
  _ configuration: HTTPConfiguration = HTTPConfiguration(allowPlainHTTPToLoopback: true),
  _ body: (HTTPClient) async throws -> Value
) async throws -> Value {
  let client = try HTTPClient(configuration)
  do {
    let value = try await body(client)
    await client.close()
    return value
  } catch {
    await client.close()
    throw error
  }
}

/// The error that a request ends with.
func failure(
  _ client: HTTPClient, _ request: HTTPRequest, body: [UInt8] = [],
  limits: HTTPLimits = HTTPLimits(), sourceLocation: SourceLocation = #_sourceLocation
) async throws -> HTTPError {
  try #require(
    await #expect(throws: HTTPError.self, sourceLocation: sourceLocation) {
      try await client.execute(request, body: body, limits: limits)
    })
}
