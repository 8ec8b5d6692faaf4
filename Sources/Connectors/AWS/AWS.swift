/// # AWSConnector
///
/// Reads one AWS account: identities, what runs as them, what starts it, what it reaches. Metadata
/// only, and only the calls of the catalog.
///
/// | file | what |
/// |---|---|
/// | `AWS.swift` | the connector and how a dispatch becomes work |
/// | `Settings.swift` | a connection's settings |
/// | `Authentication.swift` | a connection's credentials: which strategy, checked for the account |
/// | `EnvironmentCredentials.swift`, `AssumeRole.swift` | the strategies |
/// | `Services.swift`, `Operation.swift` | what a service and a call are, as data |
/// | `Listing.swift`, `Reading.swift`, `Turns.swift` | what a collection is, as data, and how it is read |
/// | `Gaps.swift` | what one object that cannot be read does to its collection |
/// | `Catalog.swift` | all collections, in units that are read together |
/// | `Services/` | a family of services each: calls, collections, what records mean |
/// | `Extractor.swift` | collections that no tree of listings describes |
/// | `Client.swift`, `Answer.swift` | one call: signing, errors, renewal, clock |
/// | `Discovery.swift` | which accounts an organization has |
/// | `Regions.swift` | which regions are switched on |
/// | `Redaction.swift`, `Definition.swift` | what is never published |
/// | `Normalizer.swift`, `Fields.swift`, `Documents.swift` | records to graph assertions: pure |
/// | `Coverage.swift`, `Exemptions.swift` | what became of each operation that was considered |
/// | `RolePolicy.swift`, `RoleTemplate.swift` | what a customer grants, and the template for it |
/// | `Reference.swift` | `docs/connectors/aws.md` |
///
/// To add a collection: its operation, an `AWSListing` with an `AWSKind`, and the function that says
/// what a record means, all in the file of its service; fixtures in `Tests`.
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
  let secrets: SecretResolver

  /// - Parameter secrets: reads what the credentials refer to, where the worker runs.
  public init(secrets: SecretResolver = .process) {
    self.secrets = secrets
  }

  public var catalog: Extraction.Catalog {
    Extraction.Catalog(
      collections: AWSUnit.all.flatMap(\.collections),
      authentication: [AWSOperation.assumeRole, .getCallerIdentity, .describeRegions]
        .map(\.description),
      coverage: AWSCoverage.all)
  }

  public var documents: [String: String] {
    [
      "deploy/aws/read-only-role.yaml": AWSRoleTemplate.text,
      "docs/connectors/aws.md": AWSReference(catalog).text,
    ]
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
      account: dispatch.scope.account, client: base.using(cache), home: credentials.stsRegion,
      tokens: dispatch.tokens, trailBucket: settings.trailBucket)
    let units = AWSUnit.all.flatMap { $0.instances(settings.regions, selection, scan) }
    guard !units.isEmpty else {
      throw ConfigurationError([
        ConfigurationProblem(
          key: "collections", message: "none that was asked for exists; see the catalog")
      ])
    }
    return PreparedScan(
      authenticate: { log in
        try await scan.verifyAccount(log, credentials.stsRegion)
        try await scan.readRegions(settings.regions, in: credentials.stsRegion, log)
      },
      units: units)
  }
}
