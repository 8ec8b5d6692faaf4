import JSONReader
import Model
import Testing

@testable import Evaluation

/// A member that is read alone is what a reader of the whole object finds.
@Suite struct StateTextTests {
  @Test(arguments: [
    #"{}"#, #"{ }"#, #"{"a":"text"}"#, #"{"a":""}"#, #" { "b" : 1 , "a" : "x" } "#,
    #"{"b":{"a":"inner"},"a":["}","]",{"a":1}]}"#, #"{"b":"\"a\":\"no\"","a":true}"#,
    #"{"a":false,"b":null}"#, #"{"a":null}"#, #"{"a":-1.5e3}"#, #"{"a":12}"#,
    #"{"a":"with \"quotes\" and \\"}"#, #"{"b":"ends in \\","a":"é ü"}"#,
    #"{"a":"first","a":"last"}"#, #"{"aa":"longer","b":"a"}"#, #"{"b":[],"a":{}}"#,
    "{\"a\":\"\u{1F600}\",\n\t\"b\":[1, 2]}",
  ])
  func isTheMemberOfTheWhole(_ text: String) throws {
    let bytes = Array(text.utf8)
    let root = try JSONDocument(parsing: bytes).root
    for name in ["a", "b", "c", ""] {
      #expect(StateText(bytes[...])[name] == root[name].map { JSON($0) })
    }
    // Wherever it stands among others.
    let others = Array("{\"x\":1}".utf8)
    #expect(
      StateText((others + bytes + others)[others.count..<(others.count + bytes.count)])["a"]
        == root["a"].map { JSON($0) })
  }
}
