internal import Extraction
internal import Foundation
internal import JSONReader
internal import Model
internal import Synchronization

// What IAM has to be asked to put together first: the credential report, and which services an
// identity used. Both calls that begin it are reads: they change nothing but a report's age.

extension AWSOperation {
  private static let pages = Paging("Marker", more: "IsTruncated", limit: ("MaxItems", 1000))

  static let generateCredentialReport = AWSOperation(.iam, "GenerateCredentialReport")
  static let getCredentialReport = AWSOperation(.iam, "GetCredentialReport")
  static let listRoles = AWSOperation(.iam, "ListRoles", paging: pages)
  /// Slower than the rest, so that a big account's other collections do not wait for it.
  static let generateLastAccessed = AWSOperation(
    .iam, "GenerateServiceLastAccessedDetails", rate: Rate(perSecond: 5))
  static let getLastAccessed = AWSOperation(
    .iam, "GetServiceLastAccessedDetails", paging: pages, rate: Rate(perSecond: 5))
}

extension AWSUnit {
  static let iamReports: [AWSUnit] = [
    AWSUnit(
      kinds: [
        (
          AWSKind("aws.iam.credentialReport", key: .item("arn"), AWSNormalizer.reportedUser),
          [.generateCredentialReport, .getCredentialReport]
        )
      ], isRegional: false,
      read: { scan, _, output in try await scan.readCredentialReport(output) }),
    AWSUnit(
      kinds: [
        (
          AWSKind(
            "aws.iam.lastAccessed", key: .item("Arn"), kind: .activity,
            AWSNormalizer.lastAccessed),
          [.listRoles, .listUsers, .generateLastAccessed, .getLastAccessed]
        )
      ], isRegional: false, read: { scan, _, output in try await scan.readLastAccessed(output) }),
  ]
}

extension AWSScan {
  /// How often a report is asked for until it is there, and how long between.
  static let maximumReportPolls = 60
  static let reportPause = Duration.seconds(2)
  /// Of how many roles and users the services are asked for in one scan.
  static let maximumLastAccessed = 2_000

  /// The report, a record for each of its lines; AWS makes a new one at most every four hours.
  func readCredentialReport(_ output: UnitOutput) async throws {
    guard let collection = output.collections.first else { return }
    try await untilReady("The credential report") {
      let answer = try await client.call(.generateCredentialReport, logs: output.logs)
      return try answer.result.string(at: "State") == "COMPLETE" ? () : nil
    }
    let answer = try await client.call(.getCredentialReport, logs: output.logs)
    let content = try answer.result.value(at: "Content")
    guard
      let data = Data(base64Encoded: try content.string(), options: .ignoreUnknownCharacters),
      let report = CredentialReport(String(decoding: data, as: UTF8.self))
    else { throw content.mismatch("a credential report in base64", "another text") }
    try await collection.publish(
      report.users.map { Record(key: $0.arn, bytes: $0.json.bytes, call: answer.call) })
    guard report.unreadable > 0 else { return }
    try await collection.end(
      CollectionResult(
        .partial, message: "\(report.unreadable) lines of the report could not be read."))
  }

  /// Per role and user the last use of each service. AWS's own roles for its services are left out.
  func readLastAccessed(_ output: UnitOutput) async throws {
    guard let collection = output.collections.first else { return }
    var read = 0
    let gaps = Mutex<(count: Int, first: String)>((0, ""))
    let note = { @Sendable (problem: any Error) in
      gaps.withLock { gaps in
        if gaps.count == 0 { gaps.first = CollectionFailure(problem).message }
        gaps.count += 1
      }
    }
    for (operation, list) in [(AWSOperation.listRoles, "Roles"), (.listUsers, "Users")] {
      try await client.pages(operation, logs: output.logs) { answer in
        let identities = try answer.result.array(at: list).filter {
          $0["Path"]?.string?.hasPrefix("/aws-service-role/") != true
        }
        var arns: [String] = []
        for identity in identities {
          do { arns.append(try identity.string(at: "Arn")) } catch { note(error) }
        }
        let taken = Array(arns.prefix(max(0, Self.maximumLastAccessed - read)))
        read += arns.count
        try await inTurns(taken) { arn, turn in
          do {
            let record = try await self.lastAccessed(arn, output)
            try await turn.wait()
            try await collection.publish([record].compactMap(\.self))
          } catch let error as JSONError {
            note(error)
          } catch let error as ReportFailed {
            note(error)
          }
        }
      }
    }
    var result = CollectionResult.activity(token: nil)
    let (count, first) = gaps.withLock { $0 }
    var problems: [String] = []
    if read > Self.maximumLastAccessed {
      problems.append(
        "One scan asks about \(Self.maximumLastAccessed) roles and users at most, and there are "
          + "\(read); of the others only their own last use is known.")
    }
    if count > 0 { problems.append("\(count) could not be read, the first: \(first)") }
    if !problems.isEmpty {
      result.outcome = .partial
      result.message = problems.joined(separator: " ")
    }
    try await collection.end(result)
  }

  /// `nil` where the identity is gone by now.
  private func lastAccessed(_ arn: String, _ output: UnitOutput) async throws -> Record? {
    do {
      let job = try await client.call(
        .generateLastAccessed, ["Arn": .string(arn)], logs: output.logs)
      let id: JSON = .string(try job.result.string(at: "JobId"))
      return try await untilReady("The report on \(arn)") {
        try await finished(id, arn, output)
      }
    } catch let error as AWSError where error.isGone {
      return nil
    }
  }

