internal import Authentication
internal import Extraction
internal import JSONReader
internal import Model

/// A connection's `credentials`: which strategy, on top of which.
///
/// ```
/// {"type": "environment"}
/// {"type": "assume_role", "externalId": "env:NAME", "base": {"type": "environment"}}
/// ```
struct AWSCredentials: Sendable, Equatable {
  /// The deepest nesting of `base`.
  static let maximumChain = 4

  /// Applied to the environment's credentials in order; the first is the innermost.
  var roles: [AssumeRole.Parameters]
  /// Where the outermost strategy asks STS.
  var stsRegion: String

  static func read(
    _ value: JSON
  ) -> (credentials: AWSCredentials?, problems: [ConfigurationProblem]) {
    var credentials = AWSCredentials(roles: [], stsRegion: AWSService.defaultRegion)
    var problems: [ConfigurationProblem] = []
    credentials.readStrategy(value, at: "credentials", depth: 1, &problems)
    credentials.roles.reverse()
    if let last = credentials.roles.last { credentials.stsRegion = last.region }
    return (problems.isEmpty ? credentials : nil, problems)
  }

  private mutating func readStrategy(
    _ value: JSON, at path: String, depth: Int, _ problems: inout [ConfigurationProblem]
  ) {
    var reader = ConfigurationReader(value, at: path)
    if reader.choice("type", of: ["environment", "assume_role"]) == "assume_role" {
      let base = reader.value("base")
      let isChained = base?["type"]?.string == "assume_role"
      roles.append(AssumeRole.Parameters(reading: &reader, isChained: isChained, isBase: depth > 1))
      if depth == Self.maximumChain {
        reader.add("is nested deeper than \(Self.maximumChain) strategies", to: "base")
      } else if let base {
        var inner: [ConfigurationProblem] = []
        readStrategy(base, at: reader.keyPath("base"), depth: depth + 1, &inner)
        reader.add(inner)
      } else {
        reader.add("is missing; set it to the strategy that assumes the role", to: "base")
      }
    }
    reader.finish()
    problems += reader.problems
  }

  /// Fills in what differs between accounts: role, external id, session.
  mutating func complete(
    for dispatch: Dispatch, _ settings: AWSSettings, problems: inout [ConfigurationProblem]
  ) {
    for index in roles.indices where roles[index].sessionName == nil {
      roles[index].sessionName = "sv0-\(dispatch.run)"
    }
    guard let last = roles.indices.last else { return }
    if let externalID = settings.externalID { roles[last].externalID = externalID }
    if let arn = roles[last].roleARN {
      if !arn.hasPrefix("arn:aws:iam::\(dispatch.scope.account):role/") {
        problems.append(
          ConfigurationProblem(
            key: "credentials.roleArn",
            message: "must be a role in account \(dispatch.scope.account), which is to be read"))
      }
    } else if let name = settings.roleName {
      roles[last].roleARN = "arn:aws:iam::\(dispatch.scope.account):role/\(name)"
    } else {
      problems.append(
        ConfigurationProblem(
          key: "settings.roleName",
          message: "is missing; set it, or credentials.roleArn, to the role to assume"))
    }
  }

  /// The strategies as composed values; each role's base has a cache of its own.
  func strategy(
    secrets: SecretResolver, client: AWSClient
  ) -> any CredentialStrategy<SigningCredentials> {
    var strategy: any CredentialStrategy<SigningCredentials> = EnvironmentCredentials(
      secrets: secrets)
    for parameters in roles {
      let base = CredentialCache(strategy, now: client.context.surroundings.now)
      strategy = AssumeRole(
        parameters, secrets: secrets, client: client.using(base, isOfWorker: true))
    }
    return strategy
  }
}

extension AWSScan {
  /// Makes sure that the credentials belong to the account that is to be read: records of another
  /// account under this scope's name would be worse than none.
  func verifyAccount(_ log: CallLog, _ region: String) async throws {
    let answer = try await client.call(.getCallerIdentity, in: region, logs: [log])
    let found = try answer.result.string(at: "Account")
    guard found == account else {
      let other = AWSSettings.isAccount(found) ? found : "unknown"
      throw CollectionFailure(
        .failed,
        "The credentials belong to account \(other), not to \(account), which is to be read. "
          + "Correct the role or the environment.")
    }
  }
}
