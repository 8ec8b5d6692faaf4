internal import Loading
internal import Model
internal import Scheduling

/// Follows how much is staged, where there is a limit.
struct StagedBytes {
  /// What was staged of all attempts when something was last staged of a partition.
  private var totals: [TopicPartition: Int64] = [:]
  /// How often in a row an owner staged more in a partition that alone holds too much.
  private var excesses: [TopicPartition: (generation: Int64, count: Int)] = [:]

  mutating func follow(_ change: Change, limit: Int64, _ list: inout Findings) {
    switch change.operation {
    case "loading.stage": staged(change, limit, &list)
    case "loading.fail":
      failed(change, limit, &list)
      excesses = [:]
    default: break
    }
  }

  /// Each excess is to be followed by a failure. Its owner may die before, or not hear of it: then
  /// it does when it stages more.
  private mutating func staged(_ change: Change, _ limit: Int64, _ list: inout Findings) {
    guard change.after.staged.edition != change.before.staged.edition else { return }
    for (partition, row) in change.after.stagedPositions.all
    where row.next != change.before.stagedPositions[partition]?.next {
      totals[partition] = change.after.openAttempts.all.reduce(0) { $0 + $1.row.bytes }
      let held = change.after.openAttempts.rows { $1.partition == partition }
        .reduce(0) { $0 + $1.row.bytes }
      guard held > limit else {
        excesses[partition] = nil
        continue
      }
      let generation = change.after.positions[partition]?.generation ?? 0
      let before = excesses[partition]
      let count = before?.generation == generation ? (before?.count ?? 0) + 1 : 1
      excesses[partition] = (generation, count)
      list.require(
        count < 4, .stagingLimit,
        "\(held) bytes are staged of \(partition), the limit is \(limit), and nothing was failed")
    }
  }

  private func failed(_ change: Change, _ limit: Int64, _ list: inout Findings) {
    for (key, run) in change.after.runs.rows(where: { $1.state == .failed })
    where change.before.runs[key]?.state != .failed {
      guard run.stored.machine.reason?.contains("the loader's limit") ?? false,
        let open = change.before.openAttempts.rows(where: { attempt, _ in
          attempt.run == key.run && attempt.number == run.stored.machine.attempt
        }).first?.row
      else { continue }
      list.require(
        totals.values.max() ?? 0 > limit, .stagingLimit,
        "run \(key.run) failed for want of room, and there was enough")
      let largest = change.before.openAttempts.rows { $1.partition == open.partition }
        .map(\.row.bytes).max()
      list.require(
        open.bytes == largest, .stagingLimit,
        "run \(key.run) failed for want of room with \(open.bytes) bytes, another attempt has "
          + "\(largest ?? 0)")
    }
  }
}
