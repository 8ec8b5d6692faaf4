internal import Model

/// What AWS says of each of its actions: how far access goes, and on which kinds of resource.
///
/// A policy's wildcards match by text, so an action that is not here is granted and denied like any
/// other; only its level is not known.
/// Source: Service Authorization Reference, "Actions, resources, and condition keys" and
/// "Access levels in policy summaries"; `make update-aws-actions` renews `ActionData.swift`.
struct ActionTable: Sendable {
  struct Action: Sendable, Hashable {
    /// As AWS spells it: `lambda:UpdateFunctionCode`.
    var name: String
    var level: AccessLevel
    /// ARNs of the resource types it acts on, with `*` for what they vary in; empty for an action
    /// that knows no resource and is only granted on `*`.
    var resources: [String]
  }

  static let aws = ActionTable()

  /// Services whose resources resource control policies limit.
  static let resourceControlled = Set(
    (data.split(separator: "\n").last ?? "").dropFirst().split(separator: " ").map(String.init))

  private let services: [Substring: Substring]

  private init() {
    services = Dictionary(
      uniqueKeysWithValues: Self.data.split(separator: "!").map { section in
        let name = section.prefix { $0 != "\n" }
        return (name, section.dropFirst(name.count + 1))
      })
  }

  /// `nil` for an action that the table does not know.
  func level(of action: String) -> AccessLevel? {
    let parts = action.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    let name = action.lowercased()
    return actions(of: parts[0].lowercased()).first { $0.name.lowercased() == name }?.level
  }

  /// All known actions of a service, in order of level and name; empty for an unknown service.
  func actions(of service: String) -> [Action] {
    var types: [String] = []
    var actions: [Action] = []
    for line in (services[service[...]] ?? "").split(separator: "\n") {
      if line.hasPrefix("~") { continue }
      if line.hasPrefix("=") {
        types.append(String(line.dropFirst()))
        continue
      }
      let words = line.split(separator: " ")
      let resources = words[1].split(separator: ",").compactMap { Int($0) }.map { types[$0] }
      for word in words.dropFirst(2) {
        let name = "\(service):\(word)"
        actions.append(
          Action(
            name: name, level: Self.level(name, letter: words[0], service: service),
            resources: resources))
      }
    }
    return actions.sorted {
      $0.level == $1.level ? $0.name.precedes($1.name) : $0.level < $1.level
    }
  }

  /// AWS's levels are about what a console shows, ours about what a holder can do with it:
  /// reading a description is not reading data.
  private static func level(_ name: String, letter: Substring, service: String) -> AccessLevel {
    if let level = overrides[name] { return level }
    switch letter {
    case "L": return .readMetadata
    case "R":
      let verb = name.dropFirst(service.count + 1)
      let describes =
        ["Describe", "List", "Search", "Validate", "Check"].contains { verb.hasPrefix($0) }
        || settings.contains { verb.hasSuffix($0) } || name.hasPrefix("s3:GetBucket")
      return describes || administrative.contains(service) ? .readMetadata : .readData
    case "P": return .manageAccess
    default: return .write
    }
  }

  /// Services that hold configuration and no data: what they let one read is metadata.
  private static let administrative: Set = [
    "access-analyzer", "account", "config", "iam", "kms", "organizations", "sso", "sts",
  ]

  /// What AWS has one *read* although it is how something is set up, and not what is in it.
  private static let settings = [
    "Abac", "AbacStatus", "Acl", "Attributes", "Configuration", "LegalHold", "Policy",
    "PublicAccessBlock", "Retention", "RotationStatus", "Selectors", "Tagging",
  ]

  /// Where AWS's level says too little or too much, each with its reason.
  private static let overrides: [String: AccessLevel] = {
    var overrides: [String: AccessLevel] = [:]
    // To become somebody, or to decide as whom something runs, is to have what they have.
    for name in [
      "cognito-identity:SetIdentityPoolRoles", "iam:AddRoleToInstanceProfile",
      "iam:AddUserToGroup", "iam:CreateAccessKey", "iam:CreateLoginProfile",
      "iam:CreateServiceSpecificCredential", "iam:PassRole", "iam:ResetServiceSpecificCredential",
      "iam:UpdateAccessKey", "iam:UpdateLoginProfile", "iam:UpdateSSHPublicKey",
      "iam:UpdateServiceSpecificCredential", "iam:UpdateSigningCertificate",
      "iam:UploadSSHPublicKey", "iam:UploadSigningCertificate", "lambda:AddPermission",
      "sso-directory:AddMemberToGroup", "sso-directory:UpdatePassword", "sso:AssociateProfile",
      "sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity",
      "sts:AssumeRoot",
    ] { overrides[name] = .manageAccess }
    // Whose tokens and assertions open roles.
    for name in [
      "iam:AddClientIDToOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider",
      "iam:CreateSAMLProvider", "iam:UpdateOpenIDConnectProviderThumbprint",
      "iam:UpdateSAMLProvider",
    ] { overrides[name] = .manageAccess }
    // They let another account, or others, have what is there.
    for name in [
      "ds:ShareDirectory", "es:UpdateElasticsearchDomainConfig", "ram:AssociateResourceShare",
      "ram:CreateResourceShare", "ram:UpdateResourceShare", "rds:ModifyDBClusterSnapshotAttribute",
      "rds:ModifyDBSnapshotAttribute",
    ] { overrides[name] = .manageAccess }
    // They decide what runs, or are a shell where it runs.
    for name in [
      "apprunner:UpdateService", "cloudformation:CreateStack", "cloudformation:ExecuteChangeSet",
      "cloudformation:UpdateStack", "codebuild:StartBuild", "codebuild:StartBuildBatch",
      "codebuild:UpdateProject", "ec2-instance-connect:SendSSHPublicKey",
      "ec2:ModifyInstanceAttribute", "ec2:RunInstances", "ecs:ExecuteCommand",
      "ecs:RegisterTaskDefinition", "glue:UpdateDevEndpoint", "glue:UpdateJob",
      "lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      "sagemaker:CreatePresignedNotebookInstanceUrl", "ssm:SendCommand", "ssm:StartSession",
      "states:UpdateStateMachine",
    ] { overrides[name] = .administer }
    // AWS calls them writing; what they give is what was encrypted.
    for name in ["kms:Decrypt", "kms:ReEncryptFrom", "kms:DeriveSharedSecret"] {
      overrides[name] = .readData
    }
    // Secrets, and the texts that hold them.
    for name in [
      "secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "ssm:GetParameter",
      "ssm:GetParameters", "ssm:GetParametersByPath", "lambda:GetFunction",
      "lambda:GetFunctionConfiguration", "lightsail:GetRelationalDatabaseMasterUserPassword",
    ] { overrides[name] = .readData }
    return overrides
  }()
}
