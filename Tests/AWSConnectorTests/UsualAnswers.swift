import PipelineTesting

extension FakeAWS {
  /// What the account answers when nothing is wrong.
  static func usual(_ operation: String, _ call: ScriptedTransport.Call) -> Answer {
    switch operation {
    case "sts:AssumeRole": assumed
    case "sts:GetCallerIdentity": xml(operation, "<Account>\(account)</Account><Arn>arn:x</Arn>")
    case "iam:GetAccountAuthorizationDetails": xml(operation, authorizationDetails)
    case "iam:ListUsers":
      xml(
        operation,
        "<IsTruncated>false</IsTruncated><Users><member><UserName>ci</UserName>"
          + "<Arn>arn:aws:iam::\(account):user/ci</Arn></member></Users>")
    case "iam:ListAccessKeys":
      xml(
        operation,
        "<IsTruncated>false</IsTruncated><AccessKeyMetadata><member><UserName>ci</UserName>"
          + "<AccessKeyId>AKIACI</AccessKeyId><Status>Active</Status></member></AccessKeyMetadata>")
    case "iam:GetAccessKeyLastUsed":
      xml(
        operation,
        "<UserName>ci</UserName><AccessKeyLastUsed><ServiceName>s3</ServiceName>"
          + "<LastUsedDate>2026-11-20T00:00:00Z</LastUsedDate></AccessKeyLastUsed>")
    default: json(operation, call)
    }
  }

  private static var assumed: Answer {
    xml(
      "sts:AssumeRole",
      "<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>\(secretKey)</SecretAccessKey>"
        + "<SessionToken>\(sessionToken)</SessionToken>"
        + "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>")
  }

  private static var authorizationDetails: String {
    func arn(_ kind: String) -> String { "<Arn>arn:aws:iam::\(account):\(kind)/one</Arn>" }
    return """
      <IsTruncated>false</IsTruncated>\
      <UserDetailList><member>\(arn("user"))</member></UserDetailList>\
      <GroupDetailList/>\
      <RoleDetailList><member>\(arn("role"))<RoleName>one</RoleName></member></RoleDetailList>\
      <Policies><member>\(arn("policy"))</member></Policies>
      """
  }

  private static func json(_ operation: String, _ call: ScriptedTransport.Call) -> Answer {
    let function = "arn:aws:lambda:eu-west-1:\(account):function:one"
    let organization = "arn:aws:organizations::\(account):organization/o-1"
    let policy = "arn:aws:organizations::\(account):policy/o-1/service_control_policy/p-1"
    return switch operation {
    case "organizations:DescribeOrganization":
      Answer(#"{"Organization":{"Arn":"\#(organization)","MasterAccountId":"\#(account)"}}"#)
    case "organizations:ListAccounts":
      Answer(#"{"Accounts":[{"Id":"\#(account)"},{"Id":"222233334444"}]}"#)
    case "organizations:ListPolicies" where call.body.contains("RESOURCE"):
      Answer(#"{"Policies":[{"Id":"p-r1","Arn":"r1"},{"Id":"p-r2","Arn":"r2"}]}"#)
    case "organizations:DescribePolicy" where call.body.contains("p-r"):
      AccountAnswers.answer(operation, call)
    case "organizations:ListPolicies": Answer(#"{"Policies":[{"Id":"p-1","Arn":"\#(policy)"}]}"#)
    case "organizations:DescribePolicy":
      Answer(#"{"Policy":{"PolicySummary":{"Id":"p-1","Arn":"\#(policy)"},"Content":"{}"}}"#)
    case "organizations:ListTargetsForPolicy":
      Answer(#"{"Targets":[{"TargetId":"r-1","Type":"ROOT"}]}"#)
    case "lambda:ListFunctions" where call.path.contains("FunctionVersion=ALL"):
      AccountAnswers.answer(operation, call)
    case "lambda:GetPolicy" where call.path.contains("Qualifier"):
      AccountAnswers.answer(operation, call)
    case "lambda:GetFunctionUrlConfig" where call.path.contains("Qualifier"):
      AccountAnswers.answer(operation, call)
    case "lambda:ListFunctions":
      Answer(
        #"{"Functions":[{"FunctionName":"one","FunctionArn":"\#(function)","Environment":{"#
          + #""Variables":{"TOKEN":"\#(secret)","TABLE":"arn:aws:dynamodb:r:1:table/t","E":""}}}]}"#
      )
    case "lambda:GetPolicy": Answer(#"{"Policy":"{\"Statement\": []}","RevisionId":"r1"}"#)
    case "lambda:GetFunctionUrlConfig":
      Answer(#"{"FunctionArn":"\#(function)","AuthType":"NONE","FunctionUrl":"https://u/"}"#)
    case "lambda:ListEventSourceMappings":
      Answer(#"{"EventSourceMappings":[{"UUID":"u-1","FunctionArn":"\#(function)"}]}"#)
    default: AccountAnswers.answer(operation, call)
    }
  }
}
