/// Texts that have the form of a credential, whatever they are called.
///
/// Only forms that their issuers chose to be recognised by, or that nothing else has: a text that
/// merely looks random may be a digest or a name.
/// Sources: GitHub, "About authentication to GitHub", token formats; GitLab, "Token overview";
/// Slack, "Token types"; Stripe, "API keys"; IAM User Guide, "IAM identifiers"; RFC 7468; RFC 7519.
enum CredentialForm {
  /// How a text begins, and how many bytes of letters, digits, `_`, `-` and `.` follow at least.
  private static let prefixes: [(prefix: String, length: Int)] = [
    ("ghp_", 36), ("gho_", 36), ("ghu_", 36), ("ghs_", 36), ("ghr_", 36), ("github_pat_", 22),
    ("glpat-", 20), ("xoxb-", 20), ("xoxp-", 20), ("xoxa-", 20), ("xoxr-", 20), ("xoxs-", 20),
    ("xapp-", 20), ("sk_live_", 16), ("rk_live_", 16), ("whsec_", 24), ("AIza", 35), ("SG.", 40),
    ("npm_", 36), ("pypi-", 50), ("sk-", 32), ("hf_", 30), ("shpat_", 32), ("dop_v1_", 64),
  ]

  /// Whether a text is a secret in itself.
  static func isSecret(_ text: String) -> Bool {
    isPrivateKey(text) || prefixes.contains { isToken(text, $0.prefix, $0.length) }
      || isSignedToken(text) || isAddressWithPassword(text) || isSecretAccessKey(text)
  }

  /// `AKIA` and 16 letters or digits: it names a key and is no secret.
  static func isAccessKeyID(_ text: some StringProtocol) -> Bool {
    text.hasPrefix("AKIA") && text.utf8.count == 20 && text.utf8.allSatisfy(isUpperOrDigit)
  }

  private static func isToken(_ text: String, _ prefix: String, _ length: Int) -> Bool {
    guard text.hasPrefix(prefix) else { return false }
    let rest = text.utf8.dropFirst(prefix.utf8.count)
    return rest.count >= length && rest.contains(where: isDigit)
      && rest.allSatisfy { isLetter($0) || isDigit($0) || "_-.".utf8.contains($0) }
  }

  private static func isPrivateKey(_ text: String) -> Bool {
    guard let begin = text.firstRange(of: "-----BEGIN ") else { return false }
    return text[begin.upperBound...].prefix(64).contains("PRIVATE KEY-----")
  }

  /// A JSON Web Token with its signature.
  private static func isSignedToken(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 3 && parts[0].hasPrefix("eyJ") && parts[1].hasPrefix("eyJ")
      && parts[2].utf8.count >= 20
  }

  /// `scheme://user:password@host`; a placeholder is no password.
  private static func isAddressWithPassword(_ text: String) -> Bool {
    guard let scheme = text.firstRange(of: "://") else { return false }
    let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
    guard let at = authority.lastIndex(of: "@") else { return false }
    let user = authority[..<at]
    guard let colon = user.firstIndex(of: ":") else { return false }
    let password = user[user.index(after: colon)...]
    return !password.isEmpty && !password.contains { "${}<>*".contains($0) }
  }

  /// 40 bytes of base64 with capitals, small letters and digits; a SHA-1 has no capitals.
  private static func isSecretAccessKey(_ text: String) -> Bool {
    let bytes = text.utf8
    return bytes.count == 40
      && bytes.allSatisfy { isLetter($0) || isDigit($0) || "+/".utf8.contains($0) }
      && bytes.contains(where: isDigit) && bytes.contains { (0x41...0x5A).contains($0) }
      && bytes.contains { (0x61...0x7A).contains($0) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

  private static func isUpperOrDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x41...0x5A).contains(byte)
  }
}
