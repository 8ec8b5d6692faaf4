import Authentication
import Extraction
import HTTPTypes
import Logging
import Model
import PipelineTesting
import Testing

@testable import AWSConnector

@Suite struct CredentialTests {
  @Test func theRoleIsAssumedWithItsExternalID() async throws {
    let attempt = FakeAWS().attempt(collections: ["aws.iam.role"])
    let published = await attempt.run()
    #expect(published.ended?.outcome == .complete)
    let calls = try #require(attempt.transport as? ScriptedTransport).calls
    let body = try #require(calls.first?.body)
    #expect(calls.first?.request.authority == "sts.us-east-1.amazonaws.com")
    #expect(body.contains("ExternalId=\(FakeAWS.externalID)"))
    #expect(body.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2FSecurityV0ReadOnly"))
    #expect(body.contains("RoleSessionName=sv0-01JD0000000000000000000002"))
    #expect(calls.last?.header("x-amz-security-token") == FakeAWS.sessionToken)
    #expect(!published.everything.contains(FakeAWS.externalID))
  }

  /// The account of the base may be asked for so many sessions a second, by all attempts together.
  @Test func attemptsTakeTurnsAtAssumingRoles() async throws {
    let clock = ManualClock()
    let start = clock.now
    let surroundings = Surroundings(now: { clock.now }, sleep: clock.sleep, random: { 0.5 })
    let rates = RateLimiter(surroundings)
    let credentials = try #require(AWSCredentials.read(FakeAWS.assumeRole).credentials)
    for _ in 0..<Int(AWSService.sts.rate.burst) + 1 {
      #expect(clock.now == start)
      let context = AttemptContext(
        transport: FakeAWS().transport, surroundings: surroundings,
        statistics: AttemptStatistics(),
        log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), workerRates: rates)
      let base = AWSClient(context: context, endpoint: nil, credentials: nil)
      _ = try await credentials.strategy(secrets: FakeAWS.connector.secrets, client: base).obtain()
    }
    #expect(clock.now > start)
  }

  @Test func aRefusedRoleFailsTheAccountAlone() async {
    let aws = FakeAWS.answering("sts:AssumeRole", FakeAWS.denial("sts:AssumeRole"))
    let attempt = aws.attempt()
    let published = await attempt.run()
    #expect(Set(published.outcomes.values) == [.denied])
    #expect(published.outcomes.count == AccountTests.collections.count { !$0.isRoadmap })
    #expect(published.end(of: "aws.iam.role")?.missing == ["sts:AssumeRole"])
    #expect(published.ending?.outcome == .denied)
    #expect(published.ending?.message?.contains("trust policy") == true)
    #expect(
      ConnectorConformance.violations(
        of: published, by: FakeAWS.connector, dispatch: attempt.dispatch, secrets: FakeAWS.secrets)
        == [])
  }

  @Test func aSecretThatIsNotThereIsNamed() async {
    let credentials: JSON = [
      "type": "assume_role", "externalId": "env:ABSENT", "base": ["type": "environment"],
    ]
    let published = await FakeAWS().attempt(credentials: credentials).run()
    #expect(Set(published.outcomes.values) == [.failed])
    #expect(published.ending?.message?.contains("ABSENT") == true)
  }

  @Test func credentialsOfAnotherAccountReadNothing() async {
    let aws = FakeAWS.answering(
      "sts:GetCallerIdentity",
      FakeAWS.xml("sts:GetCallerIdentity", "<Account>999988887777</Account>"))
    let published = await aws.attempt(credentials: ["type": "environment"]).run()
    #expect(Set(published.outcomes.values) == [.failed])
    #expect(published.records.isEmpty)
    #expect(published.ending?.message?.contains("999988887777") == true)
  }

  @Test func aConfigurationThatCannotBeUsedIsSaidAtOnce() async {
    let published = await FakeAWS().attempt(
      credentials: ["type": "vault"], settings: ["regions": [], "typo": 1]
    ).run()
    #expect(published.ended?.outcome == .failed)
    let message = published.ending?.message ?? ""
    for part in [
      "settings.regions", "settings.typo", "credentials.type", "environment or assume_role",
    ] {
      #expect(message.contains(part))
    }
  }

  @Test func rolesAreChained() async throws {
    let credentials: JSON = [
      "type": "assume_role",
      "base": [
        "type": "assume_role", "roleArn": "arn:aws:iam::222200001111:role/hub",
        "base": ["type": "environment"],
      ],
    ]
    let attempt = FakeAWS().attempt(credentials: credentials, collections: ["aws.iam.role"])
    #expect(await attempt.run().ended?.outcome == .complete)
    let roles = try #require(attempt.transport as? ScriptedTransport).calls.prefix(2).map(\.body)
    #expect(roles.first?.contains("role%2Fhub") == true)
    #expect(roles.last?.contains("role%2FSecurityV0ReadOnly") == true)
  }

  private static let wrong: [(JSON, String)] = [
    (["type": "nothing"], "credentials.type"),
    (["type": "assume_role"], "credentials.base"),
    (["type": "environment", "secretAccessKey": "clear"], "credentials.secretAccessKey"),
    (
      ["type": "assume_role", "externalId": "in clear", "base": ["type": "environment"]],
      "credentials.externalId"
    ),
    (
      ["type": "assume_role", "externalId": "vault:x", "base": ["type": "environment"]],
      "credentials.externalId"
    ),
    (
      ["type": "assume_role", "base": ["type": "assume_role", "base": ["type": "environment"]]],
      "credentials.base.roleArn"
    ),
    (
      [
        "type": "assume_role", "durationSeconds": 7200,
        "base": [
          "type": "assume_role", "roleArn": "arn:aws:iam::222200001111:role/hub",
          "base": ["type": "environment"],
        ],
      ], "credentials.durationSeconds"
    ),
  ]

  @Test(arguments: wrong)
  func aWrongCredentialIsNamedByItsKey(_ credentials: JSON, _ key: String) {
    let problems = AWSCredentials.read(credentials).problems
    #expect(problems.map(\.key) == [key])
    #expect(!problems.description.contains("clear"))
  }
}
