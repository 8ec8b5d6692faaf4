internal import Extraction
internal import HTTPTypes
internal import JSONReader
internal import Model
internal import Synchronization

/// Accounts of very different sizes, which answer after 50 ms and count what they are asked.
final class SimulatedAWS: Transport {
  static let collections = [
    "aws.iam.accessKey", "aws.lambda.function", "aws.lambda.policy", "aws.lambda.url",
    "aws.sqs.queue", "aws.secretsmanager.secret", "aws.secretsmanager.policy",
    "aws.states.stateMachine", "aws.states.activity",
  ]

  /// What one region of an account allows, written down here once more: a rate, and a burst.
  /// Services have a bucket; operations that are named have one of their own.
  ///
  /// Source: quotas as published by Lambda, Step Functions, Secrets Manager and STS; IAM and SQS
  /// publish none, and have what the connector holds itself to.
  private static let quotas: [String: (rate: Double, burst: Double)] = [
    "iam": (15, 15), "lambda": (15, 15), "lambda:GetPolicy": (15, 15), "sqs": (10, 10),
    "secretsmanager": (20, 20), "secretsmanager:GetResourcePolicy": (20, 20),
    "states:ListStateMachines": (1, 50), "states:DescribeStateMachine": (1, 100),
    "states:ListActivities": (1, 50), "sts": (600, 600),
  ]

  private let clock: VirtualClock
  private let calls = Mutex<[String: Int]>([:])

  init(clock: VirtualClock) { self.clock = clock }

  static func account(_ number: Int) -> String { "\(100_000_000_000 + number)" }

  /// One account of ten is ten times as large as the others: 40 functions, 20 queues, 50 secrets
  /// and 150 state machines in each region, and 20 users.
  private static func size(_ account: String) -> Int { (Int(account) ?? 0) % 10 == 0 ? 10 : 1 }

  var callCount: Int { calls.withLock { $0.values.reduce(0, +) } }

  /// The bucket that takes longest when nothing else does, and how long.
  var bound: (bucket: String, seconds: Double) {
    var worst = ("", 0.0)
    for (bucket, count) in calls.withLock(\.self).sorted(by: { $0.key < $1.key }) {
      let name = bucket.split(separator: "/").last.map(String.init) ?? ""
      guard let quota = Self.quotas[name] else { continue }
      let seconds = (Double(count) - quota.burst) / quota.rate
      if seconds > worst.1 { worst = (bucket, seconds) }
    }
    return worst
  }

