internal import Extraction
internal import JSONReader
internal import Model

// What a customer switches on: Identity Center, Access Analyzer, Config.

extension AWSService {
  static let identityCenter = AWSService(
    "sso-admin", .json(target: "SWBExternalService"), prefix: "sso",
    pages: "singlesignon/latest/APIReference/API_")
  static let accessAnalyzer = AWSService(
    "accessanalyzer", .restJSON, prefix: "access-analyzer",
    pages: "access-analyzer/latest/APIReference/API_")
  static let config = AWSService(
    "config", .json(target: "StarlingDoveService"), pages: "config/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("NextToken", limit: ("MaxResults", 100))

  static let listSSOInstances = AWSOperation(.identityCenter, "ListInstances", paging: pages)
  static let listPermissionSets = AWSOperation(.identityCenter, "ListPermissionSets", paging: pages)
  static let describePermissionSet = AWSOperation(.identityCenter, "DescribePermissionSet")
  static let getPermissionSetPolicy = AWSOperation(
    .identityCenter, "GetInlinePolicyForPermissionSet")
  static let listPermissionSetPolicies = AWSOperation(
    .identityCenter, "ListManagedPoliciesInPermissionSet", paging: pages)
  static let listPermissionSetAccounts = AWSOperation(
    .identityCenter, "ListAccountsForProvisionedPermissionSet", paging: pages)
  static let listAccountAssignments = AWSOperation(
    .identityCenter, "ListAccountAssignments", paging: pages)
  static let listAnalyzers = AWSOperation(
    .accessAnalyzer, "ListAnalyzers", get: "/analyzer", paging: Paging("nextToken"))
  static let listAnalyzerFindings = AWSOperation(
    .accessAnalyzer, "ListFindingsV2", post: "/findingv2", paging: Paging("nextToken"),
    action: "access-analyzer:ListFindings")
  static let describeConfigRules = AWSOperation(
    .config, "DescribeConfigRules", paging: Paging("NextToken"))
  static let describeConfigCompliance = AWSOperation(
    .config, "DescribeComplianceByConfigRule", paging: Paging("NextToken"))
}

extension AWSUnit {
  /// Off until a connection names them.
  static let governance: [AWSUnit] = [
    .tree(
      AWSListing(
        .listSSOInstances, items: ["Instances"],
        [
          AWSKind(
            "aws.sso.instance", key: .item("InstanceArn"), isRoadmap: true,
            AWSNormalizer.ssoInstance)
        ],
        each: [
          AWSListing(
            .listPermissionSets, ["InstanceArn": .item("InstanceArn")], items: ["PermissionSets"],
            each: [
              permissionSet(
                .describePermissionSet, items: ["PermissionSet"],
                AWSKind(
                  "aws.sso.permissionSet", key: .item("PermissionSetArn"),
                  members: [("Instance", .grandparent("InstanceArn")), ("Set", .at(0, []))],
                  isRoadmap: true, AWSNormalizer.permissionSet)),
              permissionSet(
                .getPermissionSetPolicy,
                AWSKind(
                  "aws.sso.inlinePolicy", key: .parent(),
                  members: [("Set", .parent()), ("Policy", .item("InlinePolicy"))],
                  isRoadmap: true, AWSNormalizer.permissionSetPolicy)),
              permissionSet(
                .listPermissionSetPolicies, items: ["AttachedManagedPolicies"],
                AWSKind(
                  "aws.sso.managedPolicy", key: .joined([.parent(), "#", .item("Arn")]),
                  members: [("Set", .parent()), ("Arn", .item("Arn"))], isRoadmap: true,
                  AWSNormalizer.permissionSetAttachment)),
              AWSListing(
                .listPermissionSetAccounts,
                ["InstanceArn": .parent("InstanceArn"), "PermissionSetArn": .item()],
                items: ["AccountIds"],
                each: [
                  AWSListing(
                    .listAccountAssignments,
                    [
                      "InstanceArn": .grandparent("InstanceArn"), "PermissionSetArn": .parent(),
                      "AccountId": .item(),
                    ], items: ["AccountAssignments"],
                    [
                      AWSKind(
                        "aws.sso.assignment",
                        key: .joined([
                          .item("PermissionSetArn"), "#", .item("AccountId"), "#",
                          .item("PrincipalId"),
                        ]), isRoadmap: true, AWSNormalizer.ssoAssignment)
                    ])
                ]),
            ])
        ])),
    .tree(
      AWSListing(
        .listAnalyzers, items: ["analyzers"],
        each: [
          AWSListing(
            .listAnalyzerFindings, ["analyzerArn": .item("arn")], items: ["findings"],
            [
              AWSKind(
                "aws.accessanalyzer.finding", key: .joined([.parent("arn"), "#", .item("id")]),
                members: [("Analyzer", .parent("arn")), ("Finding", .at(0, []))], isRoadmap: true,
                AWSNormalizer.analyzerFinding)
            ])
        ])),
    .tree(
      AWSListing(
        .describeConfigRules, items: ["ConfigRules"],
        [
          AWSKind(
            "aws.config.rule", key: .item("ConfigRuleArn"),
            redaction: Redaction(
              "parameters and policy texts: dropped",
              removed: ["InputParameters", "Source.CustomPolicyDetails"]), isRoadmap: true,
            AWSNormalizer.configRule)
        ])),
    .tree(
      AWSListing(
        .describeConfigCompliance, items: ["ComplianceByConfigRules"],
        [
          AWSKind(
            "aws.config.compliance", key: .item("ConfigRuleName"), isRoadmap: true,
            AWSNormalizer.configCompliance)
        ])),
  ]

