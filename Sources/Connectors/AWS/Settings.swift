internal import Authentication
internal import Extraction
internal import Model

/// A connection's `settings`, as far as reading one account needs them.
struct AWSSettings: Sendable, Equatable {
  /// Role to assume in each account, with its path, where the credentials name no ARN.
  var roleName: String?
  /// Overrides the credentials' external id for this account.
  var externalID: SecretReference?
  var regions: [String]
  /// Whose objects may be read; no others.
  var trailBucket: AWSTrailBucket?
  /// Loopback address that stands in for AWS: for tests.
  var endpoint: AWSEndpoint?

  private static let acceptedRegions = "a list of commercial regions such as [\"eu-west-1\"]"
  private static let acceptedRole = "a role's name, with its path where it has one"

  /// - Parameter account: the account to read, whose own entry in `accounts` goes first.
  static func read(
    _ value: JSON, account: String?
  ) -> (settings: AWSSettings?, problems: [ConfigurationProblem]) {
    var reader = ConfigurationReader(value, at: "settings")
    var roleName = reader.text("roleName", accepted: acceptedRole, where: isRoleName)
    var externalID: SecretReference?
    for (index, entry)
      in (reader.elements(
        "accounts", accepted: "a list of account ids, or of {id, roleName, externalId}") ?? [])
      .enumerated()
    {
      let override = readAccount(entry, at: reader.keyPath("accounts[\(index)]"), &reader)
      guard override.id == account, account != nil else { continue }
      roleName = override.roleName ?? roleName
      externalID = override.externalID
    }
    let regions = readRegions(&reader)
    let trailBucket = AWSTrailBucket.read(&reader)
    var endpoint: AWSEndpoint?
    if let text = reader.text(
      "endpoint", accepted: "http:// with a loopback address and a port, for tests only",
      where: { AWSEndpoint(loopback: $0) != nil })
    {
      endpoint = AWSEndpoint(loopback: text)
    }
    reader.finish()
    guard reader.problems.isEmpty else { return (nil, reader.problems) }
    return (
      AWSSettings(
        roleName: roleName, externalID: externalID, regions: regions, trailBucket: trailBucket,
        endpoint: endpoint), []
    )
  }

  private static func readRegions(_ reader: inout ConfigurationReader) -> [String] {
    guard let elements = reader.elements("regions", accepted: acceptedRegions) else {
      if reader.value("regions") == nil {
        reader.add("is missing; set it to \(acceptedRegions)", to: "regions")
      }
      return []
    }
    let regions = elements.compactMap(\.string).filter(isRegion)
    if regions.count != elements.count || regions.isEmpty {
      reader.add("must be \(acceptedRegions)", to: "regions")
    }
    return Set(regions).sorted { $0.precedes($1) }
  }

  private static func readAccount(
    _ entry: JSON, at path: String, _ reader: inout ConfigurationReader
  ) -> (id: String?, roleName: String?, externalID: SecretReference?) {
    if let id = entry.string {
      if !isAccount(id) {
        reader.add([ConfigurationProblem(key: path, message: "must be twelve digits")])
      }
      return (id, nil, nil)
    }
    var account = ConfigurationReader(entry, at: path)
    let id = account.text("id", isRequired: true, accepted: "twelve digits", where: isAccount)
    let roleName = account.text("roleName", accepted: acceptedRole, where: isRoleName)
    let externalID = account.reference("externalId")
    account.finish()
    reader.add(account.problems)
    return (id, roleName, externalID)
  }

  static func isAccount(_ text: String) -> Bool {
    text.utf8.count == 12 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// Commercial regions only: the other partitions have other endpoints and ARNs.
  static func isRegion(_ text: String) -> Bool {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    return (3...4).contains(parts.count) && parts[0].utf8.count == 2 && parts[0] != "cn"
      && parts[1] != "gov" && parts[1] != "iso" && parts[1] != "isob"
      && parts.dropLast().allSatisfy {
        !$0.isEmpty && $0.utf8.allSatisfy { (0x61...0x7A).contains($0) }
      }
      && parts.last.flatMap { UInt8($0) } != nil
  }

  /// Source: IAM API reference, `CreateRole`: `[\w+=,.@-]` with a path of `/`-separated parts.
  static func isRoleName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 576 && !text.hasPrefix("/") && !text.hasSuffix("/")
      && text.utf8.allSatisfy { byte in
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
          || "+=,.@-_/".utf8.contains(byte)
      }
  }
}
