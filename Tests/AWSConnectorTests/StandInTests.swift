import Extraction
import Foundation
import HTTPTransport
import HTTPTypes
import JSONReader
import Model
import PipelineTesting
import Testing

@testable import AWSConnector

/// What only shows on a real connection to a server that does as AWS's documentation says.
@Suite(.timeLimit(.minutes(2))) struct StandInTests {
  /// A server that takes 50 ms and a rate of 1,000 a second need 50 calls under way, from the first
  /// to the last of a thousand parents.
  @Test func askingAboutAThousandParentsUsesUpTheRate() async throws {
    let server = try StandIn()
    defer { server.stop() }
    let attempt = try server.attempt(collections: ["aws.lambda.policy"])
    let published = await attempt.run()
    let end = published.end(of: "aws.lambda.policy@eu-west-1")
    #expect(end?.outcome == .complete, "\(end?.message ?? "")")
    #expect(
      published.records.map(\.key)
        == (0..<1000).map { "arn:aws:lambda:eu-west-1:111122223333:function:f\($0)" })
    let (together, late) = try await server.rounds()
    #expect(together.reduce(late, +) == 1000)
    #expect(together.count > 10)
    #expect(together.dropLast().allSatisfy { $0 >= 50 }, "\(together)")
  }

  /// Whatever a trail's objects were stored as, S3 is told to call them compressed.
  @Test func anArchiveThatIsNotMarkedAsCompressedIsUnpacked() async throws {
    let server = try StandIn()
    defer { server.stop() }
    let attempt = try server.attempt(collections: ["aws.cloudtrail.archivedEvent"])
    let published = await attempt.run()
    let end = published.end(of: "aws.cloudtrail.archivedEvent@eu-west-1")
    #expect(end?.outcome == .complete, "\(end?.message ?? "")")
    #expect(Set(published.records.map(\.key)) == ["d-1"])
  }
}

/// `stand_in.py`, as a process.
private final class StandIn {
  private let process = Process()
  private let endpoint: String
  private let transport: RealTransport

  init() throws {
    let environment = try #require(
      ProcessInfo.processInfo.environment["SV0_VENV"],
      "SV0_VENV is not set: it names the Python environment that `make setup` creates (.venv)")
    let output = Pipe()
    process.executableURL = URL(filePath: "\(environment)/bin/python3")
    process.arguments = [
      URL(filePath: #filePath).deletingLastPathComponent().appending(path: "stand_in.py").path
    ]
    process.standardOutput = output
    try process.run()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    let port = try #require(Int(line.trimmingCharacters(in: .newlines)), "stand_in.py told no port")
    endpoint = "http://127.0.0.1:\(port)"
    // As the extractor's worker has it.
    transport = RealTransport(
      client: try HTTPClient(
        HTTPConfiguration(
          allowPlainHTTPToLoopback: true, maximumTransfersPerHost: ExtractionLimits().callsPerHost)
      ))
  }

  func stop() {
    // Not SIGTERM: whoever started this process may ignore it, which a child inherits.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  func attempt(collections: [String]) throws -> TestAttempt {
    TestAttempt(
      connector: FakeAWS.connector, transport: transport, account: FakeAWS.account,
      settings: [
        "roleName": "SecurityV0ReadOnly", "regions": ["eu-west-1"],
        "endpoint": .string(endpoint), "trailBucket": ["name": "trail", "region": "eu-west-1"],
      ], credentials: FakeAWS.assumeRole, collections: collections)
  }

  /// How many policies were answered each time, and how many at once because they came late.
  func rounds() async throws -> (together: [Int64], late: Int64) {
    let request = HTTPRequest(
      method: .get, scheme: "http", authority: String(endpoint.dropFirst(7)), path: "/rounds")
    let (_, body) = try await transport.execute(request, body: [], limits: TransportLimits())
    let root = try JSONDocument(parsing: body).root
    return (
      root["together"]?.elements.map { $0.compactMap(\.int64) } ?? [], root["late"]?.int64 ?? 0
    )
  }
}
