internal import Authentication
internal import Model

/// Reads a connection file and collects everything that is wrong with it.
struct ConnectionReader {
  private(set) var problems: [ConfigurationProblem] = []
  private let json: JSON

  init(_ json: JSON) {
    self.json = json
  }

  /// What could be read, for the connector to look at: a document only if there are no problems.
  /// `nil` when not even the platform is known.
  mutating func read() -> ConnectionDocument? {
    guard case .object(let members) = json else {
      add(
        "connection", "must be an object with tenant, connection, platform, settings, credentials")
      return nil
    }
    let known: Set = [
      "tenant", "connection", "platform", "settings", "credentials", "collections", "schedule",
    ]
    for key in members.keys.sorted(by: { $0.precedes($1) }) where !known.contains(key) {
      add(key, "is not a known key; known are \(known.sorted().joined(separator: ", "))")
    }
    let tenant = name("tenant")
    let connection = name("connection")
    let platform = members["platform"]?.string.flatMap(Platform.init(rawValue:))
    if platform == nil {
      let words = Platform.allCases.map(\.rawValue).joined(separator: ", ")
      add("platform", "must be one of \(words)")
    }
    let credentials = object("credentials", isRequired: true)
    var settings = object("settings", isRequired: true)
    let roleName = roleName(settings["roleName"], at: "settings.roleName")
    let organization = organization(settings["organization"])
    let isListed = organization == nil || settings["accounts"].map { $0 != [] } ?? false
    let accounts = isListed ? accounts(settings["accounts"]) : []
    if organization != nil {
      if isListed {
        add("settings.accounts", "must not be set beside settings.organization, which finds them")
      }
      if credentials["type"] != "assume_role" || credentials["roleArn"] != nil {
        add(
          "credentials",
          "must be of type assume_role without roleArn, to reach every account of an organization")
      }
    }
    let collections = choice()
    let schedule = schedule()
    problems += LiteralSecrets.problems(in: .object(settings), at: "settings")
    problems += LiteralSecrets.problems(in: .object(credentials), at: "credentials")
    for key in ["accounts", "roleName", "organization"] { settings[key] = nil }
    let needsRole = credentials["type"] == "assume_role" && credentials["roleArn"] == nil
    if needsRole, roleName == nil,
      organization != nil || accounts.contains(where: { $0.roleName == nil })
    {
      add("settings.roleName", "must be the name of the role to assume in every account")
    }
    var keys: Set<String> = []
    problems.removeAll { !keys.insert($0.key).inserted }
    guard let platform else { return nil }
    return ConnectionDocument(
      tenant: tenant ?? "", connection: connection ?? "", platform: platform, accounts: accounts,
      organization: organization, schedule: schedule, roleName: roleName, settings: settings,
      credentials: .object(credentials),
      collections: collections, json: json)
  }

  private mutating func add(_ key: String, _ message: String) {
    problems.append(ConfigurationProblem(key: key, message: message))
  }

  private mutating func name(_ key: String) -> String? {
    guard let text = json[key]?.string, Scope.isName(text) else {
      add(key, "must be a name of 1 to 128 of A-Z a-z 0-9 . _ - :")
      return nil
    }
    return text
  }

  private mutating func object(_ key: String, isRequired: Bool = false) -> [String: JSON] {
    switch json[key] {
    case .object(let members)?: return members
    case nil where !isRequired, .null? where !isRequired: return [:]
    default:
      add(key, "must be an object")
      return [:]
    }
  }

  private mutating func accounts(_ value: JSON?) -> [ConnectionDocument.Account] {
    let accepted = "a list of account ids, as text, or of objects with id, roleName, externalId"
    guard case .array(let elements)? = value, !elements.isEmpty else {
      add("settings.accounts", "must be \(accepted), at least one")
      return []
    }
    var accounts: [ConnectionDocument.Account] = []
    for (index, element) in elements.enumerated() {
      let key = "settings.accounts[\(index)]"
      guard let account = account(element, at: key, accepted) else { continue }
      if accounts.contains(where: { $0.id == account.id }) {
        add(key, "lists account \(account.id) a second time")
      }
      accounts.append(account)
    }
    return accounts
  }

