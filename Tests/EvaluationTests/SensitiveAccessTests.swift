import Model
import Testing

@testable import Evaluation

/// Which sensitive data an identity comes to, how far, and by which path.
@Suite struct SensitiveAccessTests {
  private static let payroll = "arn:aws:s3:::acme-hr-payroll"
  private static let invoices = "arn:aws:s3:::acme-customer-invoices"
  private static let secret =
    "arn:aws:secretsmanager:eu-west-1:\(Estate.account):secret:prod/db-0a1b2c"
  private static let set = "aws:account:\(Estate.account)"

  private static func estate() -> Estate {
    var estate = Estate()
    estate.resource(payroll, "aws.s3.bucket", policy: nil)
    estate.resource(invoices, "aws.s3.bucket", policy: nil)
    estate.resource("arn:aws:s3:::acme-assets", "aws.s3.bucket", policy: nil)
    estate.resource(secret, "aws.secretsmanager.secret", policy: nil)
    return estate
  }

  /// `hr readData allowed: reaches holds`, one line each.
  private func lines(_ estate: Estate, _ identity: String) -> [String] {
    estate.evaluation.situation.reached(from: identity).map { reached in
      let level = reached.level.map { " \($0.name)" } ?? ""
      let hops = reached.path.hops.map(\.kind).joined(separator: " ")
      return "\(reached.target.text)\(level) \(reached.path.decision.level): \(hops)"
    }
  }

