import Model
import Testing

@testable import Evaluation

/// Both sides of a request. IAM User Guide, "Policy evaluation logic" and "Cross-account policy
/// evaluation logic"; KMS Developer Guide, "Key policies".
@Suite struct AccessTests {
  static let other = "444455556666"
  static let bucket = "arn:aws:s3:::data"

  private func level(
    _ estate: Estate, _ arn: String, _ action: String, _ resource: String
  ) -> Decision.Level? {
    let semantics = estate.semantics
    return semantics.principals[arn].map {
      semantics.access($0, action, on: resource).decision.level
    }
  }

  private func to(_ arn: String) -> String { #"{"AWS":"\#(arn)"}"# }

  /// "Within the same account … either an identity-based policy or a resource-based policy".
  @Test func inOneAccountEitherSideIsEnough() {
    var estate = Estate()
    let plain = estate.role("plain")
    let named = estate.role("named")
    let granted = estate.role("granted", policies: [Policy.document(Policy.allow("s3:*"))])
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(Policy.allow("s3:GetObject", on: "\(Self.bucket)/*", to: to(named))))
    #expect(level(estate, plain, "s3:GetObject", "\(Self.bucket)/x") == .denied)
    #expect(level(estate, named, "s3:GetObject", "\(Self.bucket)/x") == .allowed)
    #expect(level(estate, granted, "s3:GetObject", "\(Self.bucket)/x") == .allowed)
  }

  /// "An explicit deny in any of the policies overrides the allow", also the resource's.
  @Test func aDenyOfTheResourceForbidsEvenAnAdministrator() {
    var estate = Estate()
    let admin = estate.role("admin", policies: [Policy.everything])
    let spared = estate.role("spared", policies: [Policy.everything])
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(
        #"{"Effect":"Deny","NotPrincipal":{"AWS":"\#(spared)"},"Action":"s3:*","Resource":"*"}"#))
    #expect(level(estate, admin, "s3:GetObject", "\(Self.bucket)/x") == .denied)
    #expect(level(estate, spared, "s3:GetObject", "\(Self.bucket)/x") == .allowed)
  }

  /// "Cross-account … both".
  @Test func acrossAccountsBothSidesMustAllow() {
    var estate = Estate(accounts: [Estate.account, Self.other])
    let allowed = Policy.document(Policy.allow("s3:*"))
    let both = estate.role("both", policies: [allowed], account: Self.other)
    let named = estate.role("named", account: Self.other)
    let own = estate.role("own", policies: [allowed], account: Self.other)
    let principals = #"{"AWS":["\#(both)","\#(named)"]}"#
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(Policy.allow("s3:GetObject", on: "*", to: principals)))
    #expect(level(estate, both, "s3:GetObject", "\(Self.bucket)/x") == .allowed)
    #expect(level(estate, named, "s3:GetObject", "\(Self.bucket)/x") == .denied)
    #expect(level(estate, own, "s3:GetObject", "\(Self.bucket)/x") == .denied)
  }

  /// "Unless the key policy explicitly allows it, you cannot use IAM policies to allow access."
  @Test func aKeyAlwaysNeedsItsOwnPolicy() {
    var estate = Estate()
    let key = "arn:aws:kms:eu-west-1:\(Estate.account):key/k"
    let role = estate.role("r", policies: [Policy.everything])
    let none = estate.role("none")
    #expect(level(estate, role, "kms:Decrypt", key) == .unknown)
    var closed = estate
    closed.resource(
      key, "aws.kms.key", policy: Policy.document(Policy.allow("kms:*", to: to(none))))
    #expect(level(closed, role, "kms:Decrypt", key) == .denied)
    #expect(level(closed, none, "kms:Decrypt", key) == .allowed)
    estate.resource(
      key, "aws.kms.key",
      policy: Policy.document(
        Policy.allow("kms:*", to: to("arn:aws:iam::\(Estate.account):root"))))
    #expect(level(estate, role, "kms:Decrypt", key) == .allowed)
    #expect(level(estate, none, "kms:Decrypt", key) == .denied)
  }

  /// "Resource-based policies that grant permissions to an … assumed-role session ARN are not
  /// limited by an implicit deny in a permissions boundary."
  @Test func aNamedSessionOutgrowsTheBoundaryOfItsRole() {
    var estate = Estate()
    let boundary = Policy.document(Policy.allow("ec2:*"))
    let role = estate.role("r", boundary: boundary)
    let session = "arn:aws:sts::\(Estate.account):assumed-role/r/job"
    for (principal, expected) in [(role, Decision.Level.denied), (session, .allowed)] {
      var estate = estate
      estate.resource(
        Self.bucket, "aws.s3.bucket",
        policy: Policy.document(Policy.allow("s3:GetObject", on: "*", to: to(principal))))
      #expect(level(estate, role, "s3:GetObject", "\(Self.bucket)/x") == expected)
    }
  }

