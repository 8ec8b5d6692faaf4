import Model
import Testing

@testable import Evaluation

/// All paths between two nodes, and questions whose end is a system or a data domain.
@Suite struct SimplePathTests {
  private static let bucket = "arn:aws:s3:::acme-hr-payroll"

  private static func trusting(_ principals: [String]) -> String {
    let list = principals.map { "\"\($0)\"" }.joined(separator: ",")
    return Policy.document(Policy.trust(#"{"AWS":[\#(list)]}"#))
  }

  /// A diamond with a way back: `a` to `b` and `c`, these to each other, both to `d`.
  private func diamond() -> (estate: Estate, roles: [String]) {
    var estate = Estate()
    estate.resource(Self.bucket, "aws.s3.bucket", policy: nil)
    let names = ["a", "b", "c", "d"].map { Estate.arn("role", $0) }
    estate.role("a", trust: Self.trusting([names[3]]))
    estate.role("b", trust: Self.trusting([names[0], names[2]]))
    estate.role("c", trust: Self.trusting([names[0], names[1]]))
    estate.role(
      "d", trust: Self.trusting([names[1], names[2]]),
      policies: [Policy.document(Policy.allow("s3:GetObject", on: "\(Self.bucket)/*"))])
    return (estate, names)
  }

  private func text(_ paths: [AuthorityPath]) -> [String] {
    paths.map { path in
      ([path.hops[0].from] + path.hops.map(\.to)).map { String($0.suffix(1)) }.joined()
    }
  }

  @Test func allSimplePathsComeShortestFirst() {
    let (estate, roles) = diamond()
    let found = estate.evaluation.allPaths(from: roles[0], to: roles[3])
    #expect(text(found.paths) == ["abd", "acd", "abcd", "acbd"])
    #expect(found.isComplete)
    let back = estate.evaluation.allPaths(from: roles[1], to: roles[0])
    #expect(text(back.paths) == ["bda", "bcda"])
    #expect(estate.evaluation.allPaths(from: roles[0], to: roles[0]).paths.isEmpty)
  }

  @Test func boundsAreKeptAndTold() {
    let (estate, roles) = diamond()
    let short = estate.evaluation.allPaths(from: roles[0], to: roles[3], maximumHops: 2)
    #expect(text(short.paths) == ["abd", "acd"] && short.isComplete)
    let few = estate.evaluation.allPaths(from: roles[0], to: roles[3], limit: 3)
    #expect(text(few.paths) == ["abd", "acd", "abcd"] && !few.isComplete)
    let exact = estate.evaluation.allPaths(from: roles[0], to: roles[3], limit: 4)
    #expect(exact.paths.count == 4 && exact.isComplete)
  }

  @Test func theShortestOfAllIsTheBest() throws {
    let (estate, roles) = diamond()
    for end in [roles[3], Self.bucket, DataDomain.hr.id] {
      let best = try #require(estate.evaluation.paths(from: roles[0], to: end).first)
      let all = estate.evaluation.allPaths(from: roles[0], to: end).paths
      #expect(all.first == best)
      #expect(all.count == 4)
    }
  }

  @Test func aDataDomainIsAskedForLikeASystem() throws {
    let (estate, roles) = diamond()
    let evaluation = estate.evaluation
    let path = try #require(evaluation.paths(from: roles[0], to: DataDomain.hr.id).first)
    #expect(path.hops.map(\.kind) == ["canAssume", "canAssume", "reaches", "holds"])
    #expect(path.level == .readData && path.domain == .hr)
    let toSystem = try #require(evaluation.paths(from: roles[0], to: Self.bucket).first)
    #expect(evaluation.domains(atEndOf: toSystem) == [.hr])
    let who = evaluation.whoCan(reach: DataDomain.hr.id, atLeast: .readData)
    #expect(who.compactMap { $0.hops.first?.from }.filter { $0.contains(":role/") } == roles)
    #expect(who.allSatisfy { $0.domain == .hr && $0.level == .readData })
    #expect(evaluation.whoCan(reach: DataDomain.hr.id, atLeast: .write).isEmpty)
    let reach = evaluation.reach(from: roles[0]).compactMap { $0.hops.last?.to }
    #expect(reach == [roles[1], roles[2], roles[3], Self.bucket, DataDomain.hr.id])
    #expect(evaluation.names["data-domain:hr"] == DataDomain.hr.id)
  }

  /// Whoever becomes an administrator may act on all that the account has.
  @Test func whoBecomesAnAdministratorReachesEachSystem() throws {
    var (estate, _) = diamond()
    let raise = estate.role(
      "raise", policies: [Policy.document(Policy.allow("iam:PutRolePolicy", on: "*"))])
    let path = try #require(estate.evaluation.paths(from: raise, to: Self.bucket).first)
    #expect(path.hops.map(\.kind) == ["canEscalateTo", "reaches"])
    #expect(path.level == .manageAccess && path.via == "escalation")
    let all = "aws:account:\(Estate.account)#*"
    #expect(estate.evaluation.paths(from: raise, to: all).first?.hops.last?.to == all)
    let who = estate.evaluation.whoCan(reach: Self.bucket, atLeast: .manageAccess)
    #expect(who.contains { $0.hops.first?.from == raise })
  }
}
