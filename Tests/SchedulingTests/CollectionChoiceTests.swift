import Model
import Pipeline
import Scheduling
import Testing

@Suite("Which collections a connection allows")
struct CollectionChoiceTests {
  private static let role = "aws.iam.role"
  private static let user = "aws.iam.user"
  private static let key = "aws.kms.key"
  private static let identity = "aws.iam.podIdentity"

  @Test(
    "Roadmap collections are read where the connection enables them, beside what is agreed",
    arguments: [
      (enable: [], disable: [], asked: [], expected: []),
      ([], [user], [], [role]),
      ([], [], ["aws.*"], [role, user]),
      (["aws.*"], [], [], [role, user]),
      (["aws.iam.*"], [], [], [role, user]),
      ([role], [], [], [role]),
      (["aws.kms.*"], [], [], [role, user, key]),
      ([key], [user], [], [role, key]),
      ([role, key], [], [], [role, key]),
      (["aws.iam.*", identity], [], ["aws.iam.*"], [identity, role, user]),
      ([key], [], ["aws.kms.key@eu-west-1"], ["aws.kms.key@eu-west-1"]),
      ([key], ["aws.kms.*"], [], [role, user]),
    ])
  func choice(enable: [String], disable: [String], asked: [String], expected: [String]) throws {
    let decision = decide(enable: enable, disable: disable, asked: asked)
    let dispatch = try Dispatch(reading: decision.message?.value, platform: .aws)
    #expect(dispatch.collections == expected)
  }

  @Test("A roadmap collection that the connection has not enabled is refused, and why")
  func refused() throws {
    let decision = decide(enable: [], disable: [], asked: ["aws.kms.*"])
    #expect(decision.message == nil && decision.run.machine.state == .cancelled)
    #expect(decision.run.machine.reason?.contains("collections.enable") == true)
  }

  private func decide(
    enable: [String], disable: [String], asked: [String]
  ) -> DispatchDecision {
    let now = Timestamp(milliseconds: 0)
    let dispatching = Dispatching(
      platform: .aws, rawPartitions: 12,
      knownCollections: [
        "aws.iam.role", "aws.iam.user", OfferedCollection(Self.key, isRoadmap: true),
        OfferedCollection(Self.identity, isRoadmap: true),
      ],
      limits: SchedulingLimits())
    let request = ScanRequest(
      tenant: "acme", connection: "aws-prod", collections: asked, reason: "test",
      requestedBy: "test")
    let id = ULID(at: now, random: Array(repeating: 1, count: 10)).description
    let choice: JSON = [
      "enable": .array(enable.map { .string($0) }), "disable": .array(disable.map { .string($0) }),
    ]
    return dispatching.decide(
      QueuedRun(
        run: StoredRun(
          tenant: "acme", run: id, scan: id, scope: "acme/aws-prod/aws/111122223333", epoch: 1,
          machine: RunMachine()),
        request: request.json.bytes, document: Fixture.connection(collections: choice).text,
        tokens: [:]),
      at: now)
  }
}
