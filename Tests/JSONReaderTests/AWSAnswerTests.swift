import JSONReader
import Testing

/// Answers of IAM and STS as the AWS simulator gives them, shortened, with invented identifiers.
extension AWSXMLTests {
  static let assumeRole = """
    <AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>\
    <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>not/a+secret=\
    </SecretAccessKey><SessionToken>VG9rZW4=</SessionToken><Expiration>2026-11-21T22:36:08.609224Z\
    </Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:s</AssumedRoleId>\
    <Arn>arn:aws:sts::123456789012:assumed-role/app/s</Arn></AssumedRoleUser><PackedPolicySize>6\
    </PackedPolicySize></AssumeRoleResult><ResponseMetadata><RequestId>Roiek</RequestId>\
    </ResponseMetadata></AssumeRoleResponse>
    """

  static let error = """
    <ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>\
    <Code>NoSuchEntity</Code><Message>Role nope not found</Message><message>Role nope not found\
    </message></Error><RequestId>YLrnf</RequestId></ErrorResponse>
    """

  static let accountDetails = """
    <GetAccountAuthorizationDetailsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">\
    <GetAccountAuthorizationDetailsResult><UserDetailList><member><Path>/</Path>\
    <UserName>ana</UserName><Arn>arn:aws:iam::123456789012:user/ana</Arn><UserPolicyList/>\
    <GroupList><member>admins</member></GroupList><AttachedManagedPolicies/><Tags><member>\
    <Key>team</Key><Value>a&lt;b &amp; "c" é</Value></member></Tags></member></UserDetailList>\
    <GroupDetailList/><RoleDetailList><member><Path>/svc/</Path><RoleName>app</RoleName>\
    <Arn>arn:aws:iam::123456789012:role/svc/app</Arn><AssumeRolePolicyDocument>{"Statement": \
    [{"Effect": "Allow"}]}</AssumeRolePolicyDocument><RolePolicyList><member><PolicyName>inl\
    </PolicyName><PolicyDocument>%7B%22Version%22%3A%20%222012-10-17%22%7D</PolicyDocument>\
    </member></RolePolicyList><Tags/><RoleLastUsed/></member></RoleDetailList><Policies><member>\
    <AttachmentCount>1</AttachmentCount><IsAttachable>true</IsAttachable><Description/>\
    </member></Policies><IsTruncated>false</IsTruncated></GetAccountAuthorizationDetailsResult>\
    </GetAccountAuthorizationDetailsResponse>
    """

  private func root(_ xml: String) throws -> JSONView {
    try JSONDocument(parsing: AWSXML.json(from: Array(xml.utf8))).root
  }

  @Test func assumeRoleAnswer() throws {
    let result = try root(Self.assumeRole).value(at: "AssumeRoleResponse", "AssumeRoleResult")
    #expect(try result.string(at: "Credentials", "SecretAccessKey") == "not/a+secret=")
    #expect(try result.string(at: "Credentials", "Expiration") == "2026-11-21T22:36:08.609224Z")
    #expect(try result.int64(at: "PackedPolicySize", lenient: true) == 6)
  }

  @Test func errorAnswer() throws {
    let error = try root(Self.error).value(at: "ErrorResponse", "Error")
    #expect(try error.string(at: "Code") == "NoSuchEntity")
    #expect(try error.string(at: "Message") == "Role nope not found")
  }

  @Test func accountDetailsAnswer() throws {
    let result = try root(Self.accountDetails).value(
      at: "GetAccountAuthorizationDetailsResponse", "GetAccountAuthorizationDetailsResult")
    #expect(try result.bool(at: "IsTruncated", lenient: true) == false)
    #expect(try result.array(at: "GroupDetailList").isEmpty)

    let user = try #require(Array(result.array(at: "UserDetailList")).first)
    #expect(try user.array(at: "GroupList").map { try $0.string() } == ["admins"])
    #expect(try user.array(at: "UserPolicyList").isEmpty)
    let tags = try user.array(at: "Tags").map {
      try [$0.string(at: "Key"), $0.string(at: "Value")]
    }
    #expect(tags == [["team", "a<b & \"c\" é"]])

    let role = try #require(Array(result.array(at: "RoleDetailList")).first)
    #expect(
      try role.string(at: "AssumeRolePolicyDocument") == #"{"Statement": [{"Effect": "Allow"}]}"#)
    #expect(try role.array(at: "Tags").isEmpty)
    #expect(try role.optionalString(at: "RoleLastUsed", "LastUsedDate") == nil)
    let policy = try #require(Array(role.array(at: "RolePolicyList")).first)
    #expect(String(decoding: policy.verbatim, as: UTF8.self).hasPrefix(#"{"PolicyName":"inl","#))

    let managed = try #require(Array(result.array(at: "Policies")).first)
    #expect(try managed.int64(at: "AttachmentCount", lenient: true) == 1)
    #expect(try managed.optionalString(at: "Description") == "")
  }
}
