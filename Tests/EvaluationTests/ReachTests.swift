import Model
import Testing

@testable import Evaluation

/// Questions about authority: forward, backward, and why.
@Suite struct ReachTests {
  static let bucket = "arn:aws:s3:::data"
  /// Roles of a test trust it, so what it runs acts as them.
  static let lambda = "aws:service:lambda.amazonaws.com"

  private func estate() -> (estate: Estate, reader: String, start: String) {
    var estate = Estate()
    estate.resource(Self.bucket, "aws.s3.bucket", policy: nil)
    let start = estate.role("start")
    let reader = estate.role(
      "reader", trust: Policy.document(Policy.trust(#"{"AWS":"\#(start)"}"#)),
      policies: [Policy.document(Policy.allow("s3:GetObject", on: "\(Self.bucket)/public/*"))])
    estate.role("other", policies: [Policy.document(Policy.allow("s3:*", on: "arn:aws:s3:::x/*"))])
    return (estate, reader, start)
  }

  @Test func whoCanReachASystemIsFoundDirectlyAndThroughOthers() throws {
    let (estate, reader, start) = estate()
    let paths = estate.evaluation.whoCan(reach: Self.bucket, atLeast: .readData)
    #expect(paths.compactMap { $0.hops.first?.from } == [reader, start, Self.lambda])
    #expect(
      paths.map { $0.hops.map(\.kind) } == [
        ["reaches"], ["canAssume", "reaches"], ["canAssume", "canAssume", "reaches"],
      ])
    #expect(paths.allSatisfy { $0.hops.last?.level == .readData })
    #expect(paths[0].hops[0].sentence.contains("s3:GetObject"))
    #expect(estate.evaluation.whoCan(reach: Self.bucket, atLeast: .write).isEmpty)
  }

  @Test func theHighestLevelIsTold() throws {
    var estate = Estate()
    estate.resource(Self.bucket, "aws.s3.bucket", policy: nil)
    let role = estate.role(
      "r", policies: [Policy.document(Policy.allow("s3:*", on: "\(Self.bucket)*"))])
    let paths = estate.evaluation.whoCan(reach: Self.bucket, atLeast: nil)
    #expect(paths.map { $0.hops.first?.from } == [role, Self.lambda])
    #expect(paths.first?.hops.first?.level == .manageAccess)
  }

  @Test func forwardEqualsBackward() {
    var (estate, reader, start) = estate()
    estate.role("admin", policies: [Policy.everything])
    estate.role(
      "deploy", trust: Policy.document(Policy.trust(#"{"AWS":"\#(reader)"}"#)),
      policies: [Policy.document(Policy.allow("iam:PutRolePolicy"))])
    let evaluation = estate.evaluation
    let set = "aws:account:\(Estate.account)#administrators"
    let backward = evaluation.whoCan(reach: set, atLeast: nil).compactMap { $0.hops.first?.from }
    let forward = evaluation.names.values.filter { !evaluation.paths(from: $0, to: set).isEmpty }
    #expect(backward == Set(forward).sorted { $0.precedes($1) })
    #expect(backward.contains(start))
    #expect(evaluation.reach(from: start).contains { $0.hops.last?.to == set })
  }

  /// Who may do everything may do all of a service, and so may who holds the service.
  @Test func whoHoldsEverythingHoldsAllOfAService() throws {
    var estate = Estate()
    estate.resource("arn:aws:s3:::acme-hr-payroll", "aws.s3.bucket", policy: nil)
    let trust = Policy.document(Policy.trust(#"{"AWS":"*"}"#, if: Self.nobody))
    let roles = [
      ("admin", [Policy.everything]), ("files", [Policy.document(Policy.allow("s3:*"))]),
      ("raiser", [Policy.document(Policy.allow("iam:PutRolePolicy"))]),
      ("writer", [Policy.document(Policy.allow("s3:PutObject"))]),
      ("without", [Policy.everything, Policy.document(Policy.deny("s3:*"))]),
      ("machines", [Policy.document(Policy.allow("ec2:*"))]),
    ].map { estate.role($0, trust: trust, policies: $1) }
    let set = "aws:account:\(Estate.account)"
    let evaluation = estate.evaluation
    for (end, others) in [("s3:*", []), ("s3", [roles[3]])] {
      let found = evaluation.whoCan(reach: "\(set)#\(end)", atLeast: nil)
      // Who denies itself the service can take that back, as an administrator of everything else.
      let expected = [roles[0], roles[1], roles[2], roles[4]] + others
      #expect(
        found.compactMap { $0.hops.first?.from } == expected.sorted { $0.precedes($1) }, "\(end)")
      #expect(found.allSatisfy { $0.hops.last?.to == "\(set)#\(end)" })
      for role in expected {
        #expect(!evaluation.paths(from: role, to: "\(set)#\(end)").isEmpty, "\(role)")
      }
      #expect(evaluation.paths(from: roles[5], to: "\(set)#\(end)").isEmpty)
    }
    let managers = evaluation.whoCan(reach: "\(set)#s3:*", atLeast: .manageAccess)
    #expect(
      managers.compactMap { $0.hops.first?.from }
        == [roles[0], roles[2], roles[4]].sorted {
          $0.precedes($1)
        })
  }

  private static let nobody = #"{"StringEquals":{"aws:PrincipalAccount":"none"}}"#

  /// "Determining whether a request is allowed or denied": denies first, then each kind of policy.
  @Test func anExplanationIsInTheOrderOfEvaluation() throws {
    var estate = Estate()
    let role = estate.role(
      "r",
      policies: [
        Policy.document(
          Policy.allow("s3:*"),
          Policy.deny("s3:GetObject", if: #"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#))
      ], boundary: Policy.document(Policy.allow("s3:Get*")))
    estate.resource(
      Self.bucket, "aws.s3.bucket",
      policy: Policy.document(Policy.allow("s3:GetObject", on: "*", to: #"{"AWS":"\#(role)"}"#)))
    let explanation = try #require(
      estate.evaluation.explain(role, "s3:GetObject", on: "\(Self.bucket)/x"))
    #expect(
      explanation.lines.map(\.stage) == [
        "identity policy", "resource policy", "identity policy", "permissions boundary",
      ])
    #expect(explanation.lines.map(\.isDeny) == [true, false, false, false])
    #expect(explanation.decision.level == .conditional && explanation.level == .readData)
    #expect(
      explanation.text[1].hasPrefix("s3:GetObject (readData) on arn:aws:s3:::data/x: only if"))
    let put = try #require(
      estate.evaluation.explain(role, "s3:PutObject", on: "\(Self.bucket)/x"))
    #expect(put.decision == .denied)
    #expect(put.silent.contains("permissions boundary: none of 1 allows it"))
    #expect(estate.evaluation.explain(Self.bucket, "s3:PutObject", on: "*") == nil)
  }
}