  @Test func aBoundedGrantReachesWhatItsPatternsName() {
    var estate = Self.estate()
    let one = estate.role(
      "one", policies: [Policy.document(Policy.allow("s3:GetObject", on: "\(Self.payroll)/*"))])
    #expect(lines(estate, one) == ["data-domain:hr readData allowed: reaches holds"])
    let some = estate.role(
      "some",
      policies: [Policy.document(Policy.allow("s3:PutObject", on: "arn:aws:s3:::acme-c*/2026/*"))])
    #expect(
      lines(estate, some) == [
        "data-domain:customer write allowed: reaches holds",
        "data-domain:finance write allowed: reaches holds",
      ])
    let none = estate.role(
      "none", policies: [Policy.document(Policy.allow("s3:*", on: "arn:aws:s3:::acme-assets/*"))])
    #expect(lines(estate, none).isEmpty)
  }

  @Test func aGrantOnEverythingIsOneHopToTheServicesSet() throws {
    var estate = Self.estate()
    let role = estate.role(
      "r", policies: [Policy.document(Policy.allow("s3:GetObject", on: "*"))])
    #expect(
      lines(estate, role)
        == ["customer", "finance", "hr"].map {
          "data-domain:\($0) readData allowed: reaches holds"
        })
    let hops = estate.semantics.sensitiveAccess(of: role)
    #expect(hops.map(\.to) == ["\(Self.set)#s3"])
    let hr = try #require(
      estate.evaluation.situation.reached(from: role).first { $0.target == .domain(.hr) })
    #expect(hr.path.level == .readData && hr.path.domain == .hr)
    #expect(
      estate.graph.chain(hr.path).map(\.sentence).contains(
        "acme-hr-payroll holds hr data: its name says hr"))
  }

  @Test func anAdministratorReachesEverythingThroughItsSet() {
    var estate = Self.estate()
    let admin = estate.role("admin", policies: [Policy.everything])
    #expect(estate.semantics.sensitiveAccess(of: admin).isEmpty)
    let found = estate.evaluation.situation.reached(from: admin)
    #expect(
      found.map(\.target) == [
        .privileged("\(Self.set)#administrators"), .domain(.customer), .domain(.finance),
        .domain(.hr), .domain(.identity), .domain(.secrets),
      ])
    #expect(found.allSatisfy { $0.level == .manageAccess })
  }

  @Test func thePathGoesThroughWhoeverOneBecomes() throws {
    var estate = Self.estate()
    let start = estate.role("start")
    estate.role(
      "reader", trust: Policy.document(Policy.trust(#"{"AWS":"\#(start)"}"#)),
      policies: [Policy.document(Policy.allow("secretsmanager:*", on: Self.secret))])
    let raise = estate.role(
      "raise", policies: [Policy.document(Policy.allow("iam:PutRolePolicy", on: "*"))])
    let function = estate.function("f", role: start)
    #expect(
      lines(estate, function) == [
        "data-domain:secrets manageAccess allowed: runsAs canAssume reaches holds"
      ])
    #expect(
      lines(estate, raise).contains(
        "data-domain:hr manageAccess allowed: canEscalateTo reaches holds"))
  }

  /// A weaker decision at a higher level does not hide the firm one below it.
  @Test func eachLevelHasItsOwnStrength() {
    var estate = Self.estate()
    let mfa = #"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#
    let role = estate.role(
      "r",
      policies: [
        Policy.document(
          Policy.allow("s3:GetObject", on: "\(Self.payroll)/*"),
          Policy.allow("s3:DeleteObject", on: "\(Self.payroll)/*", if: mfa))
      ])
    #expect(
      lines(estate, role) == [
        "data-domain:hr write conditional: reaches holds",
        "data-domain:hr readData allowed: reaches holds",
      ])
  }

  @Test func whatLimitsAnIdentityLimitsWhatItReaches() {
    var estate = Self.estate()
    let read = Policy.document(Policy.allow("s3:GetObject", on: "\(Self.payroll)/*"))
    let denied = estate.role(
      "denied", policies: [read, Policy.document(Policy.deny("s3:*", on: "\(Self.payroll)*"))])
    let bounded = estate.role(
      "bounded", policies: [read], boundary: Policy.document(Policy.allow("sqs:*")))
    #expect(lines(estate, denied).isEmpty)
    #expect(lines(estate, bounded).isEmpty)
  }

  @Test func aSystemsOwnPolicyLetsSomebodyIn() {
    var estate = Self.estate()
    let role = estate.role("r")
    let other = estate.role("other")
    estate.resource(
      "arn:aws:s3:::acme-audit", "aws.s3.bucket",
      policy: Policy.document(
        Policy.allow(
          "s3:GetObject", on: "arn:aws:s3:::acme-audit/*", to: #"{"AWS":"\#(role)"}"#)))
    #expect(lines(estate, role) == ["data-domain:logs readData allowed: reaches holds"])
    #expect(lines(estate, other).isEmpty)
    estate.resource(
      "arn:aws:s3:::acme-siem", "aws.s3.bucket",
      policy: Policy.document(
        Policy.allow("s3:PutObject", on: "arn:aws:s3:::acme-siem/*", to: #""*""#)))
    #expect(lines(estate, other) == ["data-domain:logs write allowed: reaches holds"])
  }

  @Test func whatIsOpenToTheWorldIsReachedByAnyone() {
    var estate = Self.estate()
    estate.resource(
      "arn:aws:s3:::acme-employees", "aws.s3.bucket",
      policy: Policy.document(
        Policy.allow("s3:GetObject", on: "arn:aws:s3:::acme-employees/*", to: #""*""#)))
    // Whether the public is shut out was not read.
    #expect(lines(estate, anyoneNodeID) == ["data-domain:hr readData unknown: reaches holds"])
    for name in ["accountPublicAccessBlock", "bucketPublicAccessBlock"] {
      estate.end("aws.s3.\(name)", .complete)
    }
    #expect(lines(estate, anyoneNodeID) == ["data-domain:hr readData allowed: reaches holds"])
    let path = estate.evaluation.paths(from: anyoneNodeID, to: "arn:aws:s3:::acme-employees").first
    #expect(path?.level == .readData)
  }

  @Test func aKeyNeedsItsOwnPolicy() {
    var estate = Self.estate()
    let key = "arn:aws:kms:eu-west-1:\(Estate.account):key/1"
    let role = estate.role(
      "r", policies: [Policy.document(Policy.allow("kms:Decrypt", on: "*"))])
    let root = #"{"AWS":"arn:aws:iam::\#(Estate.account):root"}"#
    estate.resource(
      key, "aws.kms.key", policy: Policy.document(Policy.allow("kms:Encrypt", to: root)))
    #expect(lines(estate, role).isEmpty)
    estate.resource(
      "\(key)2", "aws.kms.key", policy: Policy.document(Policy.allow("kms:*", to: root)))
    #expect(lines(estate, role) == ["data-domain:secrets readData allowed: reaches holds"])
  }

  /// What it tells agrees with the question asked of one system.
  @Test func forwardEqualsBackward() {
    var estate = Self.estate()
    for (name, action, resource) in [
      ("a", "s3:GetObject", "\(Self.payroll)/*"), ("b", "s3:Put*", "arn:aws:s3:::acme-*"),
      ("c", "secretsmanager:GetSecretValue", "\(Self.secret.dropLast(6))??????"),
      ("d", "s3:ListBucket", "arn:aws:s3:::acme-?r-payroll"), ("e", "s3:Get*", "*"),
    ] {
      estate.role(name, policies: [Policy.document(Policy.allow(action, on: resource))])
    }
    let semantics = estate.semantics
    for system in [Self.payroll, Self.secret] {
      let sets = [system, "\(Self.set)#\(system == Self.secret ? "secretsmanager" : "s3")"]
      let forward = semantics.order.filter { identity in
        semantics.sensitiveAccess(of: identity).contains { sets.contains($0.to) }
      }
      let backward = semantics.holders(of: system, atLeast: nil).map(\.from)
      #expect(forward + ["\(Self.set)#administrators"] == backward)
    }
  }

  /// RDS User Guide, "Password management with Amazon RDS and AWS Secrets Manager".
  @Test func whoReadsTheMasterPasswordAdministersTheDatabaseIfItGetsThere() throws {
    var estate = Self.estate()
    let database = "arn:aws:rds:eu-west-1:\(Estate.account):db:hr-payroll"
    let secret = "arn:aws:secretsmanager:eu-west-1:\(Estate.account):secret:rds!db-1-a1b2c3"
    estate.thing(database, "aws.rds.instance", name: "hr-payroll")
    estate.thing(secret, "aws.secretsmanager.secret", name: "rds!db-1")
    estate.link(.stores, database, secret)
    let read = "secretsmanager:GetSecretValue"
    let reader = estate.role("reader", policies: [Policy.document(Policy.allow(read, on: secret))])
    let every = estate.role("every", policies: [Policy.document(Policy.allow(read))])
    let other = estate.role(
      "other",
      policies: [
        Policy.document(
          Policy.allow(read, on: Self.secret),
          Policy.allow("secretsmanager:DescribeSecret", on: secret))
      ])
    let hr = "data-domain:hr administer conditional: reaches holds"
    #expect(lines(estate, reader).contains(hr) && lines(estate, every).contains(hr))
    #expect(!lines(estate, other).contains(hr))
    let path = try #require(estate.evaluation.paths(from: reader, to: database).first)
    #expect(path.decision.conditions == ["a way to the port of hr-payroll"])
    #expect(estate.graph.chain(path).map(\.sentence).contains("hr-payroll stores rds!db-1"))
    let holders = estate.evaluation.whoCan(reach: database, atLeast: .administer)
      .compactMap { $0.hops.first?.from }
    #expect(holders.contains(reader) && holders.contains(every) && !holders.contains(other))
    #expect(
      estate.evaluation.whoCan(reach: database, atLeast: .manageAccess)
        .allSatisfy { $0.hops.first?.from != reader })
  }

  @Test func aSecretDisclosesTheIdentityThatItStores() throws {
    var estate = Self.estate()
    let user = estate.user("vendor")
    let key = "aws:access-key:AKIAvendor"
    estate.add(
      Edge(.stores, from: Self.secret, to: key), Self.secret, "aws.secretsmanager.secret",
      Estate.account)
    let reader = estate.role(
      "reader",
      policies: [
        Policy.document(Policy.allow("secretsmanager:GetSecretValue", on: Self.secret))
      ])
    let lister = estate.role(
      "lister", policies: [Policy.document(Policy.allow("secretsmanager:DescribeSecret"))])
    let path = try #require(estate.evaluation.paths(from: reader, to: user).first)
    #expect(path.hops.map(\.kind) == ["discloses", "authenticatesAs"])
    #expect(path.decision == .allowed && path.via == "authority")
    #expect(estate.evaluation.paths(from: lister, to: user).isEmpty)
  }
}
