import JSONReader
import Testing

@testable import AWSConnector

@Suite struct RedactionTests {
  @Test(arguments: [
    ("", "empty"), ("arn:aws:s3:::bucket", "reference"),
    ("{{resolve:secretsmanager:db:SecretString:password}}", "reference"),
    ("ssm:/prod/db", "reference"), ("secretsmanager:prod/db", "reference"),
    ("https://api.example.com/v1", "reference"), ("https://user:pw@api.example.com/", "secret"),
    ("https://api.example.com/?key=1", "opaque"), ("https://api.example.com/#t", "opaque"),
    ("arn:aws:s3", "opaque"), ("arn:aws:s3:::bucket and more", "opaque"), ("hunter2", "opaque"),
    ("ssm:", "opaque"), ("ssm:a=b", "opaque"), ("http://api.example.com", "opaque"),
    ("https://", "opaque"), (" ", "opaque"),
  ])
  func aValueBecomesItsShape(_ value: String, _ shape: String) {
    #expect(Redaction.shape(of: value).rawValue == shape)
  }

  private static let letters = String(repeating: "aB3", count: 40)

  /// Put together here, so that no test looks like a leak.
  @Test(arguments: [
    "ghp_\(letters.prefix(36))", "github_pat_\(letters.prefix(82))", "glpat-\(letters.prefix(20))",
    "xoxb-123456789012-\(letters.prefix(24))", "sk_live_\(letters.prefix(24))",
    "AIza\(letters.prefix(35))", "sk-\(letters.prefix(48))", "\(letters.prefix(39))/",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "eyJhbGc.eyJzdWI.\(letters.prefix(43))",
    "postgres://app:hunter2@db.internal:5432/shop", "https://user:pw@api.example.com/",
  ])
  func whatHasTheFormOfACredentialIsASecret(_ value: String) {
    #expect(Redaction.shape(of: value) == .secret)
  }

  @Test(arguments: [
    "da39a3ee5e6b4b0d3255bfef95601890afd80709", "ShopStack-OrdersTable315BB997-1PZ3SFN3ZGQ4",
    "6b3f0c9e-8a1d-4f5e-9c77-2d1e0b4a5f60", "postgres://app@db.internal/shop",
    "postgres://app:${PASSWORD}@db.internal/shop", "sk-learn", "hunter2", "eyJh.b.c", "ghp_short",
    "-----BEGIN CERTIFICATE-----", "the quick brown fox jumps over lazy dogs",
  ])
  func whatOnlyLooksRandomIsNot(_ value: String) {
    #expect(Redaction.shape(of: value) == .opaque)
  }

  @Test func theIdOfAnAccessKeyStaysAndNothingLikeIt() {
    #expect(Redaction.shape(of: "AKIAEXAMPLEKEY000001") == .accessKey("AKIAEXAMPLEKEY000001"))
    for value in ["AKIAexamplekey000001", "AKIAEXAMPLEKEY0000012", "ASIAEXAMPLEKEY000001"] {
      #expect(Redaction.shape(of: value) == .opaque)
    }
    #expect(Redaction.Shape(rawValue: "access-key:AKIAEXAMPLEKEY000001") != nil)
    #expect(Redaction.Shape(rawValue: "access-key:hunter2") == nil)
    #expect(Redaction.Shape(rawValue: "AKIAEXAMPLEKEY000001") == nil)
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