  /// `aws:ResourceTag` is what the resource has.
  @Test func tagsOfTheResourceAreDecided() {
    var estate = Estate()
    let role = estate.role(
      "r",
      policies: [
        Policy.document(
          Policy.allow("*", if: #"{"StringEquals":{"aws:ResourceTag/team":"ops"}}"#))
      ])
    let queue = "arn:aws:sqs:eu-west-1:\(Estate.account):"
    estate.resource("\(queue)ops", "aws.sqs.queue", policy: nil, tags: ["team": "ops"])
    estate.resource("\(queue)plain", "aws.sqs.queue", policy: nil)
    #expect(level(estate, role, "sqs:ReceiveMessage", "\(queue)ops") == .allowed)
    #expect(level(estate, role, "sqs:ReceiveMessage", "\(queue)plain") == .denied)
    // Of a bucket they count where that is switched on, which is not read.
    estate.resource(Self.bucket, "aws.s3.bucket", policy: nil, tags: ["team": "ops"])
    estate.resource("arn:aws:s3:::plain", "aws.s3.bucket", policy: nil)
    #expect(level(estate, role, "s3:ListBucket", Self.bucket) == .unknown)
    #expect(level(estate, role, "s3:ListBucket", "arn:aws:s3:::plain") == .denied)
  }

  /// The tagging service tells them, not the function's own: without it nobody knows.
  @Test func tagsThatWereNotReadAreUnknown() {
    var estate = Estate()
    let condition = #"{"StringEquals":{"aws:ResourceTag/team":"ops"}}"#
    let role = estate.role(
      "r", policies: [Policy.document(Policy.allow("lambda:InvokeFunction", if: condition))])
    let plain = estate.function("plain", role: role)
    let ops = estate.function("ops", role: role, tags: ["team": "ops"])
    let action = "lambda:InvokeFunction"
    #expect(level(estate, role, action, plain) == .unknown)
    #expect(level(estate, role, action, ops) == .allowed)
    estate.end("aws.lambda.functionTags@eu-west-1", .complete)
    #expect(level(estate, role, action, plain) == .denied)
    estate.end("aws.lambda.functionTags@eu-west-1", .denied)
    #expect(level(estate, role, action, plain) == .unknown)
  }

  /// IAM User Guide, "Policy variables": the resource that bears the user's name.
  @Test func variablesStandForThePrincipal() {
    var estate = Estate()
    let policy = Policy.document(
      Policy.allow("s3:*", on: "arn:aws:s3:::home/${aws:username}/*"))
    let ann = estate.user("ann", policies: [policy])
    #expect(level(estate, ann, "s3:GetObject", "arn:aws:s3:::home/ann/x") == .allowed)
    #expect(level(estate, ann, "s3:GetObject", "arn:aws:s3:::home/bob/x") == .denied)
  }

  /// A direct request comes through no service.
  @Test func whatOnlyServicesBringIsAbsent() {
    var estate = Estate()
    let role = estate.role(
      "r",
      policies: [
        Policy.document(
          Policy.allow("s3:*"),
          Policy.deny("s3:PutObject", if: #"{"Bool":{"aws:ViaAWSService":"false"}}"#))
      ])
    #expect(level(estate, role, "s3:PutObject", "\(Self.bucket)/x") == .denied)
    #expect(level(estate, role, "s3:GetObject", "\(Self.bucket)/x") == .allowed)
  }

  @Test func aResourcePolicyThatCannotBeReadMakesItUnknown() {
    var estate = Estate()
    let role = estate.role("r", policies: [Policy.everything])
    estate.resource(Self.bucket, "aws.s3.bucket", policy: "[]")
    #expect(level(estate, role, "s3:GetObject", "\(Self.bucket)/x") == .unknown)
    #expect(estate.evaluation.problems.count == 1)
  }
}

extension Estate {
  /// A system with its resource policy.
  mutating func resource(
    _ id: String, _ type: String, policy text: String?, tags: [String: JSON] = [:],
    account: String = account
  ) {
    let collection = "\(type)@eu-west-1"
    add(
      Node(
        id: id, kind: .system, type: type, name: String(id.split(separator: ":").last ?? ""),
        defines: [id], state: ["account": .string(account), "tags": .object(tags)]), id,
      collection, account)
    guard let text else { return }
    policy("\(id)#policy", "\(type)Policy", "policy", text, of: id, account, collection: collection)
    add(Edge(.governs, from: "\(id)#policy", to: id), id, collection, account)
  }
}
