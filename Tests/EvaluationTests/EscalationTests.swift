import Foundation
import Model
import Testing

@testable import Evaluation

/// Each method works where everything that it needs is there, and nowhere else.
@Suite struct EscalationTests {
  static let methods = EscalationMethod.all
  static let ids = methods.map(\.id)

  private func method(_ id: String) throws -> EscalationMethod {
    try #require(Self.methods.first { $0.id == id })
  }

  @Test(arguments: ids) func aMethodWorksWithEverythingItNeeds(id: String) throws {
    let method = try method(id)
    let conditional = ["iam-004", "iam-006", "ec2instanceconnect-003"].contains(id)
    #expect(EscalationScene(method).result == (conditional ? .conditional : .allowed))
  }

  @Test(arguments: ids) func itFailsWithoutAnyOneOfItsPermissions(id: String) throws {
    let method = try method(id)
    for missing in method.permissions.indices {
      let scene = EscalationScene(method) { place, action, resource in
        place == missing ? nil : Policy.allow(action, on: resource)
      }
      #expect(scene.result == .denied, "without \(method.permissions[missing])")
    }
  }

  @Test(arguments: ids) func aPermissionOnAnotherResourceDoesNotCount(id: String) throws {
    let method = try method(id)
    for other in method.permissions.indices {
      let scene = EscalationScene(method) { place, action, resource in
        Policy.allow(
          action, on: place == other ? "arn:aws:other:eu-west-1:111122223333:other" : resource)
      }
      #expect(scene.result == .denied, "\(method.permissions[other]) elsewhere")
    }
  }

  @Test(arguments: ids) func anExplicitDenyOfAnyPermissionPreventsIt(id: String) throws {
    let method = try method(id)
    for denied in method.permissions.indices {
      let scene = EscalationScene(method) { place, action, resource in
        Policy.allow(action, on: resource)
          + (place == denied ? "," + Policy.deny(action) : "")
      }
      #expect(scene.result == .denied, "\(method.permissions[denied]) denied")
    }
  }

  /// What makes the look-alike: a role that trusts another service, nothing that runs, no free
  /// access key, a vendor's policy, a group without authority, a role that AWS guards.
  @Test(arguments: methods.filter { ![.ownRole, .ownUser].contains($0.target) }.map(\.id))
  func itNeedsWhatItActsOn(id: String) throws {
    let method = try method(id)
    let scene = EscalationScene(method, bare: true)
    let weaker: Set = ["lambda-003", "iam-004", "iam-006"]
    #expect(scene.result == (weaker.contains(id) ? .conditional : .denied))
  }

