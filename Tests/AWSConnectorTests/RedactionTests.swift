import JSONReader
import Testing

@testable import AWSConnector

@Suite struct RedactionTests {
  @Test(arguments: [
    ("", "empty"), ("arn:aws:s3:::bucket", "reference"),
    ("{{resolve:secretsmanager:db:SecretString:password}}", "reference"),
    ("ssm:/prod/db", "reference"), ("secretsmanager:prod/db", "reference"),
    ("https://api.example.com/v1", "reference"), ("https://user:pw@api.example.com/", "opaque"),
    ("https://api.example.com/?key=1", "opaque"), ("https://api.example.com/#t", "opaque"),
    ("arn:aws:s3", "opaque"), ("arn:aws:s3:::bucket and more", "opaque"), ("hunter2", "opaque"),
    ("ssm:", "opaque"), ("ssm:a=b", "opaque"), ("http://api.example.com", "opaque"),
    ("https://", "opaque"), (" ", "opaque"),
  ])
  func aValueBecomesItsShape(_ value: String, _ shape: String) {
    #expect(Redaction.shape(of: value).rawValue == shape)
  }

  @Test(arguments: [
    (#"{"A":1}"#, #"{"A":1}"#), (#"{"Environment":null,"A":1}"#, #"{"Environment":null,"A":1}"#),
    (
      #"{"Environment":{"Variables":{"K":"s3cret"}},"Z": [1]}"#,
      #"{"Environment":{"Variables":{"K":"opaque"}},"Z": [1]}"#
    ),
    (
      #"{"Environment":{"Variables":{"K":"s3cret"}},"Environment":{"Variables":{"K":""}}}"#,
      #"{"Environment":{"Variables":{"K":"opaque"}},"Environment":{"Variables":{"K":"empty"}}}"#
    ),
    (
      #"{"Environment":{"Variables":["s3cret"],"Error":{}}}"#,
      #"{"Environment":{"Variables":null,"Error":{}}}"#
    ),
    (#"{"Environment":"s3cret"}"#, #"{"Environment":null}"#),
    (
      #"{"Environment":{"Variables":{"K":["s3cret"]}}}"#,
      #"{"Environment":{"Variables":{"K":"opaque"}}}"#
    ),
  ])
  func onlyTheEnvironmentChanges(_ given: String, _ published: String) throws {
    let view = try JSONDocument(parsing: Array(given.utf8)).root
    #expect(String(decoding: Redaction.environmentByShape(view), as: UTF8.self) == published)
  }

  @Test(arguments: [
    ("\"https://user:pw@api.example.com/a?key=1\"", "\"https://api.example.com\""),
    (
      #"["https://a.example.com/x", "arn:aws:s3:::b"]"#,
      #"["https://a.example.com","arn:aws:s3:::b"]"#
    ),
    ("\"hunter2\"", "\"opaque\""), ("[\"hunter2\"]", "[\"opaque\"]"), ("null", "null"),
  ])
  func ofAnAddressOnlyTheHostStays(_ given: String, _ published: String) throws {
    let view = try JSONDocument(parsing: Array("{\"a\":\(given)}".utf8)).root
    let bytes = try Redaction("hosts", hosts: ["a"]).published(view)
    #expect(String(decoding: bytes, as: UTF8.self) == "{\"a\":\(published)}")
  }
}
