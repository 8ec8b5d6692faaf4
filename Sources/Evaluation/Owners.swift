public import Model

/// A person or team that answers for things, as the tenant's owner file says.
public struct Owner: Sendable, Hashable {
  public enum Status: String, Sendable, Hashable, CaseIterable {
    case active, disabled, deleted, departed
  }

  /// What tags and other records call it; the first is the name it is listed by.
  public var names: [String]
  public var status: Status
  /// The last UTC day on which it answers for anything: `2026-12-31`.
  public var until: String?

  public init(names: [String], status: Status, until: String? = nil) {
    self.names = names
    self.status = status
    self.until = until
  }

  public var json: JSON {
    .members([
      "names": .strings(names), "status": .string(status.rawValue),
      "until": until.map { .string($0) },
    ])
  }
}

/// Who answers for what, by the names that the tenant declared. Names are compared as they are
/// written: what only looks alike joins nothing.
public struct OwnerRegister: Sendable {
  public let owners: [Owner]
  private let byName: [String: Owner]

  /// - Parameter owners: no two with a common name.
  public init(_ owners: [Owner]) {
    self.owners = owners
    byName = Dictionary(owners.flatMap { owner in owner.names.map { ($0, owner) } }) { first, _ in
      first
    }
  }

  /// `nil` for a name that the file does not have.
  subscript(name: String) -> Owner? { byName[name] }
}

extension Owner {
  /// Why it answers for nothing any more; `nil` while it does.
  func absence(at now: Timestamp) -> String? {
    if status != .active { return status.rawValue }
    guard let until, let end, end <= now else { return nil }
    return "gone since \(until)"
  }

  /// When time alone takes it away: the end of its last day.
  var end: Timestamp? {
    guard status == .active, let until else { return nil }
    return Timestamp(endOfDay: until)
  }
}

extension Timestamp {
  /// The first moment after a UTC day, `nil` for what is none.
  public init?(endOfDay day: String) {
    guard let midnight = Timestamp("\(day)T00:00:00Z"), midnight.day == day else { return nil }
    self = midnight + .seconds(86400)
  }
}
