import Authentication
import Model
import Testing

@testable import AWSConnector

@Suite struct SettingsTests {
  @Test func everyProblemIsListed() {
    let settings: JSON = [
      "regions": ["eu-west-1", "cn-north-1", 7], "endpoint": "http://169.254.169.254:80",
      "roleName": "a role", "accounts": ["12", ["id": "111122223333", "externalID": "env:X"]],
    ]
    #expect(
      Set(AWSSettings.read(settings, account: nil).problems.map(\.key)) == [
        "settings.regions", "settings.endpoint", "settings.roleName", "settings.accounts[0]",
        "settings.accounts[1].externalID",
      ])
  }

  @Test func regionsAreRequired() {
    let problems = AWSSettings.read(["roleName": "r"], account: nil).problems
    #expect(problems.map(\.key) == ["settings.regions"])
  }

  @Test func anAccountsOwnEntryGoesFirst() {
    let settings: JSON = [
      "regions": ["us-east-1", "eu-west-1", "us-east-1"], "roleName": "usual",
      "accounts": [["id": "111122223333", "roleName": "path/own", "externalId": "env:OWN"]],
    ]
    let own = AWSSettings.read(settings, account: "111122223333").settings
    #expect(own?.roleName == "path/own")
    #expect(own?.externalID == .environment("OWN"))
    #expect(own?.regions == ["eu-west-1", "us-east-1"])
    #expect(AWSSettings.read(settings, account: "222233334444").settings?.roleName == "usual")
  }

  @Test(arguments: [
    ("http://127.0.0.1:5000", true), ("http://localhost:5000", true), ("http://[::1]:5000", true),
    ("https://127.0.0.1:5000", false), ("http://127.0.0.1", false),
    ("http://127.0.0.1.example.com:80", false), ("http://user@127.0.0.1:80", false),
    ("http://127.0.0.1:5000/path", false),
  ])
  func onlyThisMachineStandsInForAWS(_ text: String, _ isRight: Bool) {
    #expect((AWSEndpoint(loopback: text) != nil) == isRight)
  }
}
