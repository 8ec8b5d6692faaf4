internal import Extraction

extension AWSService {
  static let organizations = AWSService(
    "organizations", .json(target: "AWSOrganizationsV20161128"),
    reach: .global(host: "organizations.us-east-1.amazonaws.com"), perSecond: 4,
    pages: "organizations/latest/APIReference/API_")
}

extension AWSOperation {
  /// Organizations takes 20 at most.
  private static let pages = Paging("NextToken", limit: ("MaxResults", 20))

  static let describeOrganization = AWSOperation(.organizations, "DescribeOrganization")
  static let listAccounts = AWSOperation(.organizations, "ListAccounts", paging: pages)
  static let listPolicies = AWSOperation(.organizations, "ListPolicies", paging: pages)
  static let describePolicy = AWSOperation(.organizations, "DescribePolicy")
  static let listTargetsForPolicy = AWSOperation(
    .organizations, "ListTargetsForPolicy", paging: pages)
}

extension AWSUnit {
  static let organizationListings: [AWSListing] = [
    AWSListing(
      .listAccounts, items: ["Accounts"],
      [AWSKind("aws.organizations.account", key: .item("Id"), AWSNormalizer.account)]),
    // Who of the members may act for the organization.
    AWSListing(
      .describeOrganizationPolicy, items: ["ResourcePolicy"],
      absent: ["ResourcePolicyNotFoundException"],
      [
        AWSKind(
          "aws.organizations.resourcePolicy", key: .item("ResourcePolicySummary", "Arn"),
          AWSNormalizer.organizationPolicy)
      ]),
    AWSListing(
      .listServiceAccess, items: ["EnabledServicePrincipals"],
      [
        AWSKind(
          "aws.organizations.serviceAccess", key: .item("ServicePrincipal"),
          AWSNormalizer.serviceAccess)
      ]),
  ]

  static let organizations = [
    AWSUnit(
      kinds: [
        (
          AWSKind(
            "aws.organizations.organization", key: .item("Arn"), AWSNormalizer.organization),
          [.describeOrganization]
        ),
        (
          AWSKind(
            "aws.organizations.policy", key: .item("Policy", "PolicySummary", "Arn"),
            AWSNormalizer.serviceControlPolicy),
          [.describeOrganization, .listPolicies, .describePolicy, .listTargetsForPolicy]
        ),
        (
          AWSKind(
            "aws.organizations.resourceControlPolicy",
            key: .item("Policy", "PolicySummary", "Arn"), AWSNormalizer.serviceControlPolicy),
          [.describeOrganization, .listPolicies, .describePolicy, .listTargetsForPolicy]
        ),
        (
          AWSKind(
            "aws.organizations.organizationalUnit", key: .item("Id"),
            AWSNormalizer.organizationalUnit),
          [.describeOrganization, .listRoots, .listUnitsForParent, .listAccountsForParent]
        ),
        (
          AWSKind(
            "aws.organizations.delegatedAdministrator", key: .item("Id"),
            AWSNormalizer.delegatedAdministrator),
          [.describeOrganization, .listDelegatedAdministrators, .listDelegatedServices]
        ),
      ] + organizationListings.flatMap { $0.described(after: [.describeOrganization]) },
      isRegional: false, group: "aws.organizations",
      read: { scan, _, output in try await scan.readOrganization(output) })
  ]
}
