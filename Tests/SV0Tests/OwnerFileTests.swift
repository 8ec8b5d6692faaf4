import Authentication
import Evaluation
import Model
import Testing

@testable import sv0

@Suite struct OwnerFileTests {
  private func read(_ text: String) throws -> OwnerFile {
    let yaml = try YAMLFile(path: "owners.yaml", text: text)
    do {
      return try OwnerFile(yaml.value)
    } catch {
      throw Failure.configuration(error.problems, in: yaml)
    }
  }

  @Test func ownersAreReadAsTheyStand() throws {
    let file = try read(
      """
      tenant: acme
      owners:
        - {names: [team-billing, billing@acme.example], status: active, until: 2026-12-31}
        - names: [ada]
          status: departed
      """)
    #expect(file.tenant == "acme")
    #expect(
      file.owners == [
        Owner(
          names: ["team-billing", "billing@acme.example"], status: .active, until: "2026-12-31"),
        Owner(names: ["ada"], status: .departed),
      ])
  }

  @Test func everythingThatIsWrongIsSaidAtOnceWithItsLine() throws {
    let failure = #expect(throws: Failure.self) {
      try read(
        """
        tenant: acme
        owners:
          - names: [ada]
            status: gone
          - names: []
            status: active
            until: 2026-02-30
          - names: [bob, eve]
            status: active
          - names: [bob]
            status: active
            email: bob@acme.example
          - status: active
        """)
    }
    let problems = [
      "owners.yaml:4: owners[0].status: must be active or disabled or deleted or departed",
      "owners.yaml:5: owners[1].names: must be a list of one or more names of at most 256 bytes",
      "owners.yaml:7: owners[1].until: must be a day such as 2026-12-31",
      "owners.yaml:10: owners[3].names: has a name that owners[2] has already",
      "owners.yaml:12: owners[3].email: is not a known key; known are names, status, until",
      "owners.yaml:13: owners[4].names: is missing; "
        + "set it to a list of one or more names of at most 256 bytes",
    ]
    #expect(failure?.description == problems.joined(separator: "\n"))
  }

  @Test func aFileWithoutOwnersIsRefused() throws {
    let failure = #expect(throws: Failure.self) { try read("tenant: acme\n") }
    #expect(failure?.description.contains("owners: is missing") == true)
    #expect(try read("tenant: acme\nowners: []\n").owners.isEmpty)
  }
}
