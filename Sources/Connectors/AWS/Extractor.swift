internal import Extraction
internal import JSONReader
internal import Model

/// The attempt at one account: what the collections' readers work with.
struct AWSScan: Sendable {
  let account: String
  let client: AWSClient
  /// The region in which the credentials were obtained and checked.
  let home: String
  /// Where the listing of a collection continues, by its name.
  var tokens: [String: String] = [:]
  var trailBucket: AWSTrailBucket?
  let regions = AWSRegions()
}

// The organization.
extension AWSScan {
  /// The organization, and what only its management account can read of it.
  func readOrganization(_ output: UnitOutput) async throws {
    let answer: AWSAnswer
    do {
      answer = try await client.call(.describeOrganization, logs: output.logs)
    } catch let error as AWSError where error.code == "AWSOrganizationsNotInUseException" {
      return
    }
    let organization = try answer.result.value(at: "Organization")
    let management = try organization.string(at: "MasterAccountId")
    if let collection = output["aws.organizations.organization"] {
      try await collection.collect {
        try await collection.publish([
          Record(
            key: try organization.string(at: "Arn"), bytes: organization.verbatim, call: answer.call
          )
        ])
        return .complete
      }
    }
    guard management == account else {
      for collection in output.collections where collection.name != "aws.organizations.organization"
      {
        try await collection.end(
          CollectionResult(
            .unsupported,
            message: "Only the organization's management account can list this; this account is "
              + "a member."))
      }
      return
    }
    let reading = AWSReading(self, in: "", output)
    for listing in AWSUnit.organizationListings { try await reading.readAlone(listing) }
    let readers: [(String, (CollectionOutput) async throws -> CollectionResult)] = [
      ("policy", { try await readPolicies(of: "SERVICE_CONTROL_POLICY", $0) }),
      ("resourceControlPolicy", { try await readPolicies(of: "RESOURCE_CONTROL_POLICY", $0) }),
      ("organizationalUnit", readUnits),
      ("delegatedAdministrator", readDelegatedAdministrators),
    ]
    for (name, read) in readers {
      guard let collection = output["aws.organizations.\(name)"] else { continue }
      try await collection.collect { try await read(collection) }
    }
  }

  private func readPolicies(
    of type: String, _ collection: CollectionOutput
  ) async throws -> CollectionResult {
    let logs = [collection.calls]
    let gaps = AWSGaps()
    try await client.pages(.listPolicies, ["Filter": .string(type)], logs: logs) { answer in
      for policy in try answer.result.array(at: "Policies") {
        try await gaps.object(
          of: collection.name, by: [.describePolicy, .listTargetsForPolicy]
        ) {
          try await readPolicy(policy.string(at: "Id"), collection)
        }
      }
    }
    return gaps.result(of: collection.name) ?? .complete
  }

  private func readPolicy(_ id: String, _ collection: CollectionOutput) async throws {
    let logs = [collection.calls]
    let answer = try await client.call(.describePolicy, ["PolicyId": .string(id)], logs: logs)
    let policy = try answer.result.value(at: "Policy")
    let key = try policy.string(at: "PolicySummary", "Arn")
    var targets: [[UInt8]] = []
    try await client.pages(.listTargetsForPolicy, ["PolicyId": .string(id)], logs: logs) { page in
      targets += try page.result.array(at: "Targets").map { Array($0.verbatim) }
    }
    let list = Array("[".utf8) + targets.joined(separator: ",".utf8) + Array("]".utf8)
    try await collection.publish([
      Record(
        key: key, bytes: joined([("Policy", Array(policy.verbatim)), ("Targets", list)]),
        call: answer.call)
    ])
  }
}
