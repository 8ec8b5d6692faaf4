internal import Extraction
internal import JSONReader

// Every call that the connector can make, and every collection, as data. Nothing else is called:
// `AWSClient.call` takes an `AWSOperation`, and all of them are here.

extension AWSOperation {
  private static let iamPaging = Paging(
    input: "Marker", output: "Marker", more: "IsTruncated", limit: ("MaxItems", 1000))
  private static let lambdaPaging = Paging(input: "Marker", output: "NextMarker", more: nil)
  /// Organizations takes 20 at most.
  private static let organizationsPaging = Paging(
    input: "NextToken", output: "NextToken", more: nil, limit: ("MaxResults", 20))

  static let assumeRole = AWSOperation(service: .sts, name: "AssumeRole")
  static let getCallerIdentity = AWSOperation(service: .sts, name: "GetCallerIdentity")

  static let getAccountAuthorizationDetails = AWSOperation(
    service: .iam, name: "GetAccountAuthorizationDetails", paging: iamPaging)
  static let listUsers = AWSOperation(service: .iam, name: "ListUsers", paging: iamPaging)
  static let listAccessKeys = AWSOperation(service: .iam, name: "ListAccessKeys", paging: iamPaging)
  static let getAccessKeyLastUsed = AWSOperation(service: .iam, name: "GetAccessKeyLastUsed")

  static let describeOrganization = AWSOperation(
    service: .organizations, name: "DescribeOrganization")
  static let listAccounts = AWSOperation(
    service: .organizations, name: "ListAccounts", paging: organizationsPaging)
  static let listPolicies = AWSOperation(
    service: .organizations, name: "ListPolicies", fixed: ["Filter": "SERVICE_CONTROL_POLICY"],
    paging: organizationsPaging)
  static let describePolicy = AWSOperation(service: .organizations, name: "DescribePolicy")
  static let listTargetsForPolicy = AWSOperation(
    service: .organizations, name: "ListTargetsForPolicy", paging: organizationsPaging)

  static let listFunctions = AWSOperation(
    service: .lambda, name: "ListFunctions", path: "/2015-03-31/functions", paging: lambdaPaging)
  /// Source: Lambda Developer Guide, "Lambda quotas": GetPolicy has 15 a second of its own.
  static let getPolicy = AWSOperation(
    service: .lambda, name: "GetPolicy", path: "/2015-03-31/functions/{FunctionName}/policy",
    rate: Rate(perSecond: 15))
  static let getFunctionURLConfig = AWSOperation(
    service: .lambda, name: "GetFunctionUrlConfig",
    path: "/2021-10-31/functions/{FunctionName}/url")
  static let listEventSourceMappings = AWSOperation(
    service: .lambda, name: "ListEventSourceMappings", path: "/2015-03-31/event-source-mappings",
    paging: lambdaPaging)
}

/// Collections that are read together, and how.
struct AWSUnit: Sendable {
  var collections: [CollectionDescription]
  /// Reads them in a region, which is empty for global ones.
  var read: @Sendable (AWSScan, String, UnitOutput) async throws -> Void

  static let all = [
    AWSUnit(
      collections: authorizationDetails.map { part in
        CollectionDescription(
          name: part.collection,
          operations: [AWSOperation.getAccountAuthorizationDetails.description],
          group: "aws.iam.authorizationDetails")
      }, read: { scan, _, output in try await scan.readAuthorizationDetails(output) }),
    AWSUnit(
      collections: [
        CollectionDescription(
          name: "aws.iam.accessKey",
          operations: [
            AWSOperation.listUsers, .listAccessKeys, .getAccessKeyLastUsed,
          ].map(\.description))
      ], read: { scan, _, output in try await scan.readAccessKeys(output) }),
    AWSUnit(
      collections: [
        organizationsCollection("aws.organizations.organization", []),
        organizationsCollection("aws.organizations.account", [.listAccounts]),
        organizationsCollection(
          "aws.organizations.policy", [.listPolicies, .describePolicy, .listTargetsForPolicy]),
      ], read: { scan, _, output in try await scan.readOrganization(output) }),
    AWSUnit(
      collections: [
        lambdaCollection(
          "aws.lambda.function", [],
          redaction: "values of environment variables: replaced by empty, reference or opaque"),
        lambdaCollection("aws.lambda.policy", [.getPolicy]),
        lambdaCollection("aws.lambda.url", [.getFunctionURLConfig]),
      ],
      read: { scan, region, output in try await scan.readFunctions(output, in: region) }),
    .listing(
      "aws.lambda.eventSourceMapping", isRegional: true, .listEventSourceMappings,
      items: "EventSourceMappings", key: "UUID"),
  ]

  /// The parts of `GetAccountAuthorizationDetails`.
  static let authorizationDetails = [
    (collection: "aws.iam.role", items: "RoleDetailList"),
    (collection: "aws.iam.user", items: "UserDetailList"),
    (collection: "aws.iam.group", items: "GroupDetailList"),
    (collection: "aws.iam.policy", items: "Policies"),
  ]

  /// A collection that is one listing, each item a record as given.
  ///
  /// - Parameters:
  ///   - items: name of the list in the answer.
  ///   - key: name of the member that identifies an item.
  static func listing(
    _ name: String, isRegional: Bool = false, _ operation: AWSOperation, items: String, key: String
  ) -> AWSUnit {
    AWSUnit(
      collections: [
        CollectionDescription(
          name: name, isRegional: isRegional, operations: [operation.description])
      ],
      read: { scan, region, output in
        guard let collection = output.collections.first else { return }
        try await scan.client.pages(operation, in: region, logs: output.logs) { answer in
          try await collection.publish(
            answer.result.array(at: items).map { item in
              Record(key: try item.string(at: key), bytes: item.verbatim, call: answer.call)
            })
        }
      })
  }

  private static func organizationsCollection(
    _ name: String, _ operations: [AWSOperation]
  ) -> CollectionDescription {
    CollectionDescription(
      name: name,
      operations: ([.describeOrganization] + operations).map(\.description),
      group: "aws.organizations")
  }

  private static func lambdaCollection(
    _ name: String, _ operations: [AWSOperation], redaction: String? = nil
  ) -> CollectionDescription {
    CollectionDescription(
      name: name, isRegional: true,
      operations: ([.listFunctions] + operations).map(\.description),
      group: "aws.lambda.functions", redaction: redaction)
  }

  /// The unit once, or once per region, as far as its collections were asked for.
  func instances(
    _ regions: [String], _ selection: CollectionSelection, _ scan: AWSScan
  ) -> [ExtractionUnit] {
    let isRegional = collections.contains { $0.isRegional }
    return (isRegional ? regions : [""]).compactMap { region in
      let names = collections.map { $0.isRegional ? "\($0.name)@\(region)" : $0.name }
        .filter(selection.includes)
      guard !names.isEmpty else { return nil }
      return ExtractionUnit(collections: names) { try await read(scan, region, $0) }
    }
  }
}
