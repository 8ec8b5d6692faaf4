internal import Model
internal import Synchronization

/// A system, with what decides who may act on it.
struct SystemEntry: Sendable {
  let id: String
  /// What its own policies allow somebody.
  let grants: [Statement]
  /// By type of resource of its service: whether it is one, and whether what is in it is.
  fileprivate let isOfType: [Bool]
  fileprivate let holdsType: [Bool]

  init(_ id: String, _ policies: [HeldPolicy], _ service: ServiceActions) {
    self.id = id
    grants = policies.flatMap { $0.compiled?.statements ?? [] }.filter { $0.effect == .allow }
    isOfType = service.types.map { $0.matches(id) }
    holdsType = service.types.map { $0.matches(id + "/*") }
  }

  /// What an action is taken on: the system, or what is in it, as objects are in a bucket; `nil`
  /// where it is about neither.
  func resource(of action: ServiceActions.Action) -> String? {
    if action.types.contains(where: { isOfType[$0] }) { return id }
    // A bucket's name fits the pattern of an object's only by its slash.
    return action.types.contains { holdsType[$0] } ? id + "/*" : nil
  }
}

/// A service's actions, the highest level first, and the types of resources that they act on.
struct ServiceActions: Sendable {
  struct Action: Sendable {
    let name: String
    let level: AccessLevel
    fileprivate let spelled: [UInt8]
    fileprivate let types: [Int]
  }

  let actions: [Action]
  fileprivate let types: [Pattern]

  private static let known = Mutex<[String: ServiceActions]>([:])

  /// The table's, read once.
  static func of(_ service: String) -> ServiceActions {
    known.withLock { known in
      if let actions = known[service] { return actions }
      let actions = ServiceActions(service)
      known[service] = actions
      return actions
    }
  }

  private init(_ service: String) {
    var places: [String: Int] = [:]
    var types: [Pattern] = []
    actions = ActionTable.aws.actions(of: service).reversed().map { action in
      let numbers = action.resources.map { text in
        if let place = places[text] { return place }
        places[text] = types.count
        types.append(Pattern(text))
        return types.count - 1
      }
      return Action(
        name: action.name, level: action.level, spelled: Array(action.name.lowercased().utf8),
        types: numbers)
    }
    self.types = types
  }

  /// The types of the given systems, and of what is in them, as all there are in an account.
  func kinds(of entries: [SystemEntry], partition: String, account: String) -> [Int: String] {
    var kinds: [Int: String] = [:]
    for (number, type) in types.enumerated()
    where entries.contains(where: { $0.isOfType[number] || $0.holdsType[number] }) {
      guard var parts = ARN(type.text)?.components else { continue }
      parts[1] = partition
      if parts[4] == "*" { parts[4] = account }
      kinds[number] = parts.joined(separator: ":")
    }
    return kinds
  }
}

extension ServiceActions.Action {
  /// Of the given kinds, the one that it acts on.
  func kind(_ kinds: [Int: String]) -> String? { types.lazy.compactMap { kinds[$0] }.first }

  func isNamed(by statements: [Statement], in context: RequestContext) -> Bool {
    statements.contains { $0.actions.decision(for: spelled, in: context).isPossible }
  }
}

/// Systems with a data domain, by what finds them.
struct SystemIndex: Sendable {
  let holdings: DataHoldings
  /// By account and service, in order of ids.
  private(set) var entries: [String: [String: [SystemEntry]]] = [:]
  /// By principal or account that a policy of the system names.
  private var named: [String: [SystemEntry]] = [:]
  /// Those whose policies are about everybody, maybe with conditions.
  private(set) var open: [SystemEntry] = []

  private typealias Found = (account: String, service: String, entry: SystemEntry)

  /// - Parameter policies: everything that lets somebody use a system, beside its own policies.
  init(_ graph: Graph, policies: @Sendable (String) -> [HeldPolicy]) {
    holdings = DataHoldings(graph)
    let found = holdings.systems.parallelCompactMap { node -> Found? in
      let id = node.id
      guard let arn = ARN(id), let account = node.state("account")?.string else { return nil }
      return (
        account, arn.service, SystemEntry(id, policies(id), ServiceActions.of(arn.service))
      )
    }
    for (account, service, entry) in found {
      entries[account, default: [:]][service, default: []].append(entry)
      let principals = Set(entry.grants.flatMap(\.principals))
      for principal in principals {
        switch principal {
        case .arn(let text): named[Self.holder(text), default: []].append(entry)
        case .account(let id) where id != account: named[id, default: []].append(entry)
        case .account, .everyone, .service, .federated, .nobody: break
        }
      }
      if principals.contains(.everyone) || entry.grants.contains(where: \.excludesPrincipals) {
        open.append(entry)
      }
    }
    entries = entries.mapValues { services in
      services.mapValues { list in list.sorted { $0.id.precedes($1.id) } }
    }
  }

  /// Systems of any account whose own policies name a principal or its account.
  func entries(naming source: Principal) -> [SystemEntry] {
    named.isEmpty
      ? [] : (named[Self.holder(source.arn)] ?? []) + (named[source.account] ?? [])
  }

  /// A role and its sessions are one holder, whatever the role's path.
  private static func holder(_ text: String) -> String {
    guard let arn = ARN(text) else { return text }
    let parts = arn.resource.split(separator: "/")
    switch (arn.service, parts.first) {
    case ("sts", "assumed-role"?) where parts.count > 1: return "\(arn.account) \(parts[1])"
    case ("iam", "role"?): return "\(arn.account) \(parts.last ?? "")"
    default: return text
    }
  }

  /// Systems of an account and a service that a pattern is about, itself or for what is in them.
  func entries(
    _ account: String, _ service: String, named pattern: Pattern, in context: RequestContext
  ) -> [SystemEntry] {
    let list = entries[account]?[service] ?? []
    let prefix = Array(pattern.text.utf8.prefix { !"*?$".utf8.contains($0) })
    let matching = list[list.firstIndex(atOrAfter: prefix)...]
      .prefix { $0.id.utf8.starts(with: prefix) }
      .filter { pattern.decision(for: Array($0.id.utf8), in: context).isPossible }
    guard let container = pattern.container else { return Array(matching) }
    return matching + entries(account, service, named: container, in: context)
  }
}

extension Pattern {
  /// Of a pattern for objects, that of their bucket: `arn:aws:s3:::b-*/logs/*` is about `b-*`.
  var container: Pattern? {
    guard text.contains(":s3:::"), let slash = text.firstIndex(of: "/") else { return nil }
    return Pattern(String(text[..<slash]), withVariables: true)
  }
}

extension [SystemEntry] {
  fileprivate func firstIndex(atOrAfter prefix: [UInt8]) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].id.utf8.lexicographicallyPrecedes(prefix) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}

/// What is made when it is first asked for, and kept.
final class Lazily<Value: Sendable>: Sendable {
  private let known = Mutex<Value?>(nil)

  func value(_ make: () -> Value) -> Value {
    known.withLock { known in
      let value = known ?? make()
      known = value
      return value
    }
  }
}

/// What was found of each of many, asked for once, or twice at the same time.
final class Memo<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let known = Mutex<[Key: Value]>([:])

  func value(of key: Key, _ find: () -> Value) -> Value {
    if let value = known.withLock({ $0[key] }) { return value }
    let value = find()
    known.withLock { $0[key] = value }
    return value
  }
}
