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
    let (own, within) = (Array(id.utf8), Array("\(id)/*".utf8))
    isOfType = service.types.map { $0.matches(own) }
    holdsType = service.types.map { $0.matches(within) }
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
  fileprivate func kinds(
    of entries: [SystemEntry], partition: String, account: String
  ) -> [Int: String] {
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

/// A system of a type that may hold data: what it holds, and who may act on it by its own policies.
struct SystemFacts: Sendable, Equatable {
  let id: String
  let account: String?
  let holdings: [Hop]
  /// `nil` where it holds nothing, or nobody knows whose it is.
  let entry: SystemEntry?

  init(_ node: GraphNode, _ type: DataClassifier.SystemType, in semantics: AWSSemantics) {
    id = node.id
    holdings = DataHoldings.hops(of: node, type, in: semantics.graph)
    account = holdings.isEmpty ? nil : node.state("account")?.string
    guard account != nil, let service = ARN(node.id)?.service else {
      entry = nil
      return
    }
    let grants = service == "kms" ? semantics.keyGrants(of: node.id) : []
    entry = SystemEntry(
      node.id, semantics.shelf.policies(governing: node) + grants, ServiceActions.of(service))
  }

  /// Those whose policies are about everybody, maybe with conditions.
  var isOpen: Bool {
    (entry?.grants ?? []).contains { $0.principals.contains(.everyone) || $0.excludesPrincipals }
  }

  /// Principals and other accounts that its policies name, as the index knows them.
  var namedHolders: [String] {
    Set((entry?.grants ?? []).flatMap(\.principals)).compactMap { principal in
      switch principal {
      case .arn(let text): SystemIndex.holder(text)
      case .account(let id) where id != account: id
      case .account, .everyone, .service, .federated, .nobody: nil
      }
    }
  }

  /// What whoever reads it depends on.
  var cells: [Cell] {
    let holders = namedHolders + (isOpen ? [""] : []) + (entry == nil ? [] : [account ?? ""])
    return [Cell(.system, id)] + holders.map { Cell(.systems, $0) }
  }

  /// Policies that allow something are not compared.
  static func == (left: Self, right: Self) -> Bool {
    left.id == right.id && left.account == right.account && left.holdings == right.holdings
      && (left.entry == nil) == (right.entry == nil)
      && (left.entry?.grants ?? []).isEmpty && (right.entry?.grants ?? []).isEmpty
  }
}

/// What an account has of a service.
final class ServiceSystems: Sendable {
  let service: String
  /// In order of ids.
  let entries: [SystemEntry]
  let actions: [ServiceActions.Action]
  /// By type of resource, all there are of it in the account, as a request names them.
  let kinds: [Int: String]
  let kindNames: [[UInt8]]

  fileprivate init(_ service: String, _ entries: [SystemEntry], account: String) {
    let table = ServiceActions.of(service)
    self.service = service
    self.entries = entries.sorted { $0.id.precedes($1.id) }
    actions = table.actions
    kinds = table.kinds(
      of: entries, partition: entries.first.flatMap { ARN($0.id)?.partition } ?? "aws",
      account: account)
    kindNames = kinds.values.map { Array($0.utf8) }
  }

  /// Those that a pattern is about, themselves or for what is in them.
  func entries(named pattern: Pattern, in context: RequestContext) -> [SystemEntry] {
    let prefix = Array(pattern.text.utf8.prefix { !"*?$".utf8.contains($0) })
    let matching = entries[entries.firstIndex(atOrAfter: prefix)...]
      .prefix { $0.id.utf8.starts(with: prefix) }
      .filter { pattern.decision(for: Array($0.id.utf8), in: context).isPossible }
    guard let container = pattern.container else { return Array(matching) }
    return matching + entries(named: container, in: context)
  }
}

/// Systems with a data domain, by what finds them.
final class SystemIndex: Sendable {
  let holdings: DataHoldings
  /// By account, in order of services.
  private let services: [String: [ServiceSystems]]
  /// By principal or account that a policy of the system names.
  private let named: [String: [SystemEntry]]
  /// Those whose policies are about everybody, maybe with conditions.
  private let open: [SystemEntry]

  init(_ facts: [SystemFacts]) {
    var entries: [String: [String: [SystemEntry]]] = [:]
    var named: [String: [SystemEntry]] = [:]
    var open: [SystemEntry] = []
    for system in facts {
      guard let entry = system.entry, let account = system.account,
        let service = ARN(system.id)?.service
      else { continue }
      entries[account, default: [:]][service, default: []].append(entry)
      for holder in system.namedHolders { named[holder, default: []].append(entry) }
      if system.isOpen { open.append(entry) }
    }
    holdings = DataHoldings(facts)
    services = Dictionary(
      uniqueKeysWithValues: Array(entries).parallelMap { account, services in
        let all = services.map { ServiceSystems($0.key, $0.value, account: account) }
        return (account, all.sorted { $0.service.precedes($1.service) })
      })
    (self.named, self.open) = (named, open)
  }

  /// An account's systems, in order of services.
  func services(of account: String) -> [ServiceSystems] {
    Reads.note(.systems, account)
    return services[account] ?? []
  }

  /// Systems of any account whose own policies name a principal, its account or everybody.
  func entries(naming source: Principal) -> [SystemEntry] {
    guard !named.isEmpty || Reads.isRecording else { return open }
    let holder = Self.holder(source.arn)
    for name in [holder, source.account, ""] { Reads.note(.systems, name) }
    return (named[holder] ?? []) + (named[source.account] ?? []) + open
  }

  /// A role and its sessions are one holder, whatever the role's path.
  fileprivate static func holder(_ text: String) -> String {
    guard let arn = ARN(text) else { return text }
    let parts = arn.resource.split(separator: "/")
    switch (arn.service, parts.first) {
    case ("sts", "assumed-role"?) where parts.count > 1: return "\(arn.account) \(parts[1])"
    case ("iam", "role"?): return "\(arn.account) \(parts.last ?? "")"
    default: return text
    }
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

/// What is made when it is first asked for, and kept. Whoever asks depends on what it was made from.
final class Lazily<Value: Sendable>: Sendable {
  private final class Made: Sendable {
    let value: Value
    let cells: [Cell]

    init(_ value: Value, _ cells: [Cell]) { (self.value, self.cells) = (value, cells) }
  }

  /// Apart, because what was made without recording does not say what it depends on.
  private let recorded = AtomicLazyReference<Made>()
  private let unrecorded = AtomicLazyReference<Made>()
  /// So that nobody makes it twice.
  private let making = Mutex(())

  /// What is there before anybody asks: who depends on what of it is noted elsewhere.
  func fill(_ value: Value) { _ = recorded.storeIfNil(Made(value, [])) }

  func value(_ make: () -> Value) -> Value {
    if let made { return noted(made) }
    return making.withLock { _ in
      if let made { return noted(made) }
      let isRecording = Reads.isRecording
      let (value, cells) = Reads.recorded(if: isRecording, make)
      let made = Made(value, cells)
      return isRecording ? recorded.storeIfNil(made).value : unrecorded.storeIfNil(made).value
    }
  }

  private var made: Made? { recorded.load() ?? (Reads.isRecording ? nil : unrecorded.load()) }

  private func noted(_ made: Made) -> Value {
    Reads.note(made.cells)
    return made.value
  }
}

/// What was found of each of many, asked for once, or twice at the same time.
///
/// Whoever asks depends on what the answer was made from, also where somebody else asked first.
final class Memo<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  /// `nil` where nothing was recorded.
  private typealias Found = (value: Value, cells: [Cell]?)

  private let known: Mutex<[Key: Found]>

  init() { known = Mutex([:]) }

  /// Begins with what an earlier one found, as far as it still holds.
  init(_ rework: Rework, after earlier: Memo?) {
    let found = rework.change == nil ? [] : earlier?.all ?? []
    let isStale = found.parallelMap { rework.isStale($0.1.cells) }
    known = Mutex(
      Dictionary(
        uniqueKeysWithValues: zip(found, isStale).filter { !$0.1 }.map { ($0.0.0, $0.0.1) }))
  }

  private var all: [(Key, Found)] { known.withLock { $0.map { ($0.key, $0.value) } } }

  func value(of key: Key, _ find: () -> Value) -> Value {
    let isRecording = Reads.isRecording
    if let (value, cells) = known.withLock({ $0[key] }), !isRecording || cells != nil {
      Reads.note(cells ?? [])
      return value
    }
    let (value, cells) = Reads.recorded(if: isRecording, find)
    known.withLock { $0[key] = (value, isRecording ? cells : nil) }
    return value
  }
}
