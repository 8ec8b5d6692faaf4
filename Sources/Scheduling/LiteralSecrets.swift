internal import Authentication
internal import Model

/// Finds secrets that stand in a document where a reference to them should.
///
/// A connector says which keys it knows; this also catches what it does not know, before anything
/// is stored. It never repeats a value.
enum LiteralSecrets {
  private static let words = [
    "secret", "password", "passphrase", "token", "externalid", "privatekey", "apikey", "accesskey",
  ]
  /// How well-known secrets begin: AWS and private keys, GitHub's tokens, webhook secrets.
  private static let beginnings = ["AKIA", "ASIA", "-----BEGIN", "ghp_", "github_pat_", "whsec_"]

  static func problems(in value: JSON, at path: String) -> [ConfigurationProblem] {
    switch value {
    case .object(let members):
      members.sorted { $0.key.precedes($1.key) }.flatMap { key, member in
        isForbidden(member, under: key)
          ? [
            ConfigurationProblem(
              key: "\(path).\(key)",
              message: "must be a reference to the secret, \(SecretReference.accepted), "
                + "never the secret itself")
          ] : problems(in: member, at: "\(path).\(key)")
      }
    case .array(let elements):
      elements.enumerated().flatMap { problems(in: $1, at: "\(path)[\($0)]") }
    case .string(let text) where beginsLikeSecret(text):
      [
        ConfigurationProblem(
          key: path,
          message: "looks like a secret; use a reference, \(SecretReference.accepted)")
      ]
    case .null, .bool, .integer, .number, .string: []
    }
  }

  private static func isForbidden(_ value: JSON, under key: String) -> Bool {
    guard let text = value.string else { return false }
    let key = key.lowercased()
    return words.contains { key.contains($0) } && (try? SecretReference(text)) == nil
  }

  private static func beginsLikeSecret(_ text: String) -> Bool {
    beginnings.contains { text.hasPrefix($0) }
  }
}
