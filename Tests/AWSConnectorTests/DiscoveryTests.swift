import Extraction
import Logging
import Model
import PipelineTesting
import Testing

@testable import AWSConnector

/// Which accounts an organization has, through the role that may list them.
@Suite struct DiscoveryTests {
  private static let role = "arn:aws:iam::999900001111:role/SecurityV0OrgDiscovery"

  private func accounts(_ aws: FakeAWS) async throws -> [DiscoveredAccount] {
    let clock = ManualClock()
    return try await FakeAWS.connector.accounts(
      settings: ["regions": ["eu-west-1"]],
      credentials: [
        "type": "assume_role", "roleArn": .string(Self.role), "externalId": "env:EXTERNAL_ID",
        "base": ["type": "environment"],
      ],
      in: AttemptContext(
        transport: aws.transport,
        surroundings: Surroundings(now: { clock.now }, sleep: clock.sleep, random: { 0.5 }),
        statistics: AttemptStatistics(),
        log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })))
  }

  @Test func everyPageIsReadAndWhatCannotBeScannedSaysWhy() async throws {
    let aws = FakeAWS { operation, call in
      switch operation {
      case "sts:AssumeRole" where !call.body.contains("999900001111"): FakeAWS.denial(operation)
      case "organizations:ListAccounts" where call.body.contains("second"):
        Answer(
          #"{"Accounts":[{"Id":"333333333333","State":"CLOSED","Status":"SUSPENDED"},"#
            + #"{"Id":"444444444444","State":"ELSEWHERE"},{"Id":"555555555555"}]}"#)
      case "organizations:ListAccounts":
        Answer(
          #"{"Accounts":[{"Id":"111111111111","State":"ACTIVE"},"#
            + #"{"Id":"222222222222","Status":"SUSPENDED"}],"NextToken":"second"}"#)
      default: nil
      }
    }
    #expect(
      try await accounts(aws) == [
        DiscoveredAccount(id: "111111111111"),
        DiscoveredAccount(id: "222222222222", obstacle: "suspended"),
        DiscoveredAccount(id: "333333333333", obstacle: "closed"),
        DiscoveredAccount(id: "444444444444", obstacle: "in a state that is not known here"),
        DiscoveredAccount(id: "555555555555"),
      ])
  }

  @Test func aRoleThatMayNotListThemNamesTheAction() async throws {
    let aws = FakeAWS.answering(
      "organizations:ListAccounts", FakeAWS.denial("organizations:ListAccounts"))
    let error = await #expect(throws: AWSError.self) { try await accounts(aws) }
    #expect(error?.collectionFailure.missing == ["organizations:ListAccounts"])
  }
}
