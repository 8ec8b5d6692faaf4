import Authentication
import Model
import Testing

@Suite struct ConfigurationReaderTests {
  @Test func everyProblemHasItsKeyAndWhatIsAccepted() {
    var reader = ConfigurationReader(
      ["type": "other", "count": 70, "name": 7, "secret": "in clear", "list": "x", "typo": true],
      at: "settings")
    #expect(reader.choice("type", of: ["one", "two"]) == nil)
    #expect(reader.integer("count", in: 1...60) == nil)
    #expect(reader.text("name", accepted: "a name") == nil)
    #expect(reader.text("absent", isRequired: true, accepted: "a name") == nil)
    #expect(reader.reference("secret") == nil)
    #expect(reader.elements("list", accepted: "a list") == nil)
    reader.finish()
    #expect(
      reader.problems.map(\.description) == [
        "settings.type: must be one or two",
        "settings.count: must be a whole number from 1 to 60",
        "settings.name: must be a name",
        "settings.absent: is missing; set it to a name",
        "settings.secret: not a reference to a secret; use env:NAME or file:/absolute/path, "
          + "never the secret itself",
        "settings.list: must be a list",
        "settings.typo: is not a known key; known are absent, count, list, name, secret, type",
      ])
  }
}
