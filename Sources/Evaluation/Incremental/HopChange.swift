internal import Model

extension HopTable {
  /// Places that other hops leave than in an earlier table, as cells.
  func changed(since earlier: HopTable, _ change: GraphChange) -> [Cell] {
    let places = (0..<UInt32(earlier.placeCount)).map { old -> UInt32 in
      let name = Int(old) < change.names.count ? change.names[Int(old)] : GraphStorage.none
      return name == GraphStorage.none ? place(earlier.id(old)) ?? name : name
    }
    var isKnown = [Bool](repeating: false, count: placeCount)
    var changed: [Cell] = []
    for (old, place) in places.enumerated() {
      let hops = earlier.leaving(UInt32(old))
      guard place != GraphStorage.none else {
        if !hops.isEmpty { changed.append(Cell(.hops, earlier.id(UInt32(old)))) }
        continue
      }
      isKnown[Int(place)] = true
      let own = leaving(place)
      if hops.isEmpty, own.isEmpty { continue }
      let areSame =
        hops.count == own.count
        && zip(hops, own).allSatisfy { hop, own in
          isSame(entries[own], earlier, earlier.entries[hop], places, change)
        }
      if !areSame { changed.append(Cell(.hops, id(place))) }
    }
    for place in isKnown.indices where !isKnown[place] && !leaving(UInt32(place)).isEmpty {
      changed.append(Cell(.hops, id(UInt32(place))))
    }
    return changed
  }

  private func isSame(
    _ own: Entry, _ earlier: HopTable, _ old: Entry, _ places: [UInt32], _ change: GraphChange
  ) -> Bool {
    guard own.level == old.level, places[Int(old.to)] == own.to else { return false }
    switch (derived(own), earlier.derived(old)) {
    case (let hop?, let other?): return hop == other
    case (nil, nil):
      return change.earlierEdges[Int(own.source)] == old.source
        && doubt(own) == earlier.doubt(old)
    default: return false
    }
  }
}
