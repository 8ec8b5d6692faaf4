internal import Authentication
internal import Cryptography
internal import Extraction
internal import Foundation
internal import HTTPTransport
internal import HTTPTypes
internal import JSONReader
internal import Logging
internal import Model

/// P8: signed `GetRole` calls against a local server that takes 50 ms, beside boto3 with threads and
/// aiobotocore with tasks. What counts is the calls alone: no client's or process's start, and no
/// sorting of what was read.
enum CallsRow {
  static let atOnce = 32
  static let latency = 0.05

  static func measure() async throws -> Measured {
    let server = try Program("server.py")
    defer { server.stop() }
    guard let port = Int(try server.line()) else { throw NotMeasured("server.py told no port") }
    let asynchronous = try Program.packages(of: "aiobotocore")
    let peers: [(name: String, program: String, packages: String?)] = [
      (name: "boto3 with \(atOnce) threads", program: "boto.py", packages: nil),
      (name: "aiobotocore with \(atOnce) tasks", program: "aioboto.py", packages: asynchronous),
    ]
    var details: [String] = []
    var (ratios, wall) = ([String](), 0.0)
    var best = Double.infinity
    for calls in [100, 1000, 10_000] {
      let alone = Double(calls) * latency / Double(atOnce)
      let ours = try await read(calls, from: port)
      var words = [ours.words("sv0", calls)]
      (ratios, best) = ([], .infinity)
      for peer in peers {
        let theirs = try read(calls, from: port, by: peer.program, peer.packages)
        guard ours.digest == theirs.digest else {
          throw NotMeasured("\(peer.name) and sv0 read different roles")
        }
        words.append(theirs.words(peer.name, calls))
        best = min(best, theirs.cpu / ours.cpu)
        ratios.append("\((theirs.cpu / ours.cpu).digits(1))× less than \(peer.name)")
      }
      wall = ours.wall / alone
      details.append(
        "\(calls) calls: \(words.joined(separator: "; ")); latency alone \(alone.digits(1)) s")
    }
    return Measured(
      value: "CPU per call \(ratios.joined(separator: ", ")); \(wall.digits(2))× the time that "
        + "latency alone takes",
      target: "≥ 5×, ≤ 1.2×", isMet: best >= 5 && wall <= 1.2, details: details)
  }

  private struct Run {
    var cpu: Double
    var wall: Double
    /// Of the sorted lines `NAME ID`.
    var digest: String

    func words(_ name: String, _ calls: Int) -> String {
      "\(name) \((cpu / Double(calls) * 1e6).digits(0)) µs of CPU a call, \(wall.digits(1)) s"
    }
  }

  private static func read(
    _ calls: Int, from port: Int, by program: String, _ packages: String?
  ) throws -> Run {
    let arguments = ["\(port)", "\(calls)", "\(atOnce)"]
    let peer = try Program(program, arguments, with: packages)
    defer { peer.stop() }
    let words = try peer.line().split(separator: " ")
    guard words.count == 3, let cpu = Double(words[0]), let wall = Double(words[1]) else {
      throw NotMeasured("\(program) failed")
    }
    return Run(cpu: cpu, wall: wall, digest: String(words[2]))
  }

  private static func read(_ calls: Int, from port: Int) async throws -> Run {
    let http = try HTTPClient(
      HTTPConfiguration(allowPlainHTTPToLoopback: true, maximumTransfersPerHost: atOnce))
    let context = AttemptContext(
      transport: LocalTransport(client: http),
      surroundings: Surroundings(
        now: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
        random: { 0.5 }),
      statistics: AttemptStatistics(),
      log: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() }))
    let reader = RoleReader(port: port, context: context)
    let (cpu, start) = (usedSeconds(), ContinuousClock.now)
    var lines = try await withThrowingTaskGroup(of: [String].self) { group in
      for first in 0..<atOnce {
        group.addTask {
          var lines: [String] = []
          for number in stride(from: first, to: calls, by: atOnce) {
            lines.append(try await reader.role(number))
          }
          return lines
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    let wall = (ContinuousClock.now - start) / .seconds(1)
    let used = usedSeconds() - cpu
    await http.close()
    lines.sort { $0.precedes($1) }
    let digest = SHA256.hexDigest(lines.joined(separator: "\n"))
    return Run(cpu: used, wall: wall, digest: digest)
  }

  /// CPU of this process, of the user and the system together.
  private static func usedSeconds() -> Double {
    Double(clock()) / Double(CLOCKS_PER_SEC)
  }
}

/// One signed call as a connector makes it: rate, signature, evidence, the answer as JSON.
private struct RoleReader: Sendable {
  let port: Int
  let context: AttemptContext
  private let api: APIClient
  private let signer = RequestSigner(region: "us-east-1", service: "iam")
  private let credentials = SigningCredentials(
    accessKeyID: "AKIAEXAMPLE", secretAccessKey: "example")

  init(port: Int, context: AttemptContext) {
    self.port = port
    self.context = context
    api = APIClient(platform: .aws, context: context)
  }

  func role(_ number: Int) async throws -> String {
    let digits = String(number)
    let name = "role-" + String(repeating: "0", count: 5 - digits.count) + digits
    let request = APIRequest(
      operation: "iam:GetRole", rateKey: "iam", rate: Rate(perSecond: 1e6),
      build: {
        var unsigned = UnsignedRequest(
          method: .post, scheme: "http", authority: "127.0.0.1:\(port)", path: "/",
          body: Array("Action=GetRole&Version=2010-05-08&RoleName=\(name)".utf8))
        unsigned.fields[.contentType] = "application/x-www-form-urlencoded; charset=utf-8"
        return (
          signer.signed(unsigned, with: credentials, at: context.surroundings.now()), unsigned.body
        )
      },
      judge: { response, _ in
        response.status.code == 200 ? .accepted : .transient(reason: "\(response.status.code)")
      })
    let answer = try await api.send(request, logs: [CallLog()])
    let role = try JSONDocument(parsing: AWSXML.json(from: answer.body)).root
      .value(at: "GetRoleResponse", "GetRoleResult", "Role")
    return try role.string(at: "RoleName") + " " + role.string(at: "RoleId")
  }
}

private struct LocalTransport: Transport {
  let client: HTTPClient

  func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8]) {
    try await client.execute(request, body: body, limits: HTTPLimits())
  }
}
