import Authentication
import Model
import Notification
import Pipeline
import Testing

@Suite("Sink files")
struct SinkDocumentTests {
  private func file(_ url: String) -> JSON {
    [
      "tenant": "acme", "name": "soc", "type": "webhook", "settings": ["url": .string(url)],
      "secret": "env:SOC_SECRET", "from": "beginning",
    ]
  }

  @Test("A right file has no problems")
  func right() throws {
    let file = file("https://hooks.example.com:8443/a/b?c=d")
    #expect(SinkDocument.problems(in: file).isEmpty)
    let document = try SinkDocument(file)
    #expect(document.consumerGroup == "sv0.notifier.acme.soc")
    #expect(document.from == .beginning && document.json == file)
  }

  @Test("Everything that is wrong is listed at once, and a secret is never repeated")
  func wrong() {
    let problems = SinkDocument.problems(in: [
      "tenant": "a/b", "type": "email", "settings": ["url": "https://u:hunter2@h/", "x": 1],
      "secret": "whsec_hunter2",
      "filter": ["severity": "bad", "state": ["gone"], "rule": [1], "platform": "azure"],
      "from": "now", "extra": true,
    ])
    #expect(
      Set(problems.map(\.key)) == [
        "tenant", "name", "type", "settings.url", "settings.x", "secret", "filter.severity",
        "filter.state", "filter.rule", "filter.platform", "from", "extra",
      ])
    #expect(!"\(problems)".contains("hunter2"))
    #expect(SinkDocument.problems(in: []).first?.key == "file")
  }

  @Test(
    "Addresses that lead into the notifier's own machine or cloud are refused",
    arguments: [
      "https://169.254.169.254/latest", "https://[fd00:ec2::254]/", "https://[fe80::1]/",
      "https://[::ffff:169.254.169.254]/", "https://[::ffff:a9fe:a9fe]/",
      "https://[64:ff9b::a9fe:a9fe]/", "https://0.0.0.0/", "https://[::]/", "https://0/",
      "https://2852039166/", "https://0xa9fea9fe/", "https://169.254.43518/",
      "https://0251.0376.0251.0376/", "https://169.254.169.254./", "https://168.63.129.16/",
      "https://user@hooks.example.com/", "https://hooks.example.com@169.254.169.254/",
      "https://hooks.example.com\\@169.254.169.254/", "http://hooks.example.com/",
      "http://10.0.0.1/", "http://127.0.0.1.example.com/", "ftp://hooks.example.com/",
      "https:///x", "hooks.example.com", "https://hooks.example.com:0/",
      "https://hooks.example.com:99999/", "https://hooks.example.com/#x", "https://h/ x",
      "https://[::1", "https://[1::2::3]/", "https://é.example/",
    ])
  func refused(url: String) {
    #expect(SinkDocument.problems(in: file(url)).map(\.key) == ["settings.url"])
  }

  @Test(
    "Other addresses are accepted",
    arguments: [
      "https://hooks.example.com", "https://10.1.2.3/in", "HTTPS://Hooks.Example.COM/x",
      "http://127.0.0.1:8080/", "http://localhost:9/x", "http://[::1]:80/",
      "https://[2001:db8::1]/",
      "https://hooks.example.com?token=a", "https://3com.example/",
    ])
  func accepted(url: String) {
    #expect(SinkDocument.problems(in: file(url)).isEmpty)
  }
}
