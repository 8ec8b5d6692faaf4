import Model
import Testing

@testable import Evaluation

/// What a service must be able to do with a role before anybody gains by it.
@Suite struct ServiceRoleTests {
  static let ec2Trust = Policy.document(Policy.trust(#"{"Service":"ec2.amazonaws.com"}"#))

  /// A role that EC2 may take, and somebody who passes it and runs machines.
  private func launching(
    profile: Bool, also statements: String..., listed: Outcome = .complete
  ) -> Decision.Level? {
    var estate = Estate()
    let target = estate.role("target", trust: Self.ec2Trust)
    if profile { estate.instanceProfile("target", of: target) }
    estate.end("aws.iam.instanceProfile", listed)
    let own = [Policy.allow("iam:PassRole", on: target), Policy.allow("ec2:RunInstances")]
    let source = estate.role(
      "source", policies: [Policy.document((own + statements).joined(separator: ","))])
    return estate.hops("canEscalateTo", from: source)[target]
  }

  /// Source: IAM User Guide, "Use instance profiles".
  @Test func aMachineTakesARoleOnlyInAnInstanceProfile() {
    #expect(launching(profile: true) == .allowed)
    #expect(launching(profile: false) == nil)
    #expect(launching(profile: false, listed: .denied) == .unknown)
  }

  @Test func whoMayMakeAnInstanceProfileNeedsNone() {
    let own = Estate.arn("instance-profile", "own-*")
    #expect(
      launching(
        profile: false, also: Policy.allow("iam:CreateInstanceProfile", on: own),
        Policy.allow("iam:AddRoleToInstanceProfile", on: own)) == .allowed)
    // One that it may not fill does not help.
    #expect(
      launching(
        profile: false, also: Policy.allow("iam:CreateInstanceProfile", on: own),
        Policy.allow("iam:AddRoleToInstanceProfile", on: Estate.arn("instance-profile", "other")))
        == nil)
  }

  /// Source: Systems Manager User Guide, "Verify or create an IAM role with Session Manager
  /// permissions" and "Reference: ec2messages, ssmmessages, and other API operations".
  @Test(arguments: [
    ("ssm:StartSession", "ssmmessages:*", true), ("ssm:StartSession", "ec2messages:*", false),
    ("ssm:SendCommand", "ssmmessages:*", true), ("ssm:SendCommand", "ec2messages:*", true),
    ("ssm:SendCommand", "logs:*", false),
  ])
  func theRoleOfAMachineMustLetItsAgentListen(action: String, agent: String, works: Bool) {
    var estate = Estate()
    let role = estate.role(
      "machine", trust: Self.ec2Trust,
      policies: [
        Policy.document(Policy.allow("ssm:UpdateInstanceInformation"), Policy.allow(agent))
      ])
    let machine = estate.thing(
      "arn:aws:ec2:eu-west-1:\(Estate.account):instance/i-1", "aws.ec2.instance", .automation)
    estate.link(.runsAs, machine, estate.instanceProfile("machine", of: role))
    let source = estate.role("source", policies: [Policy.document(Policy.allow(action))])
    #expect(estate.hops("canEscalateTo", from: source)[machine] == (works ? .allowed : nil))
  }

  /// A trust can be another one than when the role was passed: then the service is refused.
  @Test func whatItsRoleNoLongerTrustsLeadsNowhere() {
    var estate = Estate()
    let old = estate.role("old", trust: Self.ec2Trust)
    let own = estate.role(
      "own",
      trust: Policy.document(
        Policy.trust(
          #"{"Service":"lambda.amazonaws.com"}"#,
          if: #"{"StringEquals":{"aws:SourceAccount":"\#(Estate.account)"}}"#)))
    let (stale, running) = (
      estate.function("stale", role: old), estate.function("running", role: own)
    )
    let source = estate.role("source", policies: [Policy.document(Policy.allow("lambda:*"))])
    let evaluation = estate.evaluation
    #expect(evaluation.paths(from: stale, to: old).isEmpty)
    #expect(evaluation.paths(from: source, to: old).isEmpty)
    #expect(evaluation.paths(from: running, to: own).map(\.decision) == [.allowed])
    #expect(evaluation.paths(from: source, to: own).map(\.decision) == [.allowed])
  }
}
