import Authentication
import Extraction
import Foundation
import HTTPTransport
import HTTPTypes
import JSONReader
import Model

/// The real HTTP client as a connector sees it.
struct RealTransport: Transport {
  let client: HTTPClient

  func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8]) {
    do {
      return try await client.execute(
        request, body: body,
        limits: HTTPLimits(responseBytes: limits.responseBytes, total: limits.total))
    } catch {
      switch error.kind {
      case .cancelled: throw CancellationError()
      case .nameNotResolved: throw TransportError(.nameNotResolved, error.description)
      default: throw TransportError(error.isRetriable ? .interrupted : .refused, error.description)
      }
    }
  }
}

/// An account of its own in the moto server that `SV0_MOTO` names, filled through signed calls.
struct MotoAccount {
  struct Missing: Error, CustomStringConvertible {
    let description =
      "SV0_MOTO is not set: no server to test with. Run `make test`, or in this shell "
      + "`eval \"$(make -s services)\"`."
  }
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  static let region = "eu-west-1"
  let id: String
  let endpoint: String
  let transport: RealTransport
  private let credentials: SigningCredentials
  private let authority: String

  init() async throws {
    guard let endpoint = ProcessInfo.processInfo.environment["SV0_MOTO"],
      let authority = endpoint.split(separator: "/").last
    else { throw Missing() }
    self.endpoint = endpoint
    self.authority = String(authority)
    id = "3" + (0..<11).map { _ in String(Int.random(in: 0...9)) }.joined()
    transport = RealTransport(
      client: try HTTPClient(HTTPConfiguration(allowPlainHTTPToLoopback: true)))
    let stranger = SigningCredentials(accessKeyID: "test", secretAccessKey: "test")
    let answer = try await Self.call(
      transport, String(authority), stranger, service: "sts",
      form: [
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleSessionName": "setup",
        "RoleArn": "arn:aws:iam::\(id):role/setup",
      ])
    let issued = try JSONDocument(parsing: AWSXML.json(from: answer)).root.value(
      at: "AssumeRoleResponse", "AssumeRoleResult", "Credentials")
    credentials = SigningCredentials(
      accessKeyID: try issued.string(at: "AccessKeyId"),
      secretAccessKey: try issued.string(at: "SecretAccessKey"),
      sessionToken: try issued.string(at: "SessionToken"))
  }

  func iam(_ action: String, _ parameters: [String: String]) async throws {
    _ = try await Self.call(
      transport, authority, credentials, service: "iam",
      form: parameters.merging(["Action": action, "Version": "2010-05-08"]) { $1 })
  }

  func organizations(_ operation: String, _ input: JSON) async throws -> JSONView {
    try await json(
      "organizations", target: "AWSOrganizationsV20161128.\(operation)", input, region: "us-east-1")
  }

  func queue(_ name: String) async throws {
    _ = try await json("sqs", target: "AmazonSQS.CreateQueue", ["QueueName": .string(name)])
  }

  /// A bucket, or an object.
  func put(_ path: String, _ body: [UInt8], encoding: String? = nil) async throws {
    var request = UnsignedRequest(
      method: .put, scheme: "http", authority: authority, path: path, body: body)
    request.fields[.contentEncoding] = encoding
    _ = try await Self.send(transport, request, credentials, "s3", "us-east-1")
  }

  func lambda(_ path: String, _ input: JSON) async throws {
    let request = UnsignedRequest(
      method: .post, scheme: "http", authority: authority, path: path, body: input.bytes)
    _ = try await Self.send(transport, request, credentials, "lambda", Self.region)
  }

  private func json(
    _ service: String, target: String, _ input: JSON, region: String = region
  ) async throws -> JSONView {
    var request = UnsignedRequest(
      method: .post, scheme: "http", authority: authority, path: "/", body: input.bytes)
    request.fields[.contentType] = "application/x-amz-json-1.1"
    if let name = HTTPField.Name("x-amz-target") { request.fields[name] = target }
    let body = try await Self.send(transport, request, credentials, service, region)
    return try JSONDocument(parsing: body).root
  }

  private static func call(
    _ transport: RealTransport, _ authority: String, _ credentials: SigningCredentials,
    service: String, form: [String: String]
  ) async throws -> [UInt8] {
    let body = form.map { "\($0.key)=\(RequestSigner.percentEncoded($0.value))" }
    var request = UnsignedRequest(
      method: .post, scheme: "http", authority: authority, path: "/",
      body: Array(body.joined(separator: "&").utf8))
    request.fields[.contentType] = "application/x-www-form-urlencoded; charset=utf-8"
    return try await send(transport, request, credentials, service, "us-east-1")
  }

  private static func send(
    _ transport: RealTransport, _ request: UnsignedRequest, _ credentials: SigningCredentials,
    _ service: String, _ region: String
  ) async throws -> [UInt8] {
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    let signer = RequestSigner(region: region, service: service)
    let (response, body) = try await transport.execute(
      signer.signed(request, with: credentials, at: now), body: request.body,
      limits: TransportLimits())
    guard response.status.kind == .successful else {
      throw Refused(description: "\(service): \(String(decoding: body.prefix(500), as: UTF8.self))")
    }
    return body
  }
}
