import AWSConnector
import Logging
import Model
import Pipeline
import Testing

@testable import Transformation

@Suite struct TransformationHandlerTests {
  private func handler(_ producer: RecordingProducer) -> TransformationHandler {
    TransformationHandler(
      transformer: Transformer(platform: .aws, normalizer: AWSNormalizer()), producer: producer,
      deadLetters: DeadLetters(stage: .transformer, producer: producer) {
        Timestamp(milliseconds: 0)
      },
      log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private let attempt = [
    rawMessage(scanStarted.json.text, content: .scanStarted, offset: 10),
    rawMessage(userRecord, content: userContent(sequence: 0), offset: 11),
    rawMessage("broken", content: userContent(sequence: 1, key: "b"), offset: 12),
    rawMessage(userRecord, header: nil, offset: 13),
    rawMessage(
      collectionEnded.json.text, content: .collectionEnded(collection: "aws.iam.user"), offset: 14),
    rawMessage(scanEnded.json.text, content: .scanEnded, offset: 15),
  ]

  @Test func everyMessageIsAnsweredInOrder() async throws {
    let producer = RecordingProducer()
    try await handler(producer).handle(attempt)
    let output = producer.messages
    #expect(
      output.map(\.topic) == [
        Topic.graph, Topic.graph, Topic.deadLetter, Topic.graph, Topic.deadLetter, Topic.graph,
        Topic.graph,
      ])
    #expect(try Fragment(reading: output[1].value).object == userARN)
    #expect(try Fragment(reading: output[3].value).object == "b")
    #expect(output.last?.value == attempt.last?.value)
  }

  @Test func deadLetterHoldsTheOriginalAndTheReason() async throws {
    let producer = RecordingProducer()
    try await handler(producer).handle([attempt[2]])
    let letter = try #require(producer.messages.first)
    #expect(letter.key == attempt[2].key)
    #expect(letter.value == attempt[2].value)
    #expect(letter.headers.suffix(2) == attempt[2].headers[...])
    let headers = Dictionary(
      uniqueKeysWithValues: letter.headers.map {
        ($0.name, String(decoding: $0.value ?? [], as: UTF8.self))
      })
    #expect(headers["sv0.errors.stage"] == "transformer")
    #expect(headers["sv0.errors.class.name"] == "malformed")
    #expect(headers["sv0.errors.partition"] == "3")
    #expect(headers["sv0.errors.offset"] == "12")
  }

  @Test func whatIsDeliveredAgainAndStillCannotBeReadIsADeadLetterOfTheReplay() async throws {
    var message = attempt[2]
    message.headers.append(MessageHeader(MessageHeader.replay, "ada@soc"))
    let producer = RecordingProducer()
    try await handler(producer).handle([message])
    #expect(producer.messages.map(\.topic) == [Topic.deadLetter])
    let letter = try #require(producer.messages.first)
    #expect(letter.value == message.value)
    #expect(letter.headers.suffix(3) == message.headers[...])
  }

  @Test func failureToSendIsTheCallersToRepeat() async throws {
    let producer = RecordingProducer(refusals: 1)
    let handler = handler(producer)
    await #expect(throws: RecordingProducer.Refusal.self) { try await handler.handle(attempt) }
    #expect(producer.messages.isEmpty)
    try await handler.handle(attempt)
    let once = producer.messages
    try await handler.handle(attempt)
    #expect(producer.messages == once + once, "a repeat sends the same bytes again")
  }
}
