internal import Extraction
internal import JSONReader
internal import Model

/// The attempt at one account: what the collections' readers work with.
struct AWSScan: Sendable {
  let account: String
  let client: AWSClient
  /// Where the listing of a collection continues, by its name.
  var tokens: [String: String] = [:]
  let regions = AWSRegions()
}

// Identity and access management.
extension AWSScan {
  /// One paged call feeds four collections; they succeed and fail together.
  func readAuthorizationDetails(_ output: UnitOutput) async throws {
    try await client.pages(.getAccountAuthorizationDetails, logs: output.logs) { answer in
      for part in AWSUnit.authorizationDetails {
        guard let collection = output[part.kind.name] else { continue }
        try await collection.publish(
          (answer.result.optionalArray(at: part.items)?.map { item in
            Record(key: try item.string(at: "Arn"), bytes: item.verbatim, call: answer.call)
          }) ?? [])
      }
    }
  }

  /// Users, the keys of each, and the last use of each. Where only the last use is denied, the
  /// records go without it.
  func readAccessKeys(_ output: UnitOutput) async throws {
    guard let collection = output.collections.first else { return }
    var denial: CollectionFailure?
    var users: [(name: String, arn: JSONView)] = []
    try await client.pages(.listUsers, logs: output.logs) { answer in
      for user in try answer.result.array(at: "Users") {
        users.append((try user.string(at: "UserName"), try user.value(at: "Arn")))
      }
    }
    for user in users {
      do {
        try await client.pages(.listAccessKeys, ["UserName": .string(user.name)], logs: output.logs)
        {
          page in
          var records: [Record] = []
          for key in try page.result.array(at: "AccessKeyMetadata") {
            let id = try key.string(at: "AccessKeyId")
            let use = try await readLastUse(of: id, output, denial: &denial)
            var members = [("AccessKeyMetadata", key), ("UserArn", user.arn)]
            if let use { members.append(("AccessKeyLastUsed", use)) }
            records.append(Record(key: id, bytes: joined(members), call: page.call))
          }
          try await collection.publish(records)
        }
      } catch let error as AWSError where error.isGone {
        // The user was deleted after it was listed, and its keys with it.
      }
    }
    if let denial {
      try await collection.end(
        CollectionResult(.partial, message: denial.message, missing: denial.missing))
    }
  }

  private func readLastUse(
    of key: String, _ output: UnitOutput, denial: inout CollectionFailure?
  ) async throws -> JSONView? {
    do {
      let answer = try await client.call(
        .getAccessKeyLastUsed, ["AccessKeyId": .string(key)], logs: output.logs)
      return try answer.result.value(at: "AccessKeyLastUsed")
    } catch let error as AWSError where error.isDenied {
      denial = error.collectionFailure
      return nil
    } catch let error as AWSError where error.isGone {
      return nil
    }
  }
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
    if let collection = output["aws.organizations.account"] {
      try await collection.collect { try await readAccounts(collection) }
    }
    if let collection = output["aws.organizations.policy"] {
      try await collection.collect {
        try await readPolicies(of: "SERVICE_CONTROL_POLICY", collection)
      }
    }
    if let collection = output["aws.organizations.resourceControlPolicy"] {
      try await collection.collect {
        try await readPolicies(of: "RESOURCE_CONTROL_POLICY", collection)
      }
    }
    if let collection = output["aws.organizations.organizationalUnit"] {
      try await collection.collect { try await readUnits(collection) }
    }
    if let collection = output["aws.organizations.delegatedAdministrator"] {
      try await collection.collect { try await readDelegatedAdministrators(collection) }
    }
  }

  private func readAccounts(_ collection: CollectionOutput) async throws -> CollectionResult {
    try await client.pages(.listAccounts, logs: [collection.calls]) { answer in
      try await collection.publish(
        answer.result.array(at: "Accounts").map { account in
          Record(key: try account.string(at: "Id"), bytes: account.verbatim, call: answer.call)
        })
    }
    return .complete
  }

  private func readPolicies(
    of type: String, _ collection: CollectionOutput
  ) async throws -> CollectionResult {
    let logs = [collection.calls]
    var ids: [String] = []
    try await client.pages(.listPolicies, ["Filter": .string(type)], logs: logs) {
      answer in
      ids += try answer.result.array(at: "Policies").map { try $0.string(at: "Id") }
    }
    for id in ids {
      let answer = try await client.call(.describePolicy, ["PolicyId": .string(id)], logs: logs)
      let policy = try answer.result.value(at: "Policy")
      var targets: [[UInt8]] = []
      try await client.pages(.listTargetsForPolicy, ["PolicyId": .string(id)], logs: logs) { page in
        targets += try page.result.array(at: "Targets").map { Array($0.verbatim) }
      }
      let list = Array("[".utf8) + targets.joined(separator: ",".utf8) + Array("]".utf8)
      try await collection.publish([
        Record(
          key: try policy.string(at: "PolicySummary", "Arn"),
          bytes: joined([("Policy", Array(policy.verbatim)), ("Targets", list)]), call: answer.call)
      ])
    }
    return .complete
  }
}
