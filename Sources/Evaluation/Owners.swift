public import Model

/// A person or team that answers for things, as the tenant's owner file says.
public struct Owner: Sendable, Hashable {
  public enum Status: String, Sendable, Hashable, CaseIterable {
    case active, disabled, deleted, departed
  }

  /// What tags, and platforms elsewhere (`github:acme`), call it; the first is the name it is listed
  /// by.
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
  /// Owners elsewhere, such as `github:acme`, by names in lower case: no platform tells two apart
  /// that differ in case.
  private let elsewhere: [String: Owner]
  private let platforms: Set<Substring>

  /// - Parameter owners: no two with a common name.
  public init(_ owners: [Owner]) {
    self.owners = owners
    let named = owners.flatMap { owner in owner.names.map { ($0, owner) } }
    byName = Dictionary(named) { first, _ in first }
    elsewhere = Dictionary(
      named.filter { $0.0.contains(":") }.map { ($0.0.lowercased(), $0.1) }
    ) { first, _ in first }
    platforms = Set(elsewhere.keys.map { $0.prefix { $0 != ":" } })
  }

  /// `nil` for a name that the file does not have.
  subscript(name: String) -> Owner? { byName[name] }

  /// Whether somebody elsewhere, such as `github:acme`, is the tenant's own. A file that names one
  /// of a platform names all; of one that names none, `nil` says that nobody can tell.
  func isOwn(_ party: String, at now: Timestamp) -> Bool? {
    let party = party.lowercased()
    guard platforms.contains(party.prefix { $0 != ":" }) else { return nil }
    return elsewhere[party].map { $0.absence(at: now) == nil } ?? false
  }

  /// When time alone makes a stranger of the next one elsewhere.
  func nextStranger(after now: Timestamp) -> Timestamp? {
    elsewhere.values.compactMap(\.end).filter { $0 > now }.min()
  }
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
