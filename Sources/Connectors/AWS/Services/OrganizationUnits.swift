internal import Extraction
internal import JSONReader
internal import Model

// What only the management account can read of an organization, beside accounts and SCPs.

extension AWSOperation {
  private static let pages = Paging("NextToken", limit: ("MaxResults", 20))

  static let listRoots = AWSOperation(.organizations, "ListRoots", paging: pages)
  static let listUnitsForParent = AWSOperation(
    .organizations, "ListOrganizationalUnitsForParent", paging: pages)
  static let listAccountsForParent = AWSOperation(
    .organizations, "ListAccountsForParent", paging: pages)
  static let listDelegatedAdministrators = AWSOperation(
    .organizations, "ListDelegatedAdministrators", paging: pages)
  static let listDelegatedServices = AWSOperation(
    .organizations, "ListDelegatedServicesForAccount", paging: pages)
  static let describeOrganizationPolicy = AWSOperation(.organizations, "DescribeResourcePolicy")
  static let listServiceAccess = AWSOperation(
    .organizations, "ListAWSServiceAccessForOrganization", paging: pages)
}

extension AWSScan {
  /// The deepest nesting that AWS allows is five; more would be a loop.
  static let maximumUnitDepth = 8

  /// Roots and units from the top down, each with its parent and its accounts.
  func readUnits(_ collection: CollectionOutput) async throws -> CollectionResult {
    let gaps = AWSGaps()
    var level: [(unit: JSONView, parent: String?)] = []
    try await client.pages(.listRoots, logs: [collection.calls]) { answer in
      level += try answer.result.array(at: "Roots").map { ($0, nil) }
    }
    var depth = 0
    while !level.isEmpty {
      depth += 1
      guard depth <= Self.maximumUnitDepth else {
        throw CollectionFailure(.failed, "The organization's units are nested without an end.")
      }
      var below: [(unit: JSONView, parent: String?)] = []
      for (unit, parent) in level {
        try await gaps.object(
          of: collection.name, by: [.listUnitsForParent, .listAccountsForParent]
        ) {
          try await readUnit(unit, in: parent, collection, below: &below)
        }
      }
      level = below
    }
    return gaps.result(of: collection.name) ?? .complete
  }

  /// - Parameter below: gets the units in it, also where something else of it cannot be read.
  private func readUnit(
    _ unit: JSONView, in parent: String?, _ collection: CollectionOutput,
    below: inout [(unit: JSONView, parent: String?)]
  ) async throws {
    let logs = [collection.calls]
    let id = try unit.string(at: "Id")
    try await client.pages(.listUnitsForParent, ["ParentId": .string(id)], logs: logs) {
      below += try $0.result.array(at: "OrganizationalUnits").map { ($0, id) }
    }
    var accounts: [String] = []
    try await client.pages(.listAccountsForParent, ["ParentId": .string(id)], logs: logs) {
      accounts += try $0.result.array(at: "Accounts").map { try $0.string(at: "Id") }
    }
    var members = [("Unit", Array(unit.verbatim)), ("Accounts", JSON.strings(accounts).bytes)]
    if let parent { members.append(("Parent", JSON.string(parent).bytes)) }
    try await collection.publish([
      Record(key: id, bytes: joined(members), call: collection.calls.count - 1)
    ])
  }

  func readDelegatedAdministrators(_ collection: CollectionOutput) async throws -> CollectionResult
  {
    let logs = [collection.calls]
    let gaps = AWSGaps()
    try await client.pages(.listDelegatedAdministrators, logs: logs) { answer in
      for administrator in try answer.result.array(at: "DelegatedAdministrators") {
        try await gaps.object(of: collection.name, by: [.listDelegatedServices]) {
          let id = try administrator.string(at: "Id")
          var services: [String] = []
          try await client.pages(.listDelegatedServices, ["AccountId": .string(id)], logs: logs) {
            services += try $0.result.array(at: "DelegatedServices").map {
              try $0.string(at: "ServicePrincipal")
            }
          }
          // Names and addresses of people are left out.
          let record: JSON = ["Id": .string(id), "Services": .strings(services)]
          try await collection.publish([
            Record(key: id, bytes: record.bytes, call: collection.calls.count - 1)
          ])
        }
      }
    }
    return gaps.result(of: collection.name) ?? .complete
  }
}

extension AWSNormalizer {
  /// The policy is the organization's, whose ARN begins as its own does.
  static func organizationPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let arn = try record.identifier(
      record.root.value(at: "ResourcePolicySummary", "Arn"))
    guard let parts = ARNParts(arn),
      let name = parts.resource.split(separator: "/").dropFirst().first
    else { throw record.root.mismatch("an ARN", "another text") }
    var assertions = Assertions()
    assertions.add(
      policy: arn, type: "aws.organizations.resourcePolicy", name: "policy of \(name)",
      document: try record.root.policyDocument("Content"))
    assertions.link(
      .governs, arn, "arn:aws:organizations::\(parts.account):organization/\(name)")
    return assertions
  }

  /// A service that acts in every account of the organization.
  static func serviceAccess(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let service = try record.identifier(record.root.value(at: "ServicePrincipal"))
    let id = "aws:organizations:service-access:\(service)"
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .grant, type: "aws.organizations.serviceAccess", name: service,
        state: .present(["enabled": try record.root.time("DateEnabled")]))
    ])
    assertions.link(.hasGrant, "aws:service:\(service)", id)
    return assertions
  }

  static func organizationalUnit(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let unit = try record.root.value(at: "Unit")
    let key = try record.identifier(unit.value(at: "Id"))
    let id = "aws:organizations:\(key)"
    var names = [id]
    if let arn = try unit.text("Arn") { names.append(arn) }
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .container, type: "aws.organizationalUnit", name: try unit.name("Name"),
        defines: names, state: ["root": .bool(key.hasPrefix("r-"))])
    ])
    if let parent = try record.root.text("Parent") {
      assertions.link(.contains, "aws:organizations:\(parent)", id)
    }
    for account in try record.root.texts("Accounts") {
      assertions.link(.contains, id, "aws:account:\(account)")
    }
    return assertions
  }

  static func delegatedAdministrator(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let account = try record.identifier(record.root.value(at: "Id"))
    let id = "aws:organizations:delegated-administrator:\(account)"
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .grant, type: "aws.organizations.delegatedAdministrator", name: account,
        state: .present(["services": try record.root.set("Services")]))
    ])
    assertions.link(.hasGrant, "aws:account:\(account)", id)
    return assertions
  }
}
