internal import Model

/// When a connection's accounts are scanned by themselves. Pure.
///
/// Time is cut into slots of `every`, counted from 1970. In each slot every account has its moment:
/// one of up to sixty within `jitter` of the slot's beginning, by the hash of its scope's key.
/// So the same accounts come together every time, and a large organization does not come at once.
struct ScanSchedule: Sendable, Equatable {
  var every: Duration
  var jitter: Duration

  /// Into how many moments the jitter is cut; they are a second apart or more.
  var moments: Int32 { Int32(max(1, min(60, jitter / .seconds(1)))) }

  /// The number of the slot that the time is in.
  func slot(at time: Timestamp) -> Int64 {
    Int64((Double(time.milliseconds) / (every / .milliseconds(1))).rounded(.down))
  }

  func beginning(of slot: Int64) -> Timestamp {
    Timestamp(milliseconds: 0) + every * Int(slot)
  }

  func moment(of scope: Scope) -> Int32 { partition(ofKey: scope.description, among: moments) }

  /// How many of the slot's moments have come.
  func begun(in slot: Int64, at time: Timestamp) -> Int32 {
    let passed = time - beginning(of: slot)
    guard passed >= .zero else { return 0 }
    guard passed < jitter else { return moments }
    return Int32(passed / (jitter / Int(moments))) + 1
  }
}
