import AWSConnector
import Cryptography
import Extraction
import JSONReader
import Model
import Pipeline
import Testing

@testable import Transformation

/// The pure core: one message in, what becomes of it out; no broker.
@Suite struct TransformerTests {
  let transformer = Transformer(platform: .aws, normalizer: AWSNormalizer())

  @Test func recordBecomesAFragmentInItsPlace() throws {
    let message = rawMessage(userRecord, content: userContent())
    guard case .fragment(let output) = transformer.transform(message) else {
      Issue.record("no fragment")
      return
    }
    #expect(output.topic == "sv0.graph.v1")
    #expect(output.partition == 3)
    #expect(output.key == message.key)
    #expect(output.headers == [message.headers[1]])
    let fragment = try Fragment(reading: output.value)
    #expect(fragment.object == userARN)
    #expect(fragment.nodes.map(\.id) == [userARN])
    #expect(fragment.edges.map(\.key.to) == ["aws:iam:group:111122223333/admins"])
    #expect(fragment.taint == nil)
    let digest = SHA256.hexDigest(userRecord)
    #expect(fragment.receipt == Receipt(sha256: digest, partition: 3, offset: 120_934))
  }

  @Test func recordThatIsNoPartOfTheGraphIsStillCounted() throws {
    let arn = "arn:aws:iam::aws:policy/Unused"
    let message = rawMessage(
      #"{"Arn":"\#(arn)","AttachmentCount":"0"}"#,
      content: userContent(key: arn, collection: "aws.iam.policy"))
    let fragment = try Fragment(reading: transformer.transform(message).output?.value)
    #expect(fragment.object == arn)
    #expect(fragment.nodes.isEmpty && fragment.edges.isEmpty && fragment.taint == nil)
  }

  @Test(arguments: [
    ("not JSON", userContent(), "malformed"),
    ("", userContent(), "malformed"),
    (#"{"Arn":"s3cret"}"#, userContent(), "schema"),
    (#"{"Arn":"\#(userARN)"}"#, userContent(), "schema"),
    (userRecord, userContent(collection: "aws.iam.unheardOf"), "schema"),
    (userRecord, userContent(key: ""), "schema"),
  ])
  func recordThatCannotBeReadIsTaintedAndADeadLetter(
    _ value: String, _ content: RecordHeader.Content, _ errorClass: String
  ) throws {
    let message = rawMessage(value, content: content)
    guard case .tainted(let output, let problem) = transformer.transform(message),
      case .record(_, _, let key, _) = content
    else {
      Issue.record("not tainted")
      return
    }
    let fragment = try Fragment(reading: output.value)
    #expect(fragment.object == key)
    #expect(fragment.nodes.isEmpty && fragment.edges.isEmpty && fragment.documents.isEmpty)
    #expect(fragment.receipt.offset == message.offset)
    #expect(output.headers == [message.headers[1]])
    #expect(problem.errorClass == errorClass)
    #expect(fragment.taint == problem.description)
    #expect(!problem.reason.contains("s3cret"), "values stay out of reasons")
  }

  @Test func fragmentThatIsTooLargeIsTainted() throws {
    let small = Transformer(
      platform: .aws, normalizer: AWSNormalizer(), largestMessageBytes: 2048)
    let name = String(repeating: "n", count: 2000)
    let message = rawMessage(
      #"{"UserName":"\#(name)","Arn":"\#(userARN)"}"#, content: userContent())
    guard case .tainted(let output, let problem) = small.transform(message) else {
      Issue.record("not tainted")
      return
    }
    #expect(problem.errorClass == "oversized")
    #expect(try Fragment(reading: output.value).object == userARN)
  }

  @Test func taintedFragmentThatIsTooLargeIsRefused() {
    let small = Transformer(
      platform: .aws, normalizer: AWSNormalizer(), largestMessageBytes: 2048)
    let key = String(repeating: "k", count: 2000)
    guard
      case .refused(let problem) = small.transform(
        rawMessage("{}", content: userContent(key: key)))
    else {
      Issue.record("not refused")
      return
    }
    #expect(problem.errorClass == "oversized")
  }

  @Test(arguments: [
    (scanStarted.json.text, RecordHeader.Content.scanStarted),
    (collectionEnded.json.text + " ", .collectionEnded(collection: "aws.iam.user")),
    (scanEnded.json.text, .scanEnded),
  ])
  func controlMessageIsForwardedAsItIs(_ value: String, _ content: RecordHeader.Content) {
    let message = rawMessage(value, content: content)
    guard case .control(let output) = transformer.transform(message) else {
      Issue.record("not forwarded")
      return
    }
    #expect(
      output
        == OutgoingMessage(
          topic: "sv0.graph.v1", partition: 3, key: message.key, value: message.value,
          headers: [message.headers[1]]))
  }

  @Test(arguments: [
    (rawMessage(userRecord, header: nil), "malformed"),
    (rawMessage(userRecord, header: "run=1;attempt=2;exec=e;kind=scan.ended"), "malformed"),
    (rawMessage(userRecord, header: "run=\(runID);attempt=2;exec=e;kind=scan.paused"), "malformed"),
    (rawMessage(nil, content: userContent()), "malformed"),
    (rawMessage(nil, content: .scanEnded), "malformed"),
    (rawMessage(userRecord, content: userContent(), key: nil), "tenant"),
    (rawMessage(userRecord, content: userContent(), key: "acme/aws-prod/aws"), "tenant"),
    (rawMessage(userRecord, content: userContent(), key: "/aws-prod/aws/1"), "tenant"),
    (rawMessage(userRecord, content: userContent(), key: "acme/aws-prod/vax/1"), "tenant"),
    (rawMessage(scanStarted.json.text, content: .scanStarted, key: "b/b/aws/1"), "tenant"),
    (rawMessage(collectionEnded.json.text, content: .collectionEnded(collection: "x")), "schema"),
    (rawMessage("{}", content: .scanEnded), "malformed"),
  ])
  func messageThatNobodyCanCountIsOnlyADeadLetter(_ message: Message, _ errorClass: String) {
    guard case .refused(let problem) = transformer.transform(message) else {
      Issue.record("not refused")
      return
    }
    #expect(problem.errorClass == errorClass)
  }

  @Test func whatIsDeliveredAgainSaysSo() throws {
    var message = rawMessage(userRecord, content: userContent())
    message.headers.insert(MessageHeader(MessageHeader.replay, "ada@soc"), at: 0)
    guard case .fragment(let output) = transformer.transform(message) else {
      Issue.record("no fragment")
      return
    }
    #expect(output.headers.map(\.name) == ["sv0", "sv0.replay"])
    #expect(output.headers.last == message.headers.first)
    // Otherwise it is what it would have been.
    message.headers.removeFirst()
    #expect(output.value == transformer.transform(message).output?.value)
  }

  @Test(arguments: ["not JSON", #"{"Arn":"s3cret"}"#])
  func whatIsDeliveredAgainAndStillCannotBeReadTaintsNothing(_ value: String) {
    var message = rawMessage(value, content: userContent())
    message.headers.append(MessageHeader(MessageHeader.replay, "ada@soc"))
    guard case .refused(let problem) = transformer.transform(message) else {
      Issue.record("not refused")
      return
    }
    #expect(["malformed", "schema"].contains(problem.errorClass))
  }

  @Test func sameMessageGivesTheSameBytes() {
    let message = rawMessage(userRecord, content: userContent())
    #expect(
      transformer.transform(message).output == transformer.transform(message).output)
  }
}
