import Model
import Testing

@testable import Evaluation

/// What must hold of every organization, tried on many made up from seeds; a failure is told by its
/// seed and the smallest organization that still fails.
@Suite struct PropertyTests {
  static let seeds: Range<UInt64> = 0..<40

  /// How firmly something is reached, by start and end.
  typealias Reached = [String: [String: Decision.Level]]

  @Test(arguments: seeds) func anAllowTakesNoReachAway(seed: UInt64) {
    var maker = OrganizationMaker(seed: seed)
    let before = maker.organization()
    let maker2 = maker
    check(seed, before) { organization in
      var maker = maker2
      return Self.firstLoss(from: organization, to: maker.add("Allow", to: organization))
    }
  }

  @Test(arguments: seeds) func aDenyABoundaryOrAControlPolicyAddsNoReach(seed: UInt64) {
    var maker = OrganizationMaker(seed: seed)
    let before = maker.organization()
    let maker2 = maker
    check(seed, before) { organization in
      var maker = maker2
      let after =
        switch seed % 3 {
        case 0: maker.bound(organization) ?? organization
        case 1: maker.control(organization)
        default: maker.add("Deny", to: organization)
        }
      return Self.firstLoss(from: after, to: organization)
    }
  }

  @Test(arguments: seeds) func forwardEqualsBackward(seed: UInt64) {
    var maker = OrganizationMaker(seed: seed)
    check(seed, maker.organization()) { organization in
      let evaluation = organization.estate.evaluation
      let names = Set(evaluation.names.values).sorted { $0.precedes($1) }
      var forward: [String: Set<String>] = [:]
      for start in names {
        for path in evaluation.reach(from: start) {
          guard let last = path.hops.last else { continue }
          let best = evaluation.paths(from: start, to: last.to).first?.decision
          // Of a data domain the best at each level is told; all of a service may be come to more
          // firmly as a part of everything.
          let isFirmer =
            last.to.hasSuffix(":*") && best?.level ?? .denied > path.decision.level
          guard best == path.decision || path.domain != nil && best != nil || isFirmer else {
            return "reach and path differ from \(start) to \(last.to)"
          }
          if path.domain == nil { forward[last.to, default: []].insert(start) }
        }
      }
      let hops = names.flatMap {
        evaluation.hops(from: $0) + evaluation.situation.semantics.sensitiveAccess(of: $0)
      }
      for end in names {
        let backward = evaluation.situation.authority
          .paths(endingWith: hops.filter { $0.to == end })
          .compactMap { $0.hops.first?.from }.filter { $0 != end }
        guard Set(backward) == (forward[end] ?? []).subtracting([end]) else {
          return "\(end): backward \(backward), forward \(forward[end] ?? [])"
        }
      }
      return nil
    }
  }

  @Test(arguments: seeds) func theOrderOfWhatIsReadDoesNotMatter(seed: UInt64) {
    var maker = OrganizationMaker(seed: seed)
    let organization = maker.organization()
    let estate = organization.estate
    var shuffled = estate
    shuffled.nodes = maker.shuffled(estate.nodes)
    shuffled.edges = maker.shuffled(estate.edges)
    let documents = maker.shuffled(Array(estate.documents))
    shuffled.documents = Dictionary(uniqueKeysWithValues: documents)
    let (one, other) = (estate.evaluation, shuffled.evaluation)
    let (events, others) = (one.changes(since: []), other.changes(since: []))
    #expect(events.count == others.count)
    for (event, other) in zip(events, others) { #expect(event.event.text == other.event.text) }
    for name in one.names.keys { #expect(one.hops(from: name) == other.hops(from: name)) }
  }

  /// Takes away what the failure does not need, and tells the rest.
  private func check(
    _ seed: UInt64, _ organization: RandomOrganization,
    _ failure: (RandomOrganization) -> String?
  ) {
    guard var reason = failure(organization) else { return }
    var smallest = organization
    var isShrinking = true
    while isShrinking {
      isShrinking = false
      for less in smallest.smaller {
        guard let its = failure(less) else { continue }
        (smallest, reason, isShrinking) = (less, its, true)
        break
      }
    }
    Issue.record("seed \(seed): \(reason)\n\(smallest)")
  }

  /// What `less` reaches and `more` does not, or less firmly.
  private static func firstLoss(
    from less: RandomOrganization, to more: RandomOrganization
  ) -> String? {
    let (one, other) = (reached(less), reached(more))
    for (start, ends) in one.sorted(by: { $0.key.precedes($1.key) }) {
      for (end, level) in ends.sorted(by: { $0.key.precedes($1.key) })
      where other[start]?[end] ?? .denied < level {
        let its = other[start]?[end] ?? .denied
        return "\(start) to \(end): \(level), with more \(its)\nless: \(less)\nmore: \(more)"
      }
    }
    return nil
  }

  /// Ends of paths, and single requests. What stands for many counts for each of them: who
  /// administers an account reaches all of it, and all of everything is all of each service.
  private static func reached(_ organization: RandomOrganization) -> Reached {
    let evaluation = organization.estate.evaluation
    var result: Reached = [:]
    for start in evaluation.names.values {
      var ends: [String: Decision.Level] = [:]
      for path in evaluation.reach(from: start) {
        guard let end = path.hops.last?.to else { continue }
        for each in covered(end, organization) where each != start {
          ends[each] = max(ends[each] ?? .denied, path.decision.level)
        }
      }
      result[start] = ends
    }
    let semantics = organization.estate.semantics
    for source in semantics.order.compactMap({ semantics.principals[$0] }) {
      for (action, resource) in [
        ("s3:GetObject", "arn:aws:s3:::data/x"),
        ("lambda:InvokeFunction", organization.functions.first.map(functionARN) ?? "*"),
      ] {
        let level = semantics.access(source, action, on: resource).decision.level
        result[source.arn, default: [:]]["\(action) \(resource)"] = level
      }
    }
    return result
  }

  private static func functionARN(_ function: RandomOrganization.Thing) -> String {
    "arn:aws:lambda:eu-west-1:\(function.account):function:\(function.name)"
  }

  private static func covered(_ end: String, _ organization: RandomOrganization) -> [String] {
    guard end.hasPrefix("aws:account:"), let mark = end.firstIndex(of: "#") else { return [end] }
    let account = end[..<mark].dropFirst("aws:account:".count)
    let services = ["s3", "iam", "lambda", "sts", "ec2"].map { "\(end[..<mark])#\($0):*" }
    if end.hasSuffix("#*") { return [end] + services }
    guard end.hasSuffix("#administrators") else { return [end] }
    return [end, "\(end[..<mark])#*"] + services
      + organization.holders.filter { $0.account == account }.map(OrganizationMaker.arn)
      + organization.functions.filter { $0.account == account }.map(functionARN)
  }
}
