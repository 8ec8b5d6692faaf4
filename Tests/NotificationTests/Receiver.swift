import Extraction
import Foundation
import HTTPTransport
import HTTPTypes
import Testing

/// `receiver.py` next to this file, as a process of its own on a free port.
///
/// It ends with this object, or when the tests' process does: its standard input closes then.
final class Receiver: Sendable {
  struct Missing: Error, CustomStringConvertible {
    let description =
      "SV0_VENV is not set: it names the Python environment that `make setup` creates (.venv)"
  }

  static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

  let port: Int
  private let process: Process
  private let input = Pipe()

  init() throws {
    guard let environment = ProcessInfo.processInfo.environment["SV0_VENV"] else { throw Missing() }
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "receiver.py")
    let output = Pipe()
    process = Process()
    process.executableURL = URL(filePath: "\(environment)/bin/python3")
    process.arguments = [script.path]
    process.environment = ["WEBHOOK_SECRET": Self.secret]
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
      Int(String(decoding: line, as: UTF8.self)),
      "receiver.py did not start; it needs standardwebhooks in SV0_VENV (`make setup`)")
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  struct Delivery: Decodable, Equatable {
    var id: String
    var body: String
  }

  /// The deliveries whose signature the reference library found right.
  func taken() async throws -> [Delivery] {
    let url = try #require(URL(string: "http://127.0.0.1:\(port)/taken"))
    let client = try HTTPClient(HTTPConfiguration(allowPlainHTTPToLoopback: true))
    let (_, body) = try await client.execute(
      HTTPRequest(method: .get, url: url))
    await client.close()
    return try JSONDecoder().decode([Delivery].self, from: Data(body))
  }
}

extension HTTPRequest {
  fileprivate init(method: Method, url: URL) {
    self.init(
      method: method, scheme: url.scheme, authority: "\(url.host ?? ""):\(url.port ?? 80)",
      path: url.path)
  }
}

/// The real client, as the executable adapts it.
struct ClientTransport: Transport {
  let client: HTTPClient

  init() throws {
    client = try HTTPClient(HTTPConfiguration(allowPlainHTTPToLoopback: true))
  }

  func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8]) {
    do throws(HTTPError) {
      return try await client.execute(
        request, body: body,
        limits: HTTPLimits(responseBytes: limits.responseBytes, total: limits.total))
    } catch {
      throw TransportError(error.isRetriable ? .interrupted : .refused, error.description)
    }
  }
}
