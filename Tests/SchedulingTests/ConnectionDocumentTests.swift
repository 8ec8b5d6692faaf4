import Authentication
import Model
import Scheduling
import Testing

@Suite("Connection files")
struct ConnectionDocumentTests {
  private let rules: [Platform: ConnectionRules] = [
    .aws: ConnectionRules(collections: ["aws.iam.role", "aws.iam.user"]) { settings, _ in
      var reader = ConfigurationReader(settings, at: "settings")
      _ = reader.elements("regions", accepted: "a list of regions")
      reader.finish()
      return reader.problems
    }
  ]

  private func keys(_ json: JSON) -> [String] {
    ConnectionDocument.problems(in: json, rules: rules).map(\.key)
  }

  @Test("A right file has no problems")
  func right() throws {
    var file = Fixture.connection(accounts: [
      "111122223333", ["id": "444455556666", "roleName": "Other", "externalId": "env:OTHER"],
    ])
    file["schedule"] = ["every": "24h", "jitter": "1h"]
    file["collections"] = ["enable": ["aws.iam.*"], "disable": ["aws.iam.user"]]
    #expect(keys(file) == [])
    let document = try ConnectionDocument(file)
    #expect(document.tenant == "acme" && document.platform == .aws && document.json == file)
  }

  @Test("Everything that is wrong is listed at once, with its key")
  func wrong() {
    let file: JSON = [
      "tenant": "a/b", "platform": "aws", "settigns": [:],
      "settings": [
        "accounts": [111_122_223_333, ["id": "12", "role": "x"], "444455556666", "444455556666"],
        "regoins": [], "organization": [:],
      ],
      "credentials": ["type": "assume_role"],
      "collections": ["enable": ["aws.s3.*"], "only": []],
      "schedule": ["every": "daily"],
    ]
    #expect(
      Set(keys(file)) == [
        "settigns", "tenant", "connection", "settings.accounts[0]", "settings.accounts[1].role",
        "settings.accounts[1]", "settings.accounts[3]", "settings.roleName",
        "settings.organization.discoveryRole", "settings.accounts", "settings.regoins",
        "collections.enable[0]", "collections.only",
        "schedule.every",
      ])
    #expect(keys([]) == ["connection"])
    #expect(keys(["platform": "gcp"]).contains("platform"))
  }

  @Test("An organization takes the place of accounts, and needs a role in every account")
  func organization() {
    var file = Fixture.organization()
    #expect(keys(file) == [])
    file["settings"]["accounts"] = ["111122223333"]
    #expect(keys(file) == ["settings.accounts"])
    file = Fixture.organization()
    file["settings"]["roleName"] = .null
    file["settings"]["organization"] = ["discoveryRole": "Discovery", "exclude": ["12"], "x": 1]
    file["credentials"] = ["type": "environment"]
    #expect(
      Set(keys(file)) == [
        "settings.organization.discoveryRole", "settings.organization.exclude",
        "settings.organization.x", "credentials",
      ])
  }

  @Test("A schedule's jitter is shorter than what it spreads")
  func jitter() {
    var file = Fixture.connection()
    file["schedule"] = ["every": "1h", "jitter": "60m"]
    #expect(keys(file) == ["schedule.jitter"])
  }

  @Test(
    "A secret in the file is refused and never repeated",
    arguments: [
      ["externalId": "hunter2-literal"], ["base": ["secretAccessKey": "hunter2-literal"]],
      ["sessionToken": "hunter2-literal"], ["note": "AKIAhunter2-literal"],
    ] as [JSON])
  func literalSecrets(credentials: JSON) {
    var file = Fixture.connection()
    file["credentials"] = credentials
    let problems = ConnectionDocument.problems(in: file, rules: rules)
    #expect(problems.contains { $0.key.hasPrefix("credentials.") })
    #expect(!"\(problems)".contains("hunter2"))
    let error = #expect(throws: ConfigurationError.self) { try ConnectionDocument(file) }
    #expect(!"\(String(describing: error))".contains("hunter2"))
  }

  @Test("An account's own external id must be a reference too")
  func accountSecret() {
    let file = Fixture.connection(accounts: [["id": "111122223333", "externalId": "literal"]])
    #expect(keys(file) == ["settings.accounts[0].externalId"])
  }
}

extension JSON {
  subscript(_ key: String) -> JSON {
    get { if case .object(let members) = self { members[key] ?? .null } else { .null } }
    set {
      guard case .object(var members) = self else { return }
      members[key] = newValue
      self = .object(members)
    }
  }
}
