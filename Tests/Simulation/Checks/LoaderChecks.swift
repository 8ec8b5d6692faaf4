internal import Evaluation
internal import Loading
internal import Model
internal import Pipeline

// What every transaction must leave as it should be: positions, staging, history.

extension Change {
  /// - Parameter furthest: how far each partition has ever been staged since it was claimed.
  func checkLoader(
    _ installation: Installation, _ furthest: inout [TopicPartition: Int64],
    _ list: inout Findings
  ) {
    for (partition, row) in after.positions.all {
      list.require(
        row.generation >= (before.positions[partition]?.generation ?? 0), .positions,
        "\(partition): the generation of its claim went back")
      let firsts = after.openAttempts.rows { $1.partition == partition }.map(\.row.first.offset)
      if let low = row.low, let first = firsts.min() {
        list.require(
          low <= first, .positions,
          "\(operation): \(partition) would be read from \(low) after a crash, an open attempt "
            + "begins at \(first)")
      }
      if let next = after.stagedPositions[partition]?.next {
        if let old = before.stagedPositions[partition]?.next {
          list.require(
            next >= old, .positions, "\(operation): \(partition) went back from \(old) to \(next)")
        }
        furthest[partition] = max(next, furthest[partition] ?? 0)
        // After a crash it may be ahead of what is being read again, but not of what ever was.
        list.require(
          row.low ?? 0 <= furthest[partition] ?? 0, .positions,
          "\(operation): \(partition) was read up to \(furthest[partition] ?? 0) and its low is "
            + "\(row.low ?? 0)")
      }
    }
    if operation == "loading.apply", !isLossy { checkStaged(installation, &list) }
    checkHistory(&list)
  }

  /// What is applied has at most as many rows as there are messages of the attempt below the
  /// position.
  private func checkStaged(_ installation: Installation, _ list: inout Findings) {
    for (key, staged) in before.staged.rows(where: { key, _ in after.staged[key] == nil }) {
      guard let open = before.openAttempts[key],
        let next = before.stagedPositions[open.partition]?.next
      else { continue }
      // Of each execution of the attempt: only one of them counts.
      var counts: [String: Int] = [:]
      for message in installation.broker.messages(of: open.partition) where message.offset < next {
        guard let header = message.header(RecordHeader.name).flatMap(RecordHeader.init),
          header.run == key.run, header.attempt == key.number
        else { continue }
        if case .record = header.content { counts[header.execution, default: 0] += 1 }
      }
      let count = counts.values.max() ?? 0
      list.require(
        staged.records.count <= count, .stagedOnce,
        "attempt \(key.number) of run \(key.run) has \(staged.records.count) records staged, "
          + "\(count) messages say them")
    }
  }

  private func checkHistory(_ list: inout Findings) {
    for (scope, rows) in after.assertions.all {
      let old = before.assertions[scope]?.closed ?? []
      guard rows.closed.count != old.count else { continue }
      list.require(
        rows.closed.count >= old.count && Array(rows.closed.prefix(old.count)) == old, .history,
        "\(operation) changed the history of \(scope)")
      for assertion in rows.closed.dropFirst(old.count) {
        guard let closed = assertion.closed else { continue }
        list.require(
          closed.version >= assertion.opened.version && closed.epoch >= assertion.opened.epoch,
          .history, "\(operation) closed \(assertion.key) before it was opened")
      }
    }
    guard after.findingVersions.count != before.findingVersions.count else { return }
    let uids = Set(before.findingVersions.map { "\($0.id.uid).\($0.change.life.version)" })
    let known = before.findingVersions.count
    for row in after.findingVersions.dropFirst(known) {
      list.require(
        !uids.contains("\(row.id.uid).\(row.change.life.version)"), .history,
        "a version of finding \(row.id.uid) was written twice")
    }
  }
}
