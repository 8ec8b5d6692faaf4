internal import Authentication
internal import Model

/// Credentials from the worker's environment, as AWS's own tools read them.
///
/// Read anew each time it is asked; says nothing of an end, because the environment does not.
struct EnvironmentCredentials: CredentialStrategy {
  let secrets: SecretResolver

  func obtain() async throws -> Expiring<SigningCredentials> {
    Expiring(
      SigningCredentials(
        accessKeyID: try secrets.text(ofVariable: "AWS_ACCESS_KEY_ID"),
        secretAccessKey: try secrets.text(ofVariable: "AWS_SECRET_ACCESS_KEY"),
        sessionToken: secrets.optionalText(ofVariable: "AWS_SESSION_TOKEN")))
  }
}
