extension Schedule {
  /// The smallest schedule that still fails, found by leaving things out for as long as that helps.
  ///
  /// - Parameter fails: whether a schedule still shows the failure that is looked for.
  public func shrunk(maximumRuns: Int = 600, while fails: (Schedule) -> Bool) -> Schedule {
    var best = self
    var runs = 0
    func tries(_ candidate: Schedule) -> Bool {
      guard runs < maximumRuns, candidate != best else { return false }
      runs += 1
      guard fails(candidate) else { return false }
      best = candidate
      return true
    }
    var isSmaller = true
    while isSmaller, runs < maximumRuns {
      isSmaller = false
      for size in Self.sizes(of: best.actions.count + best.faults.count) {
        var start = 0
        while start < best.actions.count + best.faults.count {
          if tries(best.without(start..<(start + size))) {
            isSmaller = true
          } else {
            start += size
          }
        }
      }
      for setting in World.settings {
        var candidate = best
        candidate.world[keyPath: setting.path] = setting.least
        if tries(candidate) {
          isSmaller = true
          continue
        }
        candidate = best
        candidate.world[keyPath: setting.path] -= 1
        if candidate.world[keyPath: setting.path] > setting.least, tries(candidate) {
          isSmaller = true
        }
      }
    }
    return best
  }

  /// Half of everything, then a quarter, … then one by one.
  private static func sizes(of count: Int) -> [Int] {
    Array(sequence(first: max(1, count / 2)) { $0 > 1 ? $0 / 2 : nil })
  }

  /// Without some of its actions and faults, counted in this order.
  private func without(_ range: Range<Int>) -> Schedule {
    var rest = self
    let count = actions.count
    rest.actions = actions.enumerated().filter { !range.contains($0.offset) }.map(\.element)
    rest.faults =
      faults.enumerated().filter { !range.contains($0.offset + count) }.map(\.element)
    return rest
  }
}
