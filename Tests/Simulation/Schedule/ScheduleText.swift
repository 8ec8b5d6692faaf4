// A schedule as one line: parts divided by `;`, words by blanks.
//
//   seed 42; world accounts=2 loaders=2; at 1200 scan 0 *; at 4000 crash loader-1;
//   fault loader-1 transaction 17 unanswered

extension Schedule: CustomStringConvertible {
  public var description: String {
    let usual = World()
    let settings = World.settings.filter { world[keyPath: $0.path] != usual[keyPath: $0.path] }
      .map { " \($0.name)=\(world[keyPath: $0.path])" }
    var parts = ["seed \(seed)"]
    if !settings.isEmpty { parts.append("world" + settings.joined()) }
    parts += actions.map { "at \($0.at) \($0.action)" }
    parts += faults.map {
      "fault \($0.point.process) \($0.point.call.rawValue) \($0.point.number) \($0.fault.rawValue)"
    }
    return parts.joined(separator: "; ")
  }

  /// Reads what `description` writes.
  ///
  /// - Throws: `ScheduleError`, naming the part that cannot be read.
  public init(_ text: String) throws(ScheduleError) {
    self.init(seed: 0)
    for part in text.split(separator: ";") {
      let words = part.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
      guard let first = words.first else { continue }
      let isRead =
        switch first {
        case "seed": readSeed(words)
        case "world": readWorld(words)
        case "at": readAction(words)
        case "fault": readFault(words)
        default: false
        }
      guard isRead else { throw ScheduleError(part: String(part)) }
    }
  }

  private mutating func readSeed(_ words: [String]) -> Bool {
    guard words.count == 2, let seed = UInt64(words[1]) else { return false }
    self.seed = seed
    return true
  }

  private mutating func readWorld(_ words: [String]) -> Bool {
    for word in words.dropFirst() {
      let sides = word.split(separator: "=")
      guard sides.count == 2, let value = Int(sides[1]),
        let setting = World.settings.first(where: { $0.name == sides[0] })
      else { return false }
      world[keyPath: setting.path] = value
    }
    return true
  }

  private mutating func readAction(_ words: [String]) -> Bool {
    guard words.count > 2, let at = Int(words[1]), let action = Action(Array(words.dropFirst(2)))
    else { return false }
    actions.append(Timed(at, action))
    return true
  }

  private mutating func readFault(_ words: [String]) -> Bool {
    guard words.count == 5, let call = Call(rawValue: words[2]), let number = Int(words[3]),
      let fault = CallFault(rawValue: words[4])
    else { return false }
    faults.append(
      PlannedFault(CallPoint(process: words[1], call: call, number: number), fault))
    return true
  }
}

/// A schedule's text has a part that means nothing.
public struct ScheduleError: Error, CustomStringConvertible {
  public var part: String

  public var description: String {
    "The schedule has a part that cannot be read: \"\(part)\". Paste the line as soak printed it."
  }
}

extension Action: CustomStringConvertible {
  public var description: String { words.joined(separator: " ") }

  private var words: [String] {
    switch self {
    case .crash(let process): ["crash", process]
    case .pause(let process, let time): ["pause", process, "\(time)"]
    case .stop(let process): ["stop", process]
    case .evict(let process): ["evict", process]
    case .replace(let process, let time): ["replace", process, "\(time)"]
    case .crashDatabase: ["crash-database"]
    case .rebalance(let group): ["rebalance", group]
    case .forget(let topic, let share): ["forget", topic, "\(share)"]
    case .recreate(let topic): ["recreate", topic]
    case .scan(let tenant, let account):
      ["scan", "\(tenant)", account.map { "\($0)" } ?? "*"]
    case .repeatScan(let scan): ["repeat-scan", "\(scan)"]
    case .cancel(let scan): ["cancel", "\(scan)"]
    case .retire(let tenant, let account, let collection):
      ["retire", "\(tenant)", "\(account)", collection ?? "*"]
    case .decide(let tenant, let account, let collection, let confirmed):
      [confirmed ? "confirm" : "reject", "\(tenant)", "\(account)", collection]
    case .release(let tenant, let account):
      ["release", "\(tenant)", account.map { "\($0)" } ?? "*"]
    case .suppress(let tenant, let finding, let hours):
      ["suppress", "\(tenant)", "\(finding)", "\(hours)"]
    case .replay(let tenant, let account): ["replay", "\(tenant)", "\(account)"]
    case .list(let tenant, let account, let isListed):
      [isListed ? "list" : "unlist", "\(tenant)", "\(account)"]
    case .put(let tenant, let account, let collection, let object, let isMalformed):
      [isMalformed ? "malform" : "put", "\(tenant)", "\(account)", collection, "\(object)"]
    case .remove(let tenant, let account, let collection, let object):
      ["remove", "\(tenant)", "\(account)", collection, "\(object)"]
    case .fill(let tenant, let account, let collection, let count):
      ["fill", "\(tenant)", "\(account)", collection, "\(count)"]
    case .trouble(let tenant, let account, let collection, let kind):
      ["trouble", "\(tenant)", "\(account)", collection, kind]
    case .repeatObject(let tenant, let account, let collection):
      ["repeat-object", "\(tenant)", "\(account)", collection]
    case .expireTokens(let tenant, let account): ["expire-tokens", "\(tenant)", "\(account)"]
    case .jump(let hours): ["jump", "\(hours)"]
    }
  }

