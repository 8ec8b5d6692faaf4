internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  /// Half of what AWS grants an account in a region: all attempts of a worker assume their roles
  /// from one account, which others use as well.
  /// Source: IAM User Guide, "IAM and AWS STS quotas": 600 requests a second.
  static let sts = AWSService(
    "sts", .query, version: "2011-06-15", perSecond: 300, pages: "STS/latest/APIReference/API_")
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
  static let listSSHPublicKeys = AWSOperation(.iam, "ListSSHPublicKeys", paging: pages)
  static let getAccessKeyLastUsed = AWSOperation(.iam, "GetAccessKeyLastUsed")
}

extension AWSUnit {
  static let iam: [AWSUnit] = [
    .tree(
      AWSListing(
        .getAccountAuthorizationDetails, items: [],
        [
          AWSKind("aws.iam.role", key: .item("Arn"), items: ["RoleDetailList"], AWSNormalizer.role),
          AWSKind("aws.iam.user", key: .item("Arn"), items: ["UserDetailList"], AWSNormalizer.user),
          AWSKind(
            "aws.iam.group", key: .item("Arn"), items: ["GroupDetailList"], AWSNormalizer.group),
          AWSKind(
            "aws.iam.policy", key: .item("Arn"), items: ["Policies"], AWSNormalizer.managedPolicy),
        ])),
    .tree(
      AWSListing(
        .listUsers, items: ["Users"],
        each: [
          AWSListing(
            .listAccessKeys, ["UserName": .item("UserName")], items: ["AccessKeyMetadata"],
            each: [
              AWSListing(
                .getAccessKeyLastUsed, ["AccessKeyId": .item("AccessKeyId")], isOptional: true,
                [
                  AWSKind(
                    "aws.iam.accessKey", key: .parent("AccessKeyId"),
                    members: [
                      ("AccessKeyMetadata", .parent()), ("UserArn", .grandparent("Arn")),
                      ("AccessKeyLastUsed", .item("AccessKeyLastUsed")),
                    ], AWSNormalizer.accessKey)
                ])
            ]),
          AWSListing(
            .listSSHPublicKeys, ["UserName": .item("UserName")], items: ["SSHPublicKeys"],
            [
              AWSKind(
                "aws.iam.sshPublicKey", key: .item("SSHPublicKeyId"),
                members: [("SSHPublicKey", .at(0, [])), ("UserArn", .parent("Arn"))],
                AWSNormalizer.sshPublicKey)
            ]),
        ])),
  ]
}