  @Test(
    arguments: methods.filter { $0.category == .newPassRole && $0.id != "cloudformation-005" }
      .map(\.id))
  func aRoleThatMayBePassedToAnotherServiceOnlyDoesNotCount(id: String) throws {
    let method = try method(id)
    let scene = EscalationScene(method) { _, action, resource in
      Policy.allow(
        action, on: resource,
        if: action == "iam:PassRole"
          ? #"{"StringEquals":{"iam:PassedToService":"events.amazonaws.com"}}"# : nil)
    }
    #expect(scene.result == .denied)
  }

  /// What somebody attaches to a principal with a boundary does not go beyond the boundary.
  @Test(arguments: ["iam-005", "iam-009"])
  func aBoundaryStopsWhoeverRaisesItself(id: String) throws {
    var estate = Estate()
    let arn = Estate.arn("role", "attacker")
    let actions = try method(id).permissions.map { Policy.allow($0.action, on: arn) }
    estate.role(
      "attacker", policies: [Policy.document(actions[0])],
      boundary: Policy.document(Policy.allow("s3:*"), Policy.allow("iam:*Policy", on: arn)))
    #expect(estate.hops("canEscalateTo", from: arn).isEmpty)
  }

  /// It gives itself the permission to take the boundary off, and that is within the boundary.
  @Test func aBoundaryThatMayBeTakenOffStopsNobody() {
    for (denied, end) in [(nil, Decision.Level.allowed), ("iam:Delete*Boundary", nil)] {
      var estate = Estate()
      let arn = Estate.arn("role", "attacker")
      var own = [Policy.allow("iam:PutRolePolicy", on: arn)]
      if let denied { own.append(Policy.deny(denied)) }
      estate.role(
        "attacker", policies: [Policy.document(own.joined(separator: ","))],
        boundary: Policy.document(Policy.allow("s3:*"), Policy.allow("iam:*", on: arn)))
      #expect(estate.hops("canEscalateTo", from: arn)[EscalationScene.admins] == end)
    }
  }

  @Test func anAdministratorHasOneEdgeAndNotOneForEachRole() {
    var estate = Estate()
    let admin = estate.role("admin", policies: [Policy.everything])
    for name in ["a", "b", "c"] { estate.role(name) }
    let hops = estate.evaluation.hops(from: admin).filter { $0.kind == "canEscalateTo" }
    #expect(hops.map(\.to) == [EscalationScene.admins])
  }

  @Test func severalMethodsToOneEndAreOneHopThatNamesThem() throws {
    var estate = Estate()
    let target = estate.role("target")
    let source = estate.role(
      "source",
      policies: [
        Policy.document(Policy.allow("iam:PassRole", on: target), Policy.allow("lambda:*"))
      ])
    let hops = estate.evaluation.hops(from: source).filter { $0.kind == "canEscalateTo" }
    let hop = try #require(hops.first)
    #expect(hops.count == 1 && hop.to == target && hop.decision == .allowed)
    #expect(hop.transfer == .control)
    #expect(hop.sentence.contains("lambda-001, also lambda-002, lambda-006"))
    #expect(hop.facts.contains { $0.sentence.contains("allows iam:PassRole") })
    #expect(hop.facts.contains { $0.sentence.contains("lambda.amazonaws.com") })
  }

  /// The table is as complete as the list that it was made from, where that is at hand.
  @Test func everyMethodOfTheCatalogueIsInTheTable() throws {
    #expect(Set(Self.ids).count == 65)
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../shared/design/aws-escalation-methods.txt").standardized
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return }
    let listed = text.split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ").map(String.init)
      guard words.count > 4, words[0] == "id:" else { return nil }
      return ([words[1]] + [words[3..<(words.count - 2)].joined(separator: " "), words.last!])
        .joined(separator: "|")
    }
    let ours = Self.methods.map { "\($0.id)|\($0.name)|\($0.category.rawValue)" }
    #expect(Set(listed) == Set(ours))
  }
}

@Suite struct EscalationPathTests {
  @Test func aRoleThatRewritesAFunctionOfAnAdministratorIsReported() throws {
    var estate = Estate()
    let admin = estate.role("admin", policies: [Policy.everything])
    let function = estate.function("job", role: admin)
    estate.role(
      "deploy",
      policies: [
        Policy.document(
          Policy.allow("lambda:UpdateFunctionCode", on: function),
          Policy.allow("lambda:InvokeFunction", on: function))
      ])
    let findings = estate.findings("escalation-path")
    let finding = try #require(findings.first)
    #expect(findings.count == 1 && finding.subjectName == "deploy")
    #expect(finding.severity == .high && finding.strength == .effective)
    #expect(finding.via == "escalation")
    #expect(
      finding.title
        == "deploy can become an administrator of account \(Estate.account) in 3 steps")
    #expect(finding.chain.contains { $0.sentence.contains("lambda:UpdateFunctionCode") })
    #expect(finding.targets.map(\.id) == [EscalationScene.admins])
  }

  @Test func oneSubjectIsOneFindingAndAnAdministratorIsNone() {
    var estate = Estate()
    estate.role("admin", policies: [Policy.everything])
    estate.role("self", policies: [Policy.document(Policy.allow("iam:Put*", on: "*"))])
    let findings = estate.findings("escalation-path")
    #expect(findings.map(\.subjectName) == ["self"])
  }

  @Test func whatOnlyAConditionedStatementAllowsIsConditional() throws {
    var estate = Estate()
    let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
    estate.role(
      "r", policies: [Policy.document(Policy.allow("iam:PutRolePolicy", if: mfa))])
    let finding = try #require(estate.findings("escalation-path").first)
    #expect(finding.strength == .conditional && finding.severity == .medium)
  }
}
