import Model
import Testing

@testable import Evaluation

/// KMS Developer Guide, "Grants in AWS KMS": an allow of its own beside the key's policy.
@Suite struct KeyGrantTests {
  static let other = "444455556666"
  static let key = "arn:aws:kms:eu-west-1:\(Estate.account):key/k"

  /// A key whose policy leaves everything to the account's own policies, with one grant on it.
  private func estate(
    to grantee: String?, retiring: String? = nil, constraints: JSON? = nil, service: String? = nil,
    policy: String? = Policy.document(
      Policy.allow("kms:*", to: #"{"AWS":"arn:aws:iam::\#(Estate.account):root"}"#))
  ) -> Estate {
    var estate = Estate(accounts: [Estate.account, Self.other])
    estate.resource(Self.key, "aws.kms.key", policy: policy)
    let grant = "\(Self.key)#grant/g1"
    estate.thing(
      grant, "aws.kms.grant", .grant, name: "g1",
      state: JSON.members([
        "operations": ["Decrypt", "DescribeKey"], "constraints": constraints,
        "service": service.map(JSON.string),
      ]).asObject)
    estate.link(.within, grant, Self.key)
    if let grantee { estate.link(.hasGrant, grantee, grant) }
    if let retiring { estate.link(.hasGrant, retiring, grant, "retiring") }
    return estate
  }

  @Test(arguments: [Estate.account, other])
  func aGranteeNeedsNoOtherPolicyForWhatIsGranted(account: String) {
    let role = Estate.arn("role", "worker", account)
    var estate = estate(to: role)
    estate.role("worker", account: account)
    #expect(estate.access(role, "kms:Decrypt", on: Self.key) == .allowed)
    #expect(estate.access(role, "kms:Encrypt", on: Self.key) == .denied)
    #expect(estate.access(role, "kms:RetireGrant", on: Self.key) == .denied)
  }

  @Test func whoMayRetireAGrantMayDoOnlyThat() {
    let role = Estate.arn("role", "retire")
    var estate = estate(to: nil, retiring: role)
    estate.role("retire")
    #expect(estate.access(role, "kms:RetireGrant", on: Self.key) == .allowed)
    #expect(estate.access(role, "kms:Decrypt", on: Self.key) == .denied)
  }

  /// "An explicit deny in any of the policies overrides": also a grant.
  @Test func aDenyOverridesAGrant() {
    let role = Estate.arn("role", "worker")
    var denied = estate(to: role)
    denied.role("worker", policies: [Policy.document(Policy.deny("kms:*"))])
    #expect(denied.access(role, "kms:Decrypt", on: Self.key) == .denied)
    var closed = estate(
      to: role, policy: Policy.document(Policy.deny("kms:Decrypt", to: #""*""#)))
    closed.role("worker")
    #expect(closed.access(role, "kms:Decrypt", on: Self.key) == .denied)
    var bounded = estate(to: role)
    bounded.role("worker", boundary: Policy.document(Policy.allow("s3:*")))
    #expect(bounded.access(role, "kms:Decrypt", on: Self.key) == .denied)
  }

  @Test func aDemandedContextIsACondition() {
    let role = Estate.arn("role", "worker")
    var estate = estate(to: role, constraints: ["EncryptionContextSubset": ["id": "opaque"]])
    estate.role("worker")
    #expect(estate.access(role, "kms:Decrypt", on: Self.key) == .conditional)
  }

  @Test func withoutTheKeysPolicyADenyInItCannotBeRuledOut() {
    let role = Estate.arn("role", "worker")
    var estate = estate(to: role, policy: nil)
    estate.role("worker")
    #expect(estate.access(role, "kms:Decrypt", on: Self.key) == .unknown)
  }

  @Test func whoCanNamesGranteesOfServicesAndTheGrant() throws {
    let role = Estate.arn("role", "worker")
    var estate = estate(to: role, service: "rds.amazonaws.com")
    estate.role("worker")
    let paths = estate.evaluation.whoCan(reach: Self.key, atLeast: .readData)
    #expect(
      Set(paths.compactMap { $0.hops.last?.from }) == [role, "aws:service:rds.amazonaws.com"])
    let explanation = try #require(
      estate.evaluation.explain(role, "kms:Decrypt", on: Self.key))
    #expect(explanation.lines.map(\.stage) == ["resource policy", "grant of the key"])
  }
}

extension JSON {
  fileprivate var asObject: [String: JSON] {
    if case .object(let members) = self { members } else { [:] }
  }
}