  private mutating func organization(_ value: JSON?) -> ConnectionDocument.Organization? {
    guard let value, value != .null else { return nil }
    let at = "settings.organization"
    guard json["platform"] == "aws" else {
      add(at, "is for platform aws only; list the accounts under settings.accounts")
      return nil
    }
    var reader = ConfigurationReader(value, at: at)
    let role = reader.text(
      "discoveryRole", isRequired: true, accepted: "arn:aws:iam::<account>:role/<name>",
      where: { $0.hasPrefix("arn:aws:iam::") && $0.contains(":role/") })
    var excluded: [String] = []
    for element in reader.elements("exclude", accepted: "a list of account ids, as text") ?? [] {
      guard let id = element.string, Self.isAWSAccount(id) else {
        reader.add("must be a list of AWS account ids of 12 digits, in quotes", to: "exclude")
        continue
      }
      excluded.append(id)
    }
    reader.finish()
    problems += reader.problems
    return ConnectionDocument.Organization(discoveryRole: role ?? "", excluded: excluded)
  }

  /// Twelve digits are what AWS calls its accounts by.
  private static func isAWSAccount(_ id: String) -> Bool {
    id.utf8.count == 12 && id.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  private mutating func account(
    _ element: JSON, at key: String, _ accepted: String
  ) -> ConnectionDocument.Account? {
    var account: ConnectionDocument.Account
    switch element {
    case .string(let id): account = ConnectionDocument.Account(id: id)
    case .object(let members):
      var reader = ConfigurationReader(element, at: key)
      account = ConnectionDocument.Account(
        id: reader.text("id", isRequired: true, accepted: "an account id") ?? "",
        externalID: reader.reference("externalId") == nil
          ? nil : members["externalId"]?.string)
      account.roleName = roleName(reader.value("roleName"), at: "\(key).roleName")
      reader.finish()
      problems += reader.problems
      if account.id.isEmpty { return nil }
    default:
      add(key, "must be one of \(accepted); ids of digits need quotes")
      return nil
    }
    guard json["platform"] != "aws" || Self.isAWSAccount(account.id) else {
      add(key, "must be an AWS account id of 12 digits")
      return nil
    }
    return account
  }

  /// Source: IAM API reference, CreateRole: `[\w+=,.@-]+`, up to 64, after an optional path.
  private mutating func roleName(_ value: JSON?, at key: String) -> String? {
    guard let value, value != .null else { return nil }
    let accepted = "the name of a role, with its path if it has one, such as SecurityV0ReadOnly"
    guard let text = value.string, (1...512).contains(text.utf8.count), !text.hasPrefix("/"),
      text.utf8.allSatisfy({
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20)
          || "_+=,.@-/".utf8.contains($0)
      })
    else {
      add(key, "must be \(accepted)")
      return nil
    }
    return text
  }

  private mutating func choice() -> CollectionChoice {
    var choice = CollectionChoice(enabled: [], disabled: [])
    guard json["collections"] != nil else { return choice }
    var reader = ConfigurationReader(json["collections"] ?? .null, at: "collections")
    for (key, path) in [
      ("enable", \CollectionChoice.enabled), ("disable", \CollectionChoice.disabled),
    ] {
      let accepted = "a list of collections, or prefixes that end in *"
      for element in reader.elements(key, accepted: accepted) ?? [] {
        guard let text = element.string else {
          reader.add("must be \(accepted)", to: key)
          continue
        }
        choice[keyPath: path].append(text)
      }
    }
    reader.finish()
    problems += reader.problems
    return choice
  }

  private mutating func schedule() -> ScanSchedule? {
    guard let value = json["schedule"], value != .null else { return nil }
    var reader = ConfigurationReader(value, at: "schedule")
    let accepted = "a duration such as 90s, 30m, 24h or 7d"
    let isDuration: @Sendable (String) -> Bool = { Self.duration($0) != nil }
    let every = reader.text("every", isRequired: true, accepted: accepted, where: isDuration)
    let jitter = reader.text("jitter", accepted: accepted, where: isDuration)
    guard let period = every.flatMap(Self.duration) else {
      reader.finish()
      problems += reader.problems
      return nil
    }
    let spread = jitter.flatMap(Self.duration) ?? .zero
    if spread >= period { reader.add("must be shorter than every", to: "jitter") }
    reader.finish()
    problems += reader.problems
    return ScanSchedule(every: period, jitter: spread)
  }

  private static func duration(_ text: String) -> Duration? {
    let seconds: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ seconds[$0] }), let amount = Int64(text.dropLast()),
      (1...1_000_000).contains(amount)
    else { return nil }
    return .seconds(amount * unit)
  }
}