  private static func permissionSet(
    _ operation: AWSOperation, items: [String] = [], _ kind: AWSKind
  ) -> AWSListing {
    AWSListing(
      operation, ["InstanceArn": .parent("InstanceArn"), "PermissionSetArn": .item()],
      items: items, [kind])
  }
}

extension AWSNormalizer {
  static func ssoInstance(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .container, "aws.sso.instance", arn: "InstanceArn", name: root.text("Name"),
      ["identityStore": root.json("IdentityStoreId"), "owner": root.json("OwnerAccountId")]
    ).assertions
  }

  static func permissionSet(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let set = try record.root.value(at: "Set")
    let id = try record.identifier(set.value(at: "PermissionSetArn"))
    var assertions = try record.thing(
      .role, "aws.sso.permissionSet", id: id, name: set.name("Name"),
      ["session": set.json("SessionDuration"), "created": set.time("CreatedDate")]
    ).assertions
    assertions.link(.contains, try record.root.name("Instance"), id)
    return assertions
  }

  static func permissionSetPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let set = try record.identifier(record.root.value(at: "Set"))
    var assertions = Assertions()
    guard try record.root.text("Policy") != nil else { return assertions }
    let id = "\(set)#inline"
    assertions.add(
      policy: id, type: "aws.sso.inlinePolicy", name: "inline policy",
      document: try record.root.policyDocument("Policy"))
    assertions.link(.grantedBy, set, id)
    return assertions
  }

  static func permissionSetAttachment(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let (set, arn) = (try record.root.name("Set"), try record.root.name("Arn"))
    try record.check("\(set)#\(arn)")
    var assertions = Assertions()
    assertions.link(.grantedBy, set, arn)
    return assertions
  }

  static func ssoAssignment(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let set = try root.name("PermissionSetArn")
    let account = try root.name("AccountId")
    let principal = try root.name("PrincipalId")
    let id = "\(set)#\(account)#\(principal)"
    try record.check(id)
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .grant, type: "aws.sso.assignment", name: "assignment in \(account)",
        state: .present(["principalType": try root.json("PrincipalType")]))
    ])
    assertions.link(.hasGrant, "aws:identity-store:\(principal)", id)
    assertions.link(.ofRole, id, set)
    assertions.link(.within, id, "aws:account:\(account)")
    return assertions
  }

  /// What AWS itself found, beside the thing it is about.
  static func analyzerFinding(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let finding = try record.root.value(at: "Finding")
    let id = "\(try record.root.name("Analyzer"))#\(try finding.name("id"))"
    try record.check(id)
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .resourceSet, type: "aws.accessanalyzer.finding",
        name: try finding.text("findingType") ?? "finding",
        state: .present([
          "status": try finding.json("status"), "type": try finding.json("findingType"),
          "resourceType": try finding.json("resourceType"),
          "created": try finding.time("createdAt"),
        ]))
    ])
    assertions.link(.contains, id, try finding.text("resource"))
    return assertions
  }

  static func configRule(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let source = try root.inner("Source")
    var (id, assertions) = try record.thing(
      .automation, "aws.config.rule", arn: "ConfigRuleArn", name: root.name("ConfigRuleName"),
      [
        "status": root.json("ConfigRuleState"), "owner": source?.json("Owner"),
        "createdBy": root.json("CreatedBy"),
      ])
    if try source?.text("Owner") == "CUSTOM_LAMBDA" {
      assertions.link(.invokes, id, try source?.text("SourceIdentifier").map(unqualified))
    }
    return assertions
  }

  static func configCompliance(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let key = try record.identifier(root.value(at: "ConfigRuleName"))
    let node = Node(
      id: "aws:config-compliance:\(record.scope.account):\(key)", kind: .resourceSet,
      type: "aws.config.compliance", name: key,
      state: .present(["compliance": try root.inner("Compliance")?.json("ComplianceType")]))
    return Assertions(nodes: [node])
  }
}
