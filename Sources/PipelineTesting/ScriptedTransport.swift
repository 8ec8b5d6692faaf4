public import Extraction
public import HTTPTypes
internal import Synchronization

/// A platform that answers as a script says, and remembers what it was asked.
public final class ScriptedTransport: Transport {
  /// One request, as the platform would see it.
  public struct Call: Sendable {
    public var request: HTTPRequest
    public var body: String
    /// How many calls came before it.
    public var index: Int

    public var path: String { request.path ?? "" }

    public func header(_ name: String) -> String? {
      HTTPField.Name(name).flatMap { request.headerFields[$0] }
    }
  }

  public struct Answer: Sendable {
    public var status: Int
    public var headers: [String: String]
    public var body: String

    public init(_ status: Int, headers: [String: String] = [:], _ body: String) {
      self.status = status
      self.headers = headers
      self.body = body
    }

    /// A success.
    public init(_ body: String) {
      self.init(200, body)
    }
  }

  private let script: @Sendable (Call) async throws -> Answer
  private let record = Mutex<[Call]>([])

  /// - Parameter script: may throw `TransportError`, and may suspend, to be cancelled.
  public init(_ script: @escaping @Sendable (Call) async throws -> Answer) {
    self.script = script
  }

  public var calls: [Call] { record.withLock { $0 } }

  public func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8]) {
    let call = record.withLock { calls in
      let call = Call(
        request: request, body: String(decoding: body, as: UTF8.self), index: calls.count)
      calls.append(call)
      return call
    }
    let answer = try await script(call)
    var fields = HTTPFields()
    for (name, value) in answer.headers {
      if let name = HTTPField.Name(name) { fields[name] = value }
    }
    let bytes = Array(answer.body.utf8)
    guard bytes.count <= limits.responseBytes else {
      throw TransportError(.refused, "the answer is larger than the limit")
    }
    return (HTTPResponse(status: .init(code: answer.status), headerFields: fields), bytes)
  }
}
