internal import Authentication
internal import Extraction
internal import JSONReader
internal import Model

/// Exchanges credentials for those of a role, at a regional STS endpoint.
///
/// Regional, because tokens of the global endpoint do not work in regions that are switched on by
/// hand. Source: IAM User Guide, "Manage AWS STS in an AWS Region".
struct AssumeRole: CredentialStrategy {
  struct Parameters: Sendable, Equatable {
    /// `nil` until the account to read is known.
    var roleARN: String?
    var externalID: SecretReference?
    /// `nil` names the session after the run.
    var sessionName: String?
    var durationSeconds: Int64
    var region: String
  }

  let parameters: Parameters
  let secrets: SecretResolver
  let client: AWSClient

  init(_ parameters: Parameters, secrets: SecretResolver, client: AWSClient) {
    self.parameters = parameters
    self.secrets = secrets
    self.client = client
  }

  func obtain() async throws -> Expiring<SigningCredentials> {
    let role = parameters.roleARN ?? ""
    var input: [String: JSON] = [
      "RoleArn": .string(role), "RoleSessionName": .string(parameters.sessionName ?? "sv0"),
      "DurationSeconds": .integer(parameters.durationSeconds),
    ]
    if let reference = parameters.externalID {
      input["ExternalId"] = .string(try secrets.text(of: reference))
    }
    let answer: AWSAnswer
    do {
      answer = try await client.call(.assumeRole, in: parameters.region, input)
    } catch let error as AWSError where error.isDenied {
      throw CollectionFailure(
        .denied,
        "STS refused to assume \(role). Check that the role exists, that its trust policy names "
          + "the worker's identity and external id, and that the worker may call sts:AssumeRole.",
        missing: ["sts:AssumeRole"])
    }
    let credentials = try answer.result.value(at: "Credentials")
    guard let expires = Timestamp(try credentials.string(at: "Expiration")) else {
      throw AuthenticationError(.unusable, "STS returned an expiration that is no time.")
    }
    return Expiring(
      SigningCredentials(
        accessKeyID: try credentials.string(at: "AccessKeyId"),
        secretAccessKey: try credentials.string(at: "SecretAccessKey"),
        sessionToken: try credentials.string(at: "SessionToken")),
      expires: expires)
  }
}

extension AssumeRole.Parameters {
  /// - Parameters:
  ///   - isChained: whether the base is itself a role: then AWS allows one hour at most.
  ///   - isBase: whether another strategy stands on this one: then the role must be named here.
  init(reading reader: inout ConfigurationReader, isChained: Bool, isBase: Bool) {
    roleARN = reader.text(
      "roleArn", isRequired: isBase, accepted: "arn:aws:iam::<account>:role/<name>",
      where: { arn in
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 6 && arn.hasPrefix("arn:aws:iam::")
          && AWSSettings.isAccount(String(parts[4])) && parts[5].hasPrefix("role/")
          && AWSSettings.isRoleName(String(parts[5].dropFirst(5)))
      })
    externalID = reader.reference("externalId")
    sessionName = reader.text(
      "sessionName", accepted: "2 to 64 of A-Z a-z 0-9 _ + = , . @ -",
      where: {
        (2...64).contains($0.utf8.count) && !$0.contains("/") && AWSSettings.isRoleName($0)
      })
    durationSeconds =
      reader.integer("durationSeconds", in: 900...(isChained ? 3600 : 43_200)) ?? 3600
    region =
      reader.text("stsRegion", accepted: "a commercial region", where: AWSSettings.isRegion)
      ?? AWSService.defaultRegion
  }
}
