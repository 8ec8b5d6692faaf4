public import Authentication
public import Model

/// What a platform's connector has to say about a connection file.
public struct ConnectionRules: Sendable {
  public var collections: [OfferedCollection]
  /// What is wrong with `settings` and `credentials` as an extractor receives them.
  public var problems: @Sendable (_ settings: JSON, _ credentials: JSON) -> [ConfigurationProblem]

  public init(
    collections: [OfferedCollection],
    problems: @escaping @Sendable (_ settings: JSON, _ credentials: JSON) -> [ConfigurationProblem]
  ) {
    self.collections = collections
    self.problems = problems
  }
}

/// A connection file: one configured access of a tenant to a platform.
///
/// ```yaml
/// tenant: acme
/// connection: aws-prod
/// platform: aws
/// settings:
///   accounts: ["111122223333", {id: "444455556666", roleName: Other, externalId: "env:OTHER"}]
///   roleName: SecurityV0ReadOnly
///   regions: [eu-west-1]
/// credentials: {type: assume_role, externalId: "env:ACME_EXTERNAL_ID", base: {type: environment}}
/// collections: {enable: [], disable: []}
/// ```
///
/// `settings` and `credentials` are the connector's, apart from `accounts` and `roleName`, which
/// say what there is to scan and are worked in when a run is dispatched (`dispatch(for:)`).
public struct ConnectionDocument: Sendable, Equatable {
  public let tenant: String
  public let connection: String
  public let platform: Platform
  let accounts: [Account]
  let roleName: String?
  let settings: [String: JSON]
  let credentials: JSON
  let collections: CollectionChoice
  /// The file as JSON, as it is stored.
  public let json: JSON

  struct Account: Sendable, Equatable {
    var id: String
    var roleName: String?
    var externalID: String?
  }

  /// - Throws: everything that is wrong, but for what only the connector knows.
  public init(_ json: JSON) throws(ConfigurationError) {
    var file = ConnectionReader(json)
    guard let document = file.read(), file.problems.isEmpty else {
      throw ConfigurationError(file.problems)
    }
    self = document
  }

  init(
    tenant: String, connection: String, platform: Platform, accounts: [Account],
    roleName: String?, settings: [String: JSON], credentials: JSON, collections: CollectionChoice,
    json: JSON
  ) {
    self.tenant = tenant
    self.connection = connection
    self.platform = platform
    self.accounts = accounts
    self.roleName = roleName
    self.settings = settings
    self.credentials = credentials
    self.collections = collections
    self.json = json
  }

  /// Everything that is wrong with a connection file, each with its key and what is accepted.
  public static func problems(
    in json: JSON, rules: [Platform: ConnectionRules]
  ) -> [ConfigurationProblem] {
    var file = ConnectionReader(json)
    guard let document = file.read(), let rules = rules[document.platform] else {
      return file.problems
    }
    var problems = file.problems
    for (key, patterns) in [
      ("enable", document.collections.enabled), ("disable", document.collections.disabled),
    ] {
      for (index, pattern) in patterns.enumerated()
      where !rules.collections.contains(where: {
        CollectionChoice.coversAllRegions(pattern, of: $0.name)
      }) {
        let known = rules.collections.map(\.name).sorted { $0.precedes($1) }
          .joined(separator: ", ")
        problems.append(
          ConfigurationProblem(
            key: "collections.\(key)[\(index)]",
            message: "must be a collection or a prefix that ends in *, without a region; "
              + "collections are \(known)"))
      }
    }
    // Also without an account that can be used, so that the rest is not found out one by one.
    let accounts = document.accounts.isEmpty ? [Account(id: "000000000000")] : document.accounts
    for account in accounts {
      let dispatched = document.dispatch(for: account)
      problems += rules.problems(dispatched.settings, dispatched.credentials)
    }
    var keys: Set<String> = []
    return problems.filter { keys.insert($0.key).inserted }
  }

  /// Accounts that a request means: all that are listed when it names none.
  func accounts(asked: [String]) throws(Refusal) -> [Account] {
    guard !asked.isEmpty else { return accounts }
    var found: [Account] = []
    for id in asked {
      guard let account = accounts.first(where: { $0.id == id }) else {
        throw Refusal("account \(id) is not one of the connection's settings.accounts")
      }
      if !found.contains(account) { found.append(account) }
    }
    return found
  }

  /// What an extractor needs for one account: settings without what is not about it, and
  /// credentials that name its role.
  func dispatch(for account: Account) -> (settings: JSON, credentials: JSON) {
    guard case .object(var members) = credentials, members["type"]?.string == "assume_role" else {
      return (.object(settings), credentials)
    }
    if let externalID = account.externalID { members["externalId"] = .string(externalID) }
    if let roleName = account.roleName ?? (members["roleArn"] == nil ? roleName : nil) {
      members["roleArn"] = .string("arn:aws:iam::\(account.id):role/\(roleName)")
    }
    return (.object(settings), .object(members))
  }
}
