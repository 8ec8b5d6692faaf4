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
/// `settings` and `credentials` are the connector's, apart from `accounts`, `organization` and
/// `roleName`, which say what there is to scan and are worked in when a run is dispatched
/// (`dispatch(for:)`). Instead of `accounts`,
/// `organization: {discoveryRole: ARN, exclude: [IDS]}` means all accounts of the organization as
/// that role lists them when a scan is admitted.
public struct ConnectionDocument: Sendable, Equatable {
  public let tenant: String
  public let connection: String
  public let platform: Platform
  let accounts: [Account]
  /// Whose accounts are listed when a scan is admitted, instead of `accounts`.
  let organization: Organization?
  let schedule: ScanSchedule?
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

  struct Organization: Sendable, Equatable {
    var discoveryRole: String
    var excluded: [String]
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
    organization: Organization?, schedule: ScanSchedule?, roleName: String?,
    settings: [String: JSON], credentials: JSON, collections: CollectionChoice,
    json: JSON
  ) {
    self.tenant = tenant
    self.connection = connection
    self.platform = platform
    self.accounts = accounts
    self.organization = organization
    self.schedule = schedule
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

  /// Accounts that a request means: all there are when it names none.
  ///
  /// - Parameter discovered: the organization's, where the connection has one.
  func accounts(
    asked: [String], discovered: [DiscoveredAccount]
  ) throws(Refusal) -> [DiscoveredAccount] {
    let excluded = Set(organization?.excluded ?? [])
    let all =
      organization == nil
      ? accounts.map { DiscoveredAccount(id: $0.id) }
      : discovered.filter { !excluded.contains($0.id) }
    guard !asked.isEmpty else { return all }
    var found: [DiscoveredAccount] = []
    for id in asked {
      guard let account = all.first(where: { $0.id == id }) else { throw unknown(id) }
      if !found.contains(account) { found.append(account) }
    }
    return found
  }

  /// The account to dispatch a run for; one of an organization needs no entry of its own.
  func account(_ id: String) throws(Refusal) -> Account {
    if let organization, !organization.excluded.contains(id) { return Account(id: id) }
    guard let account = accounts.first(where: { $0.id == id }) else { throw unknown(id) }
    return account
  }

  private func unknown(_ id: String) -> Refusal {
    Refusal(
      organization == nil
        ? "account \(id) is not one of the connection's settings.accounts"
        : "account \(id) is not in the connection's organization, or excluded from it")
  }

  /// What listing the organization's accounts needs: the credentials name its role.
  func discovery(in organization: Organization) -> (settings: JSON, credentials: JSON) {
    guard case .object(var members) = credentials else { return (.object(settings), credentials) }
    members["roleArn"] = .string(organization.discoveryRole)
    return (.object(settings), .object(members))
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
