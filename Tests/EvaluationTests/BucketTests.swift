import Model
import Testing

@testable import Evaluation

/// Amazon S3 User Guide: access points, the public access block, access control lists.
@Suite struct BucketTests {
  static let other = "444455556666"
  static let bucket = "arn:aws:s3:::data"
  static let point = "arn:aws:s3:eu-west-1:\(Estate.account):accesspoint/shared"
  /// "Delegating access control to access points".
  static let delegating: String = Policy.document(
    Policy.allow(
      "*", if: #"{"StringEquals":{"s3:DataAccessPointAccount":"\#(Estate.account)"}}"#,
      to: #"{"AWS":"*"}"#))

  private func estate(
    _ policy: String?, point: String? = nil, origin: String = "Internet",
    accounts: [String] = [Estate.account]
  ) -> Estate {
    var estate = Estate(accounts: accounts)
    for name in ["bucketPolicy", "bucketPublicAccessBlock", "accountPublicAccessBlock"] {
      estate.end("aws.s3.\(name)", .complete)
    }
    estate.end("aws.s3.bucketOwnership", .complete)
    estate.end("aws.s3.accessPoint@eu-west-1", .complete)
    estate.end("aws.s3.accessPointPolicy@eu-west-1", .complete)
    bucket(&estate, policy)
    if let point {
      estate.thing(
        Self.point, "aws.s3.accessPoint", state: ["networkOrigin": .string(origin)])
      estate.link(.targets, Self.point, Self.bucket)
      estate.policy(
        "\(Self.point)#policy", "aws.s3.accessPointPolicy", "policy", point, of: Self.point,
        Estate.account)
      estate.link(.governs, "\(Self.point)#policy", Self.point)
    }
    return estate
  }

  private func bucket(_ estate: inout Estate, _ policy: String?) {
    estate.thing(Self.bucket, "aws.s3.bucket", name: "data")
    guard let policy else { return }
    estate.policy(
      "\(Self.bucket)#policy", "aws.s3.bucketPolicy", "policy", policy, of: Self.bucket,
      Estate.account)
    estate.link(.governs, "\(Self.bucket)#policy", Self.bucket)
  }

  private static func pointPolicy(_ principal: String) -> String {
    Policy.document(
      Policy.allow(
        "s3:GetObject", on: "\(point)/object/*", to: #"{"AWS":"\#(principal)"}"#))
  }

  /// "Both the access point and the underlying bucket must permit the request."
  @Test func anAccessPointAndItsBucketMustBothAllow() {
    let role = Estate.arn("role", "reader")
    var open = estate(Self.delegating, point: Self.pointPolicy(role))
    open.role("reader")
    open.role("stranger")
    #expect(open.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .allowed)
    #expect(open.access(role, "s3:PutObject", on: "\(Self.bucket)/x") == .denied)
    #expect(
      open.access(Estate.arn("role", "stranger"), "s3:GetObject", on: "\(Self.bucket)/x")
        == .denied)
    var closed = estate(nil, point: Self.pointPolicy(role))
    closed.role("reader")
    #expect(closed.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .denied)
  }

  /// A delegating policy is met by no direct request.
  @Test func delegationToAccessPointsLetsNobodyInDirectly() {
    var estate = estate(Self.delegating)
    let role = estate.role("reader")
    #expect(estate.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .denied)
    var unread = Estate()
    bucket(&unread, Self.delegating)
    unread.role("reader")
    unread.end("aws.s3.accessPoint@eu-west-1", .denied)
    #expect(unread.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .unknown)
  }

  @Test func aPointOfANetworkIsACondition() throws {
    let role = Estate.arn("role", "reader")
    var estate = estate(Self.delegating, point: Self.pointPolicy(role), origin: "VPC")
    estate.role("reader")
    #expect(estate.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .conditional)
    let explanation = try #require(
      estate.evaluation.explain(role, "s3:GetObject", on: "\(Self.bucket)/x"))
    #expect(explanation.notes.contains { $0.hasPrefix("through an access point: only if") })
  }

  private func block(_ estate: inout Estate, _ id: String, _ name: String) {
    estate.thing(
      "\(id)#publicAccessBlock", "aws.s3.publicAccessBlock", .resourceSet,
      state: ["settings": [name: "true"]])
  }

  private static let publicRead = Policy.document(
    Policy.allow("s3:GetObject", on: "\(bucket)/*", to: #""*""#))

  private func readers(_ estate: Estate) -> [String] {
    estate.evaluation.whoCan(reach: Self.bucket, atLeast: .readData)
      .compactMap { $0.hops.first?.from }
  }

  /// "RestrictPublicBuckets": only services and users of the bucket's own account are left.
  @Test(arguments: ["arn:aws:s3:::data", "aws:account:\(Estate.account)"])
  func aPublicBucketIsSeenUnlessPublicAccessIsRestricted(id: String) {
    let open = estate(Self.publicRead)
    #expect(readers(open) == [anyoneNodeID])
    var kept = open
    block(&kept, id, "BlockPublicPolicy")
    #expect(readers(kept) == [anyoneNodeID])
    var restricted = open
    block(&restricted, id, "RestrictPublicBuckets")
    #expect(readers(restricted).isEmpty)
  }

  /// "…including non-public delegation to specific accounts."
  @Test func aRestrictedPublicPolicyLetsNoOtherAccountIn() {
    let role = Estate.arn("role", "reader", Self.other)
    let named = Policy.allow("s3:GetObject", on: "*", to: #"{"AWS":"\#(role)"}"#)
    for (policy, isPublic) in [
      (Policy.document(named), false),
      (Policy.document(named, Policy.allow("s3:ListBucket", on: "*", to: #""*""#)), true),
      (
        Policy.document(
          named,
          Policy.allow(
            "s3:ListBucket", on: "*", if: #"{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#,
            to: #""*""#)), false
      ),
    ] {
      var estate = estate(policy, accounts: [Estate.account, Self.other])
      block(&estate, Self.bucket, "RestrictPublicBuckets")
      estate.role(
        "reader", policies: [Policy.document(Policy.allow("s3:*"))], account: Self.other)
      #expect(
        estate.access(role, "s3:GetObject", on: "\(Self.bucket)/x")
          == (isPublic ? .denied : .allowed))
    }
  }

  @Test func whereTheBlockWasNotReadAPublicBucketIsUncertain() {
    var estate = estate(Self.publicRead)
    estate.end("aws.s3.bucketPublicAccessBlock", .denied)
    let paths = estate.evaluation.whoCan(reach: Self.bucket, atLeast: .readData)
    #expect(paths.map(\.decision.level) == [.unknown])
    let role = estate.role(
      "reader", policies: [Policy.document(Policy.allow("s3:*"))], account: Self.other)
    let notes = estate.evaluation.explain(role, "s3:GetObject", on: "\(Self.bucket)/x")?.notes
    #expect(notes?.first?.hasPrefix("the public access block of data to other accounts") == true)
  }

  /// "IgnorePublicAcls"; "Bucket owner enforced … ACLs no longer affect permissions".
  @Test(arguments: [
    (false, "ObjectWriter", true), (true, "ObjectWriter", false),
    (false, "BucketOwnerEnforced", false),
  ])
  func aListThatIsOpenToTheWorldCountsUnlessIgnored(
    ignored: Bool, ownership: String, expected: Bool
  ) {
    var estate = estate(nil)
    estate.thing(
      "\(Self.bucket)#acl", "aws.s3.acl", .grant, name: "access list of data",
      state: ["grants": ["WRITE http://acs.amazonaws.com/groups/global/AllUsers"]])
    estate.thing(
      "\(Self.bucket)#ownership", "aws.s3.ownership", .resourceSet,
      state: ["settings": ["Rule": ["ObjectOwnership": .string(ownership)]]])
    if ignored { block(&estate, Self.bucket, "IgnorePublicAcls") }
    let paths = estate.evaluation.whoCan(reach: Self.bucket, atLeast: .write)
    #expect(paths.compactMap { $0.hops.first?.from } == (expected ? [anyoneNodeID] : []))
  }

  @Test func whomAPolicyNamesElsewhereIsTold() {
    let stranger = "999988887777"
    let estate = estate(
      Policy.document(
        Policy.allow("s3:GetObject", on: "*", to: #"{"AWS":"\#(stranger)"}"#)))
    #expect(readers(estate) == ["aws:account:\(stranger)"])
  }

  /// Of a resource that surely has no policy another account's policies say nothing.
  @Test func withoutAPolicyNobodyOfAnotherAccountGetsIn() {
    var estate = estate(nil, accounts: [Estate.account, Self.other])
    let role = estate.role("reader", policies: [Policy.everything], account: Self.other)
    #expect(estate.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .denied)
    estate.end("aws.s3.bucketPolicy", .denied)
    #expect(estate.access(role, "s3:GetObject", on: "\(Self.bucket)/x") == .unknown)
  }
}
