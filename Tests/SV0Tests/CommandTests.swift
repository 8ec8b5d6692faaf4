import Model
import Testing

@testable import KafkaClient
@testable import sv0

@Suite struct CommandTests {
  @Test func theTopicsAreThoseThatTheCodeNames() throws {
    let topics = try TopicFile.all().map(\.definition)
    #expect(topics.count == 9)
    #expect(Set(topics.map(\.name)).count == 9)
    let raw = try TopicFile.rawPartitions(.aws)
    // Raw partition i feeds graph partition i.
    #expect(topics.first { $0.name == Topic.graph }?.partitions == raw)
  }

  @Test func everyDifferenceOfATopicIsNamed() {
    let declared = TopicDefinition(
      name: "t", partitions: 3, replication: 2, configuration: ["cleanup.policy": "compact"])
    typealias Diff = TopicsCommand.Diff
    #expect(
      Diff.differences(declared, nil, [:]) == ["t: missing; run `sv0 topics apply`"])
    #expect(
      Diff.differences(
        declared, TopicDescription(partitions: 3, replication: 2), ["cleanup.policy": "compact"]
      ).isEmpty)
    #expect(
      Diff.differences(
        declared, TopicDescription(partitions: 1, replication: 1), ["cleanup.policy": "delete"])
        == [
          "t: 1 partitions, declared 3", "t: replication 1, declared 2",
          "t: cleanup.policy is delete, declared compact",
        ])
  }

  static let names = [
    "arn:aws:iam::1:role/deploy": "arn:aws:iam::1:role/deploy",
    "arn:aws:iam::2:role/deploy": "arn:aws:iam::2:role/deploy",
    "arn:aws:iam::1:role/other": "arn:aws:iam::1:role/other",
    "alias:other": "arn:aws:iam::1:role/other", "anyone": "anyone",
  ]

  @Test(arguments: [
    ("anyone", "anyone"), ("other", "arn:aws:iam::1:role/other"),
    ("role/other", "arn:aws:iam::1:role/other"),
    ("arn:aws:iam::2:role/deploy", "arn:aws:iam::2:role/deploy"),
  ])
  func aNameOrAUniqueSuffixMeansItsNode(_ text: String, _ id: String) throws {
    #expect(try PathCommand.resolve(text, among: Self.names) == id)
  }

  @Test(arguments: [
    ("deploy", "arn:aws:iam::1:role/deploy, arn:aws:iam::2:role/deploy"), ("ploy", "nothing"),
    ("", "nothing"),
  ])
  func severalMatchesAreListedAndNoneIsSaid(_ text: String, _ hint: String) throws {
    let failure = #expect(throws: Failure.self) {
      try PathCommand.resolve(text, among: Self.names)
    }
    #expect(failure?.code == .usage)
    #expect(failure?.description.contains(hint) == true)
  }

  @Test func tablesAreAligned() {
    #expect(Terminal.table([["a", "bbb"], ["cc", "d", "e"]]) == ["a   bbb", "cc  d    e"])
  }
}
