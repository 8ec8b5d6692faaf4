public import Authentication
public import Model
public import Pipeline

/// A sink file: where a tenant's findings go.
///
/// ```yaml
/// tenant: acme
/// name: soc
/// type: webhook
/// settings: {url: "https://hooks.example.com/findings"}
/// secret: "env:SOC_WEBHOOK_SECRET"      # whsec_ and base64
/// filter: {severity: high, rule: [escalation-path], platform: [aws], state: [new, reopened]}
/// from: end                             # or beginning: what the topic still holds
/// ```
///
/// A filter lets through what matches all of its members; `severity` means that and above.
public struct SinkDocument: Sendable, Equatable {
  public let tenant: String
  public let name: String
  public let filter: FindingFilter
  /// Where the sink's first consumer begins: `.end` or `.beginning`.
  public let from: StartOffset
  /// The file as JSON, as it is stored.
  public let json: JSON
  let address: WebhookAddress
  let secret: SecretReference

  /// - Throws: everything that is wrong.
  public init(_ json: JSON) throws(ConfigurationError) {
    var reader = SinkReader(json)
    guard let document = reader.read() else { throw ConfigurationError(reader.problems) }
    self = document
  }

  init(
    tenant: String, name: String, address: WebhookAddress, secret: SecretReference,
    filter: FindingFilter, from: StartOffset, json: JSON
  ) {
    self.tenant = tenant
    self.name = name
    self.address = address
    self.secret = secret
    self.filter = filter
    self.from = from
    self.json = json
  }

  /// Everything that is wrong with a sink file, each with its key and what is accepted.
  public static func problems(in json: JSON) -> [ConfigurationProblem] {
    var reader = SinkReader(json)
    _ = reader.read()
    return reader.problems
  }

  /// Names the sink among those of all tenants.
  public var key: String { "\(tenant)/\(name)" }

  /// The group whose offsets say how far the sink is.
  public var consumerGroup: String { "sv0.notifier.\(tenant).\(name)" }
}

/// Which findings a sink wants.
public struct FindingFilter: Sendable, Equatable {
  /// The least severity.
  var severity = Severity.informational
  /// Of the following, empty means all.
  var rules: Set<String> = []
  var platforms: Set<String> = []
  var states: Set<String> = []

  func includes(_ event: FindingEvent) -> Bool {
    event.severity >= severity
      && (rules.isEmpty || rules.contains(event.rule))
      && (platforms.isEmpty || event.platform.map { platforms.contains($0) } ?? true)
      && (states.isEmpty || states.contains(event.state))
  }
}

/// Reads a sink file and collects everything that is wrong with it.
struct SinkReader {
  private var reader: ConfigurationReader
  private let json: JSON

  init(_ json: JSON) {
    self.json = json
    reader = ConfigurationReader(json, at: "")
  }

  /// The keys of a file begin at the top, without a path before them.
  var problems: [ConfigurationProblem] {
    reader.problems.map { problem in
      ConfigurationProblem(
        key: problem.key.isEmpty ? "file" : String(problem.key.trimmingPrefix(".")),
        message: problem.message)
    }
  }

  /// The document; `nil` when there are problems.
  mutating func read() -> SinkDocument? {
    let accepted = "a name of 1 to 128 of A-Z a-z 0-9 . _ - :"
    let tenant = reader.text(
      "tenant", isRequired: true, accepted: accepted, where: Scope.isName)
    let name = reader.text("name", isRequired: true, accepted: accepted, where: Scope.isName)
    _ = reader.choice("type", of: ["webhook"])
    let address = address()
    let secret = reader.reference("secret")
    if json["secret"] == nil {
      reader.add("is missing; set it to \(SecretReference.accepted)", to: "secret")
    }
    let filter = filter()
    let from = reader.text(
      "from", accepted: "end or beginning", where: { ["end", "beginning"].contains($0) })
    reader.finish()
    guard reader.problems.isEmpty, let tenant, let name, let address, let secret else { return nil }
    return SinkDocument(
      tenant: tenant, name: name, address: address, secret: secret, filter: filter,
      from: from == "beginning" ? .beginning : .end, json: json)
  }

  private mutating func address() -> WebhookAddress? {
    var settings = ConfigurationReader(reader.value("settings") ?? .null, at: ".settings")
    let url = settings.text("url", isRequired: true, accepted: WebhookAddress.accepted)
    var address: WebhookAddress?
    if let url {
      do {
        address = try WebhookAddress(url)
      } catch {
        settings.add(error.message, to: "url")
      }
    }
    settings.finish()
    reader.add(settings.problems)
    return address
  }

  private mutating func filter() -> FindingFilter {
    var filter = FindingFilter()
    guard let value = reader.value("filter") else { return filter }
    var members = ConfigurationReader(value, at: ".filter")
    let severities = Severity.allCases.map(\.name)
    let word = members.text(
      "severity", accepted: severities.joined(separator: ", "), where: severities.contains)
    filter.severity = Severity.allCases.first { $0.name == word } ?? .informational
    filter.rules = Self.words(&members, "rule", nil)
    filter.platforms = Self.words(&members, "platform", Platform.allCases.map(\.rawValue))
    filter.states = Self.words(&members, "state", FindingState.allCases.map(\.rawValue))
    members.finish()
    reader.add(members.problems)
    return filter
  }

  /// One word or a list of them.
  private static func words(
    _ reader: inout ConfigurationReader, _ key: String, _ accepted: [String]?
  ) -> Set<String> {
    guard let value = reader.value(key) else { return [] }
    let elements: [JSON] = if case .array(let elements) = value { elements } else { [value] }
    let words = elements.compactMap(\.string)
    let areRight = words.allSatisfy { accepted?.contains($0) ?? !$0.isEmpty }
    guard words.count == elements.count, !words.isEmpty, areRight else {
      let what = accepted.map { "of " + $0.joined(separator: ", ") } ?? "of rule ids"
      reader.add("must be one, or a list, \(what)", to: key)
      return []
    }
    return Set(words)
  }
}
