package import Loading
package import Model

extension DatabaseState {
  package mutating func claim(_ partition: TopicPartition) -> Position {
    var position = positions[partition] ?? PositionRow(low: nil, mark: nil, generation: 0)
    position.generation += 1
    positions[partition] = position
    let fresh = StagedPositionRow(next: position.low ?? 0, mark: position.mark)
    if stagedPositions.insert(fresh, as: partition) {
      openAttempts.update(where: { $1.partition == partition }) { $0.bytes = 0 }
    }
    let staged = stagedPositions[partition] ?? fresh
    return Position(generation: position.generation, next: staged.next, mark: staged.mark)
  }

  package mutating func stage(_ turn: StagingTurn, within limit: StagingLimit) throws -> Overload? {
    let partition = turn.claim.partition
    let next = try hold(turn.claim)
    guard turn.upTo > next else { return nil }
    let rest = turn.batch.from(next)
    for attempt in rest.restarted {
      staged[AttemptKey(attempt)] = nil
      openAttempts[AttemptKey(attempt)]?.bytes = 0
    }
    for message in rest.messages {
      var attempt = staged[AttemptKey(message.attempt)] ?? StagedAttempt()
      switch message.content {
      case .record(let record): attempt.records.append(record)
      case .collectionEnded(let ended): attempt.ends.append(ended)
      }
      staged[AttemptKey(message.attempt)] = attempt
    }
    let bytes = rest.bytes
    for (attempt, first) in rest.opened {
      let key = AttemptKey(attempt)
      openAttempts.insert(
        OpenAttemptRow(
          attempt: attempt, partition: partition, first: first, bytes: 0, stagedAt: turn.at,
          executions: []), as: key)
      openAttempts[key]?.bytes += bytes[attempt] ?? 0
      openAttempts[key]?.stagedAt = turn.at
      openAttempts[key]?.executions = rest.executions[attempt] ?? []
    }
    move(partition, to: turn.upTo, turn.mark)
    lower(partition)
    return rest.messages.isEmpty ? nil : overload(of: limit)
  }

  package func executions(of attempt: Attempt) -> [String] {
    openAttempts[AttemptKey(attempt)]?.executions ?? []
  }

  package func overload(of limit: StagingLimit) -> Overload? {
    let held = openAttempts.rows { limit.partitions.contains($1.partition) }.map(\.row)
    // The first of those that hold most.
    guard let most = held.map(\.bytes).max(), let largest = held.first(where: { $0.bytes == most }),
      held.reduce(0, { $0 + $1.bytes }) > limit.bytes
    else { return nil }
    return Overload(attempt: largest.attempt, partition: largest.partition, bytes: largest.bytes)
  }

  /// - Returns: the first offset that is not staged.
  func hold(_ claim: Claim) throws -> Int64 {
    guard positions[claim.partition]?.generation == claim.generation else {
      throw LoadingError.fenced(claim.partition)
    }
    guard let staged = stagedPositions[claim.partition] else {
      throw LoadingError.stagingLost(claim.partition)
    }
    return staged.next
  }

  mutating func move(_ partition: TopicPartition, to offset: Int64, _ mark: Mark?) {
    guard stagedPositions[partition] != nil else { return }
    stagedPositions[partition] = StagedPositionRow(next: offset, mark: mark)
  }

  /// Reading after a crash begins at the oldest open attempt, or where staging had arrived.
  mutating func lower(_ partition: TopicPartition) {
    let open = openAttempts.rows { $1.partition == partition }.map(\.row.first)
    if let oldest = open.min(by: { $0.offset < $1.offset }) {
      positions[partition]?.low = oldest.offset
      positions[partition]?.mark = oldest
    } else if let staged = stagedPositions[partition] {
      positions[partition]?.low = staged.next
      positions[partition]?.mark = staged.mark
    }
  }

  /// Nothing is staged of the attempt, and it is open no longer.
  mutating func drop(_ attempt: Attempt) {
    staged[AttemptKey(attempt)] = nil
    openAttempts[AttemptKey(attempt)] = nil
  }

  /// As `sv0.forget_positions`: the topic was made again on purpose.
  package mutating func forgetPositions(of topic: String) {
    positions.update(where: { key, _ in key.topic == topic }) { row in
      row = PositionRow(low: nil, mark: nil, generation: row.generation + 1)
    }
    for (_, row) in openAttempts.rows(where: { $1.partition.topic == topic }) {
      drop(row.attempt)
    }
    stagedPositions.remove { key, _ in key.topic == topic }
  }
}
