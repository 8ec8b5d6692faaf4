/// # AWSConnector
///
/// Reads one AWS account: identities, policies, organization, functions. Metadata only, and only
/// the calls that `Catalog.swift` lists.
///
/// | file | what |
/// |---|---|
/// | `AWS.swift` | the connector and how a dispatch becomes work |
/// | `Settings.swift` | a connection's settings |
/// | `Authentication.swift` | a connection's credentials: which strategy, checked for the account |
/// | `EnvironmentCredentials.swift`, `AssumeRole.swift` | the strategies |
/// | `Services.swift` | endpoints, protocols, versions, rates as data |
/// | `Catalog.swift` | operations and collections as data |
/// | `Extractor.swift` | collections that take more than one listing |
/// | `Client.swift`, `Answer.swift` | one call: signing, errors, renewal, clock |
/// | `Redaction.swift` | what is never published |
/// | `Normalizer.swift` | records to graph assertions: pure |
///
/// To add a collection that is one listing, add its operation and one `AWSUnit.listing` to
/// `Catalog.swift`: name, operation, where the items and their key are.
///
/// ```swift
/// let worker = ExtractionWorker(
///   connector: AWSConnector(), transport: transport, producer: producer, now: now,
///   random: random, log: log)
/// ```
///
/// Limits: 64 MiB an answer, 10,000 pages a listing, eight attempts and five minutes a call.
public import Authentication
public import Extraction
public import Model

/// The connector for Amazon Web Services, commercial partition.
public struct AWSConnector: Connector {
  public let platform = Platform.aws
  public let version = "aws/1"
  private let secrets: SecretResolver

  /// - Parameter secrets: reads what the credentials refer to, where the worker runs.
  public init(secrets: SecretResolver = .process) {
    self.secrets = secrets
  }

  public var catalog: Extraction.Catalog {
    Extraction.Catalog(
      collections: AWSUnit.all.flatMap(\.collections),
      authentication: [AWSOperation.assumeRole, .getCallerIdentity].map(\.description))
  }

  public var normalizer: any Normalizer { AWSNormalizer() }

  public func problems(settings: JSON, credentials: JSON) -> [ConfigurationProblem] {
    AWSSettings.read(settings, account: nil).problems + AWSCredentials.read(credentials).problems
  }

  public func prepare(
    _ dispatch: Dispatch, in context: AttemptContext
  ) throws(ConfigurationError) -> PreparedScan {
    let (settings, problems) = AWSSettings.read(dispatch.settings, account: dispatch.scope.account)
    var (credentials, others) = AWSCredentials.read(dispatch.credentials)
    others = problems + others
    if credentials != nil, let settings {
      credentials?.complete(for: dispatch, settings, problems: &others)
    }
    guard let settings, let credentials, others.isEmpty else {
      throw ConfigurationError(others)
    }
    let selection = CollectionSelection(dispatch.collections)
    let base = AWSClient(context: context, endpoint: settings.endpoint, credentials: nil)
    let cache = CredentialCache(
      credentials.strategy(secrets: secrets, client: base), now: context.surroundings.now)
    let scan = AWSScan(
      account: dispatch.scope.account, client: base.using(cache))
    let units = AWSUnit.all.flatMap { $0.instances(settings.regions, selection, scan) }
    guard !units.isEmpty else {
      throw ConfigurationError([
        ConfigurationProblem(
          key: "collections", message: "none that was asked for exists; see the catalog")
      ])
    }
    return PreparedScan(
      authenticate: { log in try await scan.verifyAccount(log, credentials.stsRegion) },
      units: units)
  }
}