  private func finished(_ job: JSON, _ arn: String, _ output: UnitOutput) async throws -> Record? {
    var services: [JSON] = []
    var isReady = true
    var call = 0
    try await client.pages(.getLastAccessed, ["JobId": job], logs: output.logs) { answer in
      call = answer.call
      switch try answer.result.string(at: "JobStatus") {
      case "COMPLETED": break
      case "FAILED": throw ReportFailed(arn: arn)
      default: isReady = false
      }
      for service in try answer.result.list("ServicesLastAccessed") {
        guard let at = service["LastAuthenticated"], at.string?.isEmpty == false else { continue }
        services.append([
          "ServiceNamespace": .string(try service.string(at: "ServiceNamespace")),
          "LastAuthenticated": JSON(at),
        ])
      }
    }
    guard isReady else { return nil }
    let record: JSON = ["Arn": .string(arn), "Services": .array(services)]
    return Record(key: arn, bytes: record.bytes, call: call)
  }

  private struct ReportFailed: FailureConvertible {
    var arn: String

    var collectionFailure: CollectionFailure {
      CollectionFailure(.failed, "AWS could not tell which services \(arn) used.")
    }
  }

  /// Asks until there is an answer.
  private func untilReady<Value>(
    _ what: String, _ ask: () async throws -> Value?
  ) async throws -> Value {
    for _ in 0..<Self.maximumReportPolls {
      if let value = try await ask() { return value }
      try await client.context.surroundings.sleep(Self.reportPause)
    }
    throw CollectionFailure(
      .failed,
      "\(what) was not ready after \(Self.maximumReportPolls) questions; the next scan asks again.")
  }
}

/// The lines of IAM's credential report.
///
/// Source: IAM User Guide, "Getting credential reports for your AWS account".
struct CredentialReport {
  var users: [(arn: String, json: JSON)] = []
  /// Lines with another number of fields than the header, or without an ARN.
  var unreadable = 0

  /// - Returns: `nil` unless it is a table with a column for ARNs.
  init?(_ text: String) {
    let lines = text.split(whereSeparator: \.isNewline)
    guard let names = lines.first.map(Self.fields), names.contains("arn") else { return nil }
    for line in lines.dropFirst() {
      let values = Self.fields(line)
      guard values.count == names.count else {
        unreadable += 1
        continue
      }
      let pairs = zip(names, values).filter { !Self.absent.contains($0.1) }
      let user = Dictionary(pairs.map { ($0, JSON.string($1)) }) { first, _ in first }
      guard let arn = user["arn"]?.string else {
        unreadable += 1
        continue
      }
      users.append((arn, .object(user)))
    }
  }

  /// What the report writes where there is nothing to say.
  private static let absent: Set<String> = ["", "N/A", "no_information", "not_supported"]

  /// Fields between commas; a name with a comma stands in quotation marks.
  private static func fields(_ line: Substring) -> [String] {
    var fields = [""]
    var isQuoted = false
    for character in line {
      if character == "\"" {
        isQuoted.toggle()
      } else if character == ",", !isQuoted {
        fields.append("")
      } else {
        fields[fields.count - 1].append(character)
      }
    }
    return fields
  }
}

extension AWSNormalizer {
  /// Passwords and signing certificates of users; of the root user, which no other record tells of,
  /// itself and its keys too.
  static func reportedUser(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (arn, parts) = try record.arn("arn")
    let isRoot = parts.resource == "root"
    var assertions = Assertions()
    if isRoot {
      assertions.nodes.append(
        Node(
          id: arn, kind: .identity, type: "aws.iam.root", name: "root", defines: [arn],
          state: .present([
            "account": .string(record.scope.account),
            "created": try root.time("user_creation_time"), "mfa": try root.flag("mfa_active"),
          ])))
    }
    if try root.optionalBool(at: "password_enabled", lenient: true) ?? isRoot {
      try assertions.add(
        "password", "aws.iam.password", of: arn, root, created: "password_last_changed",
        used: "password_last_used",
        ["mfa": root.flag("mfa_active"), "expires": root.time("password_next_rotation")])
    }
    for number in 1...2 {
      if try root.optionalBool(at: "cert_\(number)_active", lenient: true) == true {
        try assertions.add(
          "certificate\(number)", "aws.iam.signingCertificate", of: arn, root,
          created: "cert_\(number)_last_rotated")
      }
      let isKey = try root.optionalBool(at: "access_key_\(number)_active", lenient: true) == true
      if isRoot, isKey {
        try assertions.add(
          "accessKey\(number)", "aws.iam.accessKey", of: arn, root,
          created: "access_key_\(number)_last_rotated", used: "access_key_\(number)_last_used_date")
      }
    }
    return assertions
  }

  static func lastAccessed(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let arn = try record.identifier(record.root.value(at: "Arn"))
    var activity: [Activity] = []
    for service in try record.root.list("Services") {
      guard let at = try service.timestamp("LastAuthenticated") else { continue }
      let name = try service.name("ServiceNamespace")
      activity.append(
        Activity(
          subject: arn, action: "\(name):*", target: "aws:service:\(name).amazonaws.com", at: at))
    }
    return Assertions(activity: activity)
  }
}

extension Assertions {
  /// Adds a credential of a user by which nothing else is named.
  fileprivate mutating func add(
    _ suffix: String, _ type: String, of arn: String, _ user: JSONView, created: String,
    used: String? = nil, _ state: [String: JSON?] = [:]
  ) throws(JSONError) {
    var state = [String: JSON].present(state)
    state["created"] = try user.time(created)
    var observed: [String: String] = [:]
    if let used, let day = try user.day(used) { observed["lastUsed"] = day }
    let id = "\(arn)#\(suffix)"
    nodes.append(
      Node(
        id: id, kind: .credential, type: type,
        name: "\(suffix) of \(ARNParts(arn)?.name ?? arn)", state: state, observed: observed))
    edges.append(Edge(.authenticatesAs, from: id, to: arn))
  }
}
