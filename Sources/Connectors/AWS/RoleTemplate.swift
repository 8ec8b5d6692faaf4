/// The CloudFormation template of the role that reads an account: `deploy/aws/read-only-role.yaml`.
enum AWSRoleTemplate {
  static var text: String {
    ([head, parameters] + AWSRoleOption.all.map(parameter) + ["Conditions:"]
      + AWSRoleOption.all.map(condition) + [role]
      + AWSRolePolicy.packed(AWSRolePolicy.base).enumerated().map { managed($1, number: $0 + 1) }
      + AWSRoleOption.all.map(inline)
      + [outputs])
      .joined(separator: "\n") + "\n"
  }

  private static let head = """
    # The role by which Securityv0 reads an account: how to deploy it is in README.md.
    #
    # Generated from the catalog of calls, of which it allows exactly what is made; `make catalog`
    # renews it. What each permission is for: docs/connectors/aws.md.
    AWSTemplateFormatVersion: "2010-09-09"
    Description: Read-only role of Securityv0. It reads metadata; contents only of a named trail.

    """

  private static let parameters = """
    Parameters:
      TrustedPrincipal:
        Type: String
        Description: ARN of the role or user that the extractor runs as, or of its account's root.
        AllowedPattern: "arn:aws:iam::[0-9]{12}:(root|(role|user)/.+)"
        ConstraintDescription: must be the ARN of a role, a user or an account's root
      ExternalId:
        Type: String
        Description: The external id that was agreed with Securityv0, different for each customer.
        NoEcho: true
        MinLength: 8
        MaxLength: 1224
        AllowedPattern: "[A-Za-z0-9+=,.@:/_-]+"
      RoleName:
        Type: String
        Description: The same in every account; settings.roleName of the connection.
        Default: SecurityV0ReadOnly
        AllowedPattern: "[A-Za-z0-9+=,.@_-]{1,64}"
    """

  private static func parameter(_ option: AWSRoleOption) -> String {
    guard !option.isBucket else {
      return """
          \(option.name):
            Type: String
            Description: Name of the bucket to read \(option.subject) from; empty to read none.
            AllowedPattern: "([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?"
            Default: ""
        """
    }
    return """
        \(option.name):
          Type: String
          Description: Whether to read \(option.subject).
          AllowedValues: ["yes", "no"]
          Default: "no"
      """
  }

  private static func condition(_ option: AWSRoleOption) -> String {
    option.isBucket
      ? "  Reads\(option.name): !Not [!Equals [!Ref \(option.name), \"\"]]"
      : "  Reads\(option.name): !Equals [!Ref \(option.name), \"yes\"]"
  }

  private static let role = """
    Resources:
      Role:
        Type: AWS::IAM::Role
        Properties:
          RoleName: !Ref RoleName
          Description: Securityv0 reads this account's metadata through this role.
          MaxSessionDuration: 3600
          AssumeRolePolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Principal:
                  AWS: !Ref TrustedPrincipal
                Action: sts:AssumeRole
                Condition:
                  StringEquals:
                    sts:ExternalId: !Ref ExternalId
    """

  private static func managed(_ policy: AWSRolePolicy, number: Int) -> String {
    """
      Read\(number):
        Type: AWS::IAM::ManagedPolicy
        Properties:
          Description: What Securityv0 reads of every account, part \(number).
          Roles: [!Ref Role]
          PolicyDocument:
    \(indented(policy))
    """
  }

  private static func inline(_ option: AWSRoleOption) -> String {
    AWSRolePolicy.packed(option.permissions).map { policy in
      """
        Read\(option.name):
          Type: AWS::IAM::Policy
          Condition: Reads\(option.name)
          Properties:
            PolicyName: Read\(option.name)
            Roles: [!Ref Role]
            PolicyDocument:
      \(indented(policy))
      """
    }.joined(separator: "\n")
  }

  private static func indented(_ policy: AWSRolePolicy) -> String {
    policy.yaml.map { "        " + $0 }.joined(separator: "\n")
  }

  private static let outputs = """
    Outputs:
      RoleArn:
        Description: The role that the extractor assumes.
        Value: !GetAtt Role.Arn
    """
}
