internal import Authentication
public import Extraction
internal import JSONReader
public import Model

extension AWSConnector: AccountDiscovery {
  /// Source: Organizations API reference, `Account`: `State` has taken the place of `Status`, which
  /// answers that are older than September 2026 have alone.
  public func accounts(
    settings: JSON, credentials: JSON, in context: AttemptContext
  ) async throws -> [DiscoveredAccount] {
    let (settings, problems) = AWSSettings.read(settings, account: nil)
    let (credentials, others) = AWSCredentials.read(credentials)
    guard let settings, let credentials else { throw ConfigurationError(problems + others) }
    let base = AWSClient(context: context, endpoint: settings.endpoint, credentials: nil)
    let cache = CredentialCache(
      credentials.strategy(secrets: secrets, client: base), now: context.surroundings.now)
    var accounts: [DiscoveredAccount] = []
    try await base.using(cache).pages(.listAccounts, logs: []) { answer in
      for account in try answer.result.array(at: "Accounts") {
        let id = try account.string(at: "Id")
        guard AWSSettings.isAccount(id) else {
          throw CollectionFailure(.failed, "organizations:ListAccounts names no account ids.")
        }
        let state =
          try account.optionalString(at: "State") ?? account.optionalString(at: "Status")
          ?? Self.active
        accounts.append(DiscoveredAccount(id: id, obstacle: Self.obstacle(of: state)))
      }
    }
    return accounts
  }

  private static let active = "ACTIVE"

  private static func obstacle(of state: String) -> String? {
    switch state {
    case active: nil
    case "SUSPENDED": "suspended"
    case "CLOSED": "closed"
    case "PENDING_CLOSURE": "about to be closed"
    case "PENDING_ACTIVATION": "not activated yet"
    default: "in a state that is not known here"
    }
  }
}
