internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let sts = AWSService(
    "sts", .query, version: "2011-06-15", perSecond: 10, pages: "STS/latest/APIReference/API_")
  static let iam = AWSService(
    "iam", .query, version: "2010-05-08", reach: .global(host: "iam.amazonaws.com"), perSecond: 15,
    pages: "IAM/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("Marker", more: "IsTruncated", limit: ("MaxItems", 1000))

  static let assumeRole = AWSOperation(.sts, "AssumeRole")
  static let getCallerIdentity = AWSOperation(.sts, "GetCallerIdentity")

  static let getAccountAuthorizationDetails = AWSOperation(
    .iam, "GetAccountAuthorizationDetails", paging: pages)
  static let listUsers = AWSOperation(.iam, "ListUsers", paging: pages)
  static let listAccessKeys = AWSOperation(.iam, "ListAccessKeys", paging: pages)
  static let getAccessKeyLastUsed = AWSOperation(.iam, "GetAccessKeyLastUsed")
}

extension AWSUnit {
  /// The parts of `GetAccountAuthorizationDetails`.
  static let authorizationDetails: [(kind: AWSKind, items: String)] = [
    (AWSKind("aws.iam.role", key: .item("Arn"), AWSNormalizer.role), "RoleDetailList"),
    (AWSKind("aws.iam.user", key: .item("Arn"), AWSNormalizer.user), "UserDetailList"),
    (AWSKind("aws.iam.group", key: .item("Arn"), AWSNormalizer.group), "GroupDetailList"),
    (AWSKind("aws.iam.policy", key: .item("Arn"), AWSNormalizer.managedPolicy), "Policies"),
  ]

  static let iam = [
    AWSUnit(
      kinds: authorizationDetails.map { ($0.kind, [.getAccountAuthorizationDetails]) },
      isRegional: false, group: "aws.iam.authorizationDetails",
      read: { scan, _, output in try await scan.readAuthorizationDetails(output) }),
    AWSUnit(
      kinds: [
        (
          AWSKind("aws.iam.accessKey", key: .item("AccessKeyId"), AWSNormalizer.accessKey),
          [.listUsers, .listAccessKeys, .getAccessKeyLastUsed]
        )
      ], isRegional: false, read: { scan, _, output in try await scan.readAccessKeys(output) }),
  ]
}
