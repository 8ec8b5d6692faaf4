import AWSConnector
import Extraction
import JSONReader
import Model
import Pipeline
import Synchronization

@testable import Transformation

let runID = "01JD8F3Z6Q0V9K2M4N5P6R7S8T"
let scopeKey = "acme/aws-prod/aws/111122223333"
let userARN = "arn:aws:iam::111122223333:user/ada"
let userRecord = #"{"UserName":"ada","Arn":"\#(userARN)","GroupList":["admins"]}"#

func rawMessage(
  _ value: String?, content: RecordHeader.Content, key: String? = scopeKey, offset: Int64 = 120_934
) -> Message {
  rawMessage(
    value, header: RecordHeader(run: runID, attempt: 2, execution: "e", content).text, key: key,
    offset: offset)
}

func rawMessage(
  _ value: String?, header: String?, key: String? = scopeKey, offset: Int64 = 120_934
) -> Message {
  Message(
    topic: Topic.raw(.aws), partition: 3, offset: offset, timestamp: Timestamp(milliseconds: 0),
    key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) },
    headers: header.map { [MessageHeader("other", "x"), MessageHeader(RecordHeader.name, $0)] }
      ?? [])
}

func userContent(
  sequence: Int64 = 41, key: String = userARN, collection: String = "aws.iam.user"
) -> RecordHeader.Content {
  .record(collection: collection, sequence: sequence, key: key, call: 0)
}

let scanStarted = ScanStarted(
  scan: runID, epoch: 17,
  scope: Scope(tenant: "acme", connection: "aws-prod", platform: .aws, account: "111122223333"),
  connector: "aws 1", collections: ["aws.iam.user"], at: Timestamp(milliseconds: 0))
let collectionEnded = CollectionEnded(
  collection: "aws.iam.user", outcome: .complete, records: 1)
let scanEnded = ScanEnded(
  outcome: .complete, records: 1, calls: 1, retries: 0, throttledMilliseconds: 0,
  at: Timestamp(milliseconds: 0))

/// Remembers what it was given, in order; refuses as often as it was told to.
final class RecordingProducer: MessageProducer {
  struct Refusal: ClassifiedError {
    let isRetriable = true
  }

  private let state = Mutex<(messages: [OutgoingMessage], refusals: Int)>(([], 0))

  init(refusals: Int = 0) {
    state.withLock { $0.refusals = refusals }
  }

  var messages: [OutgoingMessage] { state.withLock { $0.messages } }

  func produce(_ messages: [OutgoingMessage]) async throws {
    try state.withLock { state in
      guard state.refusals == 0 else {
        state.refusals -= 1
        throw Refusal()
      }
      state.messages += messages
    }
  }
}