  init?(_ words: [String]) {
    let numbers = words.dropFirst().map { Int($0) }
    func number(_ index: Int) -> Int? { index < numbers.count ? numbers[index] : nil }
    func word(_ index: Int) -> String? { index + 1 < words.count ? words[index + 1] : nil }
    let action: Action? =
      switch words.first {
      case "crash": word(0).map { .crash($0) }
      case "stop": word(0).map { .stop($0) }
      case "evict": word(0).map { .evict($0) }
      case "crash-database": .crashDatabase
      case "rebalance": word(0).map { .rebalance($0) }
      case "recreate": word(0).map { .recreate($0) }
      case "repeat-scan": number(0).map { .repeatScan($0) }
      case "cancel": number(0).map { .cancel($0) }
      case "jump": number(0).map { .jump($0) }
      case "pause": word(0).flatMap { name in number(1).map { .pause(name, $0) } }
      case "replace": word(0).flatMap { name in number(1).map { .replace(name, $0) } }
      case "forget": word(0).flatMap { name in number(1).map { .forget(name, $0) } }
      case "scan": number(0).map { .scan(tenant: $0, account: number(1)) }
      case "release": number(0).map { .release(tenant: $0, account: number(1)) }
      case "suppress":
        number(0).flatMap { tenant in
          number(1).flatMap { finding in
            number(2).map { .suppress(tenant: tenant, finding: finding, hours: $0) }
          }
        }
      default: number(0).flatMap { tenant in Self.placed(words, tenant, number, word) }
      }
    guard let action else { return nil }
    self = action
  }

  /// Actions in one account.
  private static func placed(
    _ words: [String], _ tenant: Int, _ number: (Int) -> Int?, _ word: (Int) -> String?
  ) -> Action? {
    guard let account = number(1) else { return nil }
    switch words[0] {
    case "list", "unlist":
      return .list(tenant: tenant, account: account, isListed: words[0] == "list")
    case "replay": return .replay(tenant: tenant, account: account)
    case "expire-tokens": return .expireTokens(tenant: tenant, account: account)
    default: break
    }
    guard let collection = word(2) else { return nil }
    switch words[0] {
    case "retire":
      return .retire(
        tenant: tenant, account: account, collection: collection == "*" ? nil : collection)
    case "confirm", "reject":
      return .decide(
        tenant: tenant, account: account, collection: collection,
        confirmed: words[0] == "confirm")
    case "repeat-object":
      return .repeatObject(tenant: tenant, account: account, collection: collection)
    case "trouble":
      return word(3).map {
        .trouble(tenant: tenant, account: account, collection: collection, kind: $0)
      }
    default: break
    }
    guard let count = number(3) else { return nil }
    switch words[0] {
    case "put", "malform":
      return .put(
        tenant: tenant, account: account, collection: collection, object: count,
        isMalformed: words[0] == "malform")
    case "remove":
      return .remove(tenant: tenant, account: account, collection: collection, object: count)
    case "fill":
      return .fill(tenant: tenant, account: account, collection: collection, count: count)
    default: return nil
    }
  }
}
