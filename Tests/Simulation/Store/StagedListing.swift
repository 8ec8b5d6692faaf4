internal import Loading
internal import Model
internal import Scheduling

/// What is staged of an attempt, with the highest sequence of each object winning.
struct StagedListing {
  let records: [StagedRecord]
  /// One of each collection, in their order.
  let ends: [CollectionEnded]
  private var objects: [Object: State] = [:]

  private struct Object: Hashable {
    var collection: String
    var object: String
  }

  private struct State {
    var newest: Int64
    var isTainted: Bool
    /// What all of the newest records say.
    var isRemoved: Bool
  }

  init(_ staged: StagedAttempt) {
    records = staged.records
    ends = Dictionary(staged.ends.map { ($0.collection, $0) }) { first, _ in first }
      .values.sorted { $0.collection.precedes($1.collection) }
    for record in records {
      let object = Object(collection: record.collection, object: record.fragment.object)
      let new = State(
        newest: record.sequence, isTainted: record.isTainted, isRemoved: record.isRemoval)
      guard var state = objects[object] else {
        objects[object] = new
        continue
      }
      if new.newest > state.newest {
        state.isRemoved = new.isRemoved
        state.newest = new.newest
      } else if new.newest == state.newest {
        state.isRemoved = state.isRemoved && new.isRemoved
      }
      state.isTainted = state.isTainted || new.isTainted
      objects[object] = state
    }
  }

  private func state(_ collection: String, _ object: String) -> State? {
    objects[Object(collection: collection, object: object)]
  }

  func isTainted(_ collection: String, _ object: String) -> Bool {
    state(collection, object)?.isTainted ?? false
  }

  func isRemoved(_ collection: String, _ object: String) -> Bool {
    state(collection, object).map { $0.isRemoved && !$0.isTainted } ?? false
  }

  /// Listed, and not as removed.
  func isPresent(_ collection: String, _ object: String) -> Bool {
    state(collection, object) != nil && !isRemoved(collection, object)
  }

  func isNewest(_ record: StagedRecord) -> Bool {
    state(record.collection, record.fragment.object)?.newest == record.sequence
  }

  /// All records in the order in which the platform listed them.
  var inSequence: [StagedRecord] {
    records.sorted { left, right in
      (left.sequence, left.fragment.receipt.offset)
        < (right.sequence, right.fragment.receipt.offset)
    }
  }

  /// Where the raw records of a collection are.
  func rawRange(of collection: String) -> RawRange? {
    let receipts = records.filter { $0.collection == collection }.map(\.fragment.receipt)
    guard let partition = receipts.map(\.partition).min(),
      let from = receipts.map(\.offset).min(), let to = receipts.map(\.offset).max()
    else { return nil }
    return RawRange(partition: partition, offsets: from...to)
  }

  struct Assertions {
    var collections: Set<String>
    /// As they were staged, repeated ones included.
    var inOrder: [Assertion]
    var byKey: [AssertionKey: [Assertion]]
  }

  /// What the newest records say.
  func assertions(
    in collections: Set<String>, run: String, _ edition: Assertion.Edition
  ) -> Assertions {
    let inOrder = records.filter { collections.contains($0.collection) && isNewest($0) }
      .flatMap { $0.assertions(run: run, edition) }
    return Assertions(
      collections: collections, inOrder: inOrder, byKey: Dictionary(grouping: inOrder, by: \.key))
  }
}

extension StagedRecord {
  /// As rows that would begin with an edition.
  func assertions(run: String, _ edition: Assertion.Edition) -> [Assertion] {
    let receipt = RowReceipt(record: fragment.receipt, run: run, call: call)
    func assertion(_ element: Element, _ hash: [UInt8]) -> Assertion {
      Assertion(
        key: AssertionKey(
          collection: collection, object: fragment.object, element: element.key),
        element: element, hash: hash, receipt: receipt, opened: edition)
    }
    return fragment.nodes.map { node in
      var state = node
      state.observed = [:]
      return assertion(.node(state), node.hash)
    } + fragment.edges.map { assertion(.edge($0), $0.hash) }
  }
}
