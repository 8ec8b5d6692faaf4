internal import Cryptography
package import Model
internal import Pipeline

/// A message that is to be staged.
package struct StagedMessage: Sendable {
  package var attempt: Attempt
  package var offset: Int64
  /// Of the message's value.
  package var bytes: Int64
  package var content: Content

  package enum Content: Sendable {
    case record(StagedRecord)
    case collectionEnded(CollectionEnded)
  }

  package init(attempt: Attempt, offset: Int64, bytes: Int64, content: Content) {
    self.attempt = attempt
    self.offset = offset
    self.bytes = bytes
    self.content = content
  }
}

/// What one record says, with its place in its attempt.
package struct StagedRecord: Sendable {
  package var collection: String
  package var sequence: Int64
  package var call: Int
  /// Asserts nothing if it is tainted, or says that its object is gone.
  package let fragment: Fragment
  /// Not to be understood; with its object key, if that could be read.
  package let isTainted: Bool
  /// Says that its object is gone.
  package let isRemoval: Bool

  package init(_ fragment: Fragment, collection: String, sequence: Int64, call: Int) {
    self.collection = collection
    self.sequence = sequence
    self.call = call
    // Something is gone, but what?
    isTainted = fragment.taint != nil || (fragment.isRemoval && fragment.object.isEmpty)
    isRemoval = fragment.isRemoval && !isTainted
    self.fragment =
      isTainted || isRemoval
      ? Fragment(object: fragment.object, receipt: fragment.receipt) : fragment
  }
}

/// Messages of one partition that are staged in one transaction.
package struct StagingBatch: Sendable {
  /// In order of their offsets.
  package private(set) var messages: [StagedMessage] = []
  /// The first message of each attempt in the batch.
  package private(set) var firsts: [Attempt: Mark] = [:]
  /// Where another execution of an attempt begins: whatever was staged of it before is of one that
  /// does not count any more.
  package private(set) var beginnings: [Attempt: Int64] = [:]
  /// The executions that are known of each attempt in the batch, the one that counts last.
  package private(set) var executions: [Attempt: [String]] = [:]

  package init() {}

  package mutating func begin(
    _ attempt: Attempt, knowing executions: [String], _ message: Message
  ) {
    if firsts[attempt] == nil { firsts[attempt] = Mark(message) }
    self.executions[attempt] = executions
    messages.removeAll { $0.attempt == attempt }
    beginnings[attempt] = message.offset
  }

  package mutating func add(
    _ staged: StagedMessage, knowing executions: [String], _ message: Message
  ) {
    if firsts[staged.attempt] == nil { firsts[staged.attempt] = Mark(message) }
    self.executions[staged.attempt] = executions
    messages.append(staged)
  }

  /// What an earlier transaction, whose outcome was not known, has not staged.
  package func from(_ offset: Int64) -> StagingBatch {
    var rest = self
    rest.messages.removeAll { $0.offset < offset }
    rest.beginnings = beginnings.filter { $0.value >= offset }
    let attempts = Set(rest.messages.map(\.attempt)).union(rest.beginnings.keys)
    rest.firsts = firsts.filter { attempts.contains($0.key) }
    return rest
  }

  /// The attempts of the batch with their first messages, in order of these.
  package var opened: [(Attempt, Mark)] {
    firsts.sorted { $0.value.offset < $1.value.offset }.map { ($0.key, $0.value) }
  }

  /// The attempts that begin anew in the batch, in order: nothing is staged of one of which no other
  /// execution is known.
  package var restarted: [Attempt] {
    beginnings.filter { (executions[$0.key] ?? []).count > 1 }.sorted { $0.value < $1.value }
      .map(\.key)
  }

  /// Bytes of the values that are staged of each attempt.
  package var bytes: [Attempt: Int64] {
    messages.reduce(into: [:]) { $0[$1.attempt, default: 0] += $1.bytes }
  }
}

/// One transaction's part of a partition.
package struct StagingTurn: Sendable {
  package var claim: Claim
  package var batch: StagingBatch
  /// Everything below this offset is staged, applied or refused afterwards.
  package var upTo: Int64
  /// The last message below that offset, as far as it is known.
  package var mark: Mark?
  package var at: Timestamp

  package init(
    _ batch: StagingBatch, upTo: Int64, _ mark: Mark?, under claim: Claim, at: Timestamp
  ) {
    self.claim = claim
    self.batch = batch
    self.upTo = upTo
    self.mark = mark
    self.at = at
  }
}

extension Loader {
  /// Stages the batch, and fails the largest attempts if it is too much now.
  func stage(
    _ batch: StagingBatch, upTo offset: Int64, _ mark: Mark?, under claim: Claim
  ) async throws {
    let turn = StagingTurn(batch, upTo: offset, mark, under: claim, at: now())
    let overload: Overload?
    do {
      overload = try await store.stage(turn, within: stagingLimit)
    } catch let error as RefusedData {
      throw BadMessage.unstorable(error)
    }
    for (attempt, executions) in batch.executions {
      partitions.remember(attempt, executions, of: claim.partition)
    }
    if let overload { try await relieve(overload, reading: claim.partition) }
  }
}

extension BadMessage {
  static func unstorable(_ error: RefusedData) -> BadMessage {
    BadMessage("unstorable", "the database refuses its content: \(error)")
  }
}

extension Node {
  /// What decides whether a version differs: everything but the key, `observed` and the receipt.
  package var hash: [UInt8] {
    let content: JSON = [
      .string(kind.rawValue), .string(type), .string(name), .strings(defines), .object(state),
    ]
    return SHA256.hash(content.bytes)
  }
}

extension Edge {
  package var hash: [UInt8] {
    let content: JSON = [.string(basis.rawValue), .object(state)]
    return SHA256.hash(content.bytes)
  }
}