  func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8]) {
    let call = SimulatedCall(request, String(decoding: body, as: UTF8.self))
    let full = "\(call.service):\(call.operation)"
    let bucket = Self.quotas[full] == nil ? call.service : full
    calls.withLock { $0["\(call.account)/\(call.region)/\(bucket)", default: 0] += 1 }
    try await clock.sleep(.milliseconds(50))
    guard let answer = answer(call, Self.size(call.account)) else {
      return (HTTPResponse(status: .notFound), Array("no answer for \(full)".utf8))
    }
    return (HTTPResponse(status: .ok), Array(answer.utf8))
  }

  private func answer(_ call: SimulatedCall, _ size: Int) -> String? {
    let region = "\(call.region):\(call.account)"
    switch call.operation {
    case "AssumeRole":
      let account = call.body.split(separator: "%3A").first { $0.count == 12 } ?? ""
      return xml(
        call,
        "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey>"
          + "<SessionToken>\(account)</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
          + "</Credentials>")
    case "GetCallerIdentity": return xml(call, "<Account>\(call.account)</Account>")
    case "ListUsers":
      let users = (0..<2 * size).map { number in
        "<member><UserName>user-\(number)</UserName>"
          + "<Arn>arn:aws:iam::\(call.account):user/user-\(number)</Arn></member>"
      }
      return xml(call, "<IsTruncated>false</IsTruncated><Users>\(users.joined())</Users>")
    case "ListAccessKeys":
      let user = call.body.split(separator: "user-").last?.prefix { $0.isNumber } ?? ""
      return xml(
        call,
        "<IsTruncated>false</IsTruncated><AccessKeyMetadata><member><UserName>user-\(user)"
          + "</UserName><AccessKeyId>AKIA\(user)</AccessKeyId></member></AccessKeyMetadata>")
    case "GetAccessKeyLastUsed":
      return xml(call, "<AccessKeyLastUsed><Region>N/A</Region></AccessKeyLastUsed>")
    case "ListFunctions":
      let from = call.query("Marker").flatMap { Int($0) } ?? 0
      return page("Functions", "NextMarker", from, 4 * size, by: 50) { number in
        [
          "FunctionName": .string("f-\(number)"),
          "FunctionArn": .string("arn:aws:lambda:\(region):function:f-\(number)"),
        ]
      }
    case "GetPolicy": return #"{"Policy":"{\"Statement\":[]}","RevisionId":"1"}"#
    case "GetFunctionUrlConfig":
      return
        #"{"FunctionArn":"arn:aws:lambda:\#(region):function:\#(call.name)","AuthType":"NONE"}"#
    case "ListQueues":
      let queues = (0..<2 * size).map { JSON.string("https://sqs/\(call.account)/q-\($0)") }
      return JSON.object(["QueueUrls": .array(queues)]).text
    case "GetQueueAttributes":
      let queue = call.input["QueueUrl"]?.string?.split(separator: "/").last ?? ""
      return #"{"Attributes":{"QueueArn":"arn:aws:sqs:\#(region):\#(queue)"}}"#
    case "ListSecrets":
      let from = call.input["NextToken"]?.string.flatMap { Int($0) } ?? 0
      return page("SecretList", "NextToken", from, 5 * size, by: 100) { number in
        [
          "ARN": .string("arn:aws:secretsmanager:\(region):secret:s-\(number)"),
          "Name": .string("s-\(number)"),
        ]
      }
    case "GetResourcePolicy":
      return JSON.object(["ARN": call.input["SecretId"] ?? .null, "Name": "s"]).text
    case "ListStateMachines":
      return page("stateMachines", "nextToken", 0, 15 * size, by: 1000) { number in
        ["stateMachineArn": .string("arn:aws:states:\(region):stateMachine:m-\(number)")]
      }
    case "DescribeStateMachine":
      return JSON.object([
        "stateMachineArn": call.input["stateMachineArn"] ?? .null, "name": "m",
        "definition": "{}", "roleArn": .string("arn:aws:iam::\(call.account):role/m"),
      ]).text
    case "ListActivities": return #"{"activities":[]}"#
    default: return nil
    }
  }

  private func page(
    _ items: String, _ cursor: String, _ from: Int, _ count: Int, by size: Int,
    _ item: (Int) -> [String: JSON]
  ) -> String {
    let end = min(count, from + size)
    var page: [String: JSON] = [items: .array((from..<end).map { .object(item($0)) })]
    if end < count { page[cursor] = .string("\(end)") }
    return JSON.object(page).text
  }

  private func xml(_ call: SimulatedCall, _ result: String) -> String {
    let name = call.operation
    return "<\(name)Response><\(name)Result>\(result)</\(name)Result></\(name)Response>"
  }
}

/// A request as the platform understands it.
private struct SimulatedCall {
  let account: String
  let service: String
  let region: String
  let operation: String
  let path: String
  let body: String
  /// Of the JSON protocols.
  let input: JSON

  init(_ request: HTTPRequest, _ body: String) {
    self.body = body
    path = request.path ?? "/"
    let host = (request.authority ?? "").split(separator: ".").map(String.init)
    service = host.first ?? ""
    region = host.count > 3 ? host[1] : "global"
    account =
      HTTPField.Name("x-amz-security-token").flatMap { request.headerFields[$0] } ?? "base"
    input =
      body.hasPrefix("{")
      ? (try? JSON(JSONDocument(parsing: Array(body.utf8)).root)) ?? .null : .null
    let target = HTTPField.Name("x-amz-target").flatMap { request.headerFields[$0] }
    if let target {
      operation = target.split(separator: ".").last.map(String.init) ?? ""
    } else if body.hasPrefix("Action=") || body.contains("&Action=") {
      operation =
        body.split(separator: "&").first { $0.hasPrefix("Action=") }
        .map { String($0.dropFirst(7)) } ?? ""
    } else {
      let route = path.prefix { $0 != "?" }
      operation =
        route.hasSuffix("/policy")
        ? "GetPolicy" : route.hasSuffix("/url") ? "GetFunctionUrlConfig" : "ListFunctions"
    }
  }

  /// Of a Lambda path, the function's.
  var name: String {
    path.split(separator: "/").dropFirst(2).first.map(String.init) ?? ""
  }

  func query(_ name: String) -> String? {
    path.split(separator: "?").dropFirst().first?.split(separator: "&")
      .first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
  }
}
