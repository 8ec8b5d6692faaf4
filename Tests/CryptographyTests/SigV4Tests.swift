import Cryptography
import Model
import Testing

/// Known answers at 2015-08-30T12:36:00Z with AWS's published example key.
///
/// The first is the worked example of AWS's documentation, those named as in AWS's
/// `aws-sig-v4-test-suite` are its answers; the rest was computed with botocore.
@Suite struct SigV4Tests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var signature: String
    var request: SigV4.Request
    var service = "service"
    var signed = "host;x-amz-date"
    var token: String?

    var testDescription: String { name }
  }

  static let host = "example.amazonaws.com"
  static let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

  static func get(
    _ path: String = "/", query: [(String, String)] = [], headers: [SigV4.Field] = []
  ) -> SigV4.Request {
    SigV4.Request(
      method: "GET", host: host, path: path, query: query.map { SigV4.Field($0, $1) },
      headers: headers)
  }

  static func post(_ host: String, body: String, type: String?) -> SigV4.Request {
    SigV4.Request(
      method: "POST", host: host, path: "/",
      headers: type.map { [SigV4.Field("Content-Type", $0)] } ?? [],
      payloadHash: SHA256.hexDigest(body))
  }

  static let documented = Case(
    name: "AWS documentation: iam ListUsers",
    signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    request: SigV4.Request(
      method: "GET", host: "iam.amazonaws.com", path: "/",
      query: [.init("Version", "2010-05-08"), .init("Action", "ListUsers")],
      headers: [.init("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]),
    service: "iam", signed: "content-type;host;x-amz-date")

  static let suite = [
    Case(
      name: "get-vanilla",
      signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
      request: get()),
    Case(
      name: "get-vanilla-query-order-key-case",
      signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
      request: get(query: [("Param2", "value2"), ("Param1", "value1")])),
    Case(
      name: "get-vanilla-query-order-value",
      signature: "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
      request: get(query: [("Param1", "value2"), ("Param1", "value1")])),
    Case(
      name: "get-vanilla-query-unreserved",
      signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
      request: get(query: [(unreserved, unreserved)])),
    Case(
      name: "get-vanilla-utf8-query",
      signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
      request: get(query: [("ሴ", "bar")])),
    Case(
      name: "get-header-value-trim",
      signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
      request: get(
        headers: [.init("My-Header1", " value1"), .init("My-Header2", " \"a   b   c\"")]),
      signed: "host;my-header1;my-header2;x-amz-date"),
    Case(
      name: "get-header-key-duplicate",
      signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
      request: get(headers: ["value2", "value2", "value1"].map { .init("My-Header1", $0) }),
      signed: "host;my-header1;x-amz-date"),
    Case(
      name: "get-relative-relative",
      signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
      request: get("/example1/example2/../..")),
    Case(
      name: "get-slashes",
      signature: "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
      request: get("//example//")),
    Case(
      name: "post-vanilla",
      signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
      request: post(host, body: "", type: nil)),
    Case(
      name: "post-x-www-form-urlencoded",
      signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
      request: post(host, body: "Param1=value1", type: "application/x-www-form-urlencoded"),
      signed: "content-type;host;x-amz-date"),
    Case(
      name: "post-x-www-form-urlencoded-parameters",
      signature: "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
      request: post(
        host, body: "Param1=value1", type: "application/x-www-form-urlencoded; charset=utf8"),
      signed: "content-type;host;x-amz-date"),
  ]

  static let computed = [
    Case(
      name: "lambda: a path with encoded colons and spaces is encoded twice",
      signature: "fbe52792529f98f1070aa43a6ea2b544f602bba91b1838f50e5cfe21b9586189",
      request: get(
        "/2015-03-31/functions/"
          + "arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Amy%20fn/policy"),
      service: "lambda"),
    Case(
      name: "sts: a session token is signed",
      signature: "608cddded5db13bd2c0f63d8a773432fccf94ff6e7f23dda3c2cd81ca56078a0",
      request: post(
        "sts.amazonaws.com", body: "Action=GetCallerIdentity&Version=2011-06-15",
        type: "application/x-www-form-urlencoded; charset=utf-8"),
      service: "sts", signed: "content-type;host;x-amz-date;x-amz-security-token",
      token: "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMic"
        + "RXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGd"),
    Case(
      name: "s3: the path is signed as sent, with the payload's hash",
      signature: "f02118388c385955071ba989bac3df897f9a22306f04ce84d321163271806e5a",
      request: SigV4.Request(
        method: "GET", host: "bucket.s3.amazonaws.com", path: "/a%20b//c/../%C3%A9%2B",
        query: [.init("list-type", "2"), .init("prefix", "x/y z")]),
      service: "s3", signed: "host;x-amz-content-sha256;x-amz-date"),
  ]

  @Test(arguments: [documented] + suite + computed) func signsAsPublished(sample: Case) throws {
    let signer = SigV4(
      credentials: .init(
        accessKeyID: "AKIDEXAMPLE",
        secretAccessKey: Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        sessionToken: sample.token.map { Secret($0) }),
      region: "us-east-1", service: sample.service)
    let time = try #require(Timestamp("2015-08-30T12:36:00.750Z"))
    let fields = signer.headers(for: sample.request, at: time)
    #expect(
      fields.last
        == SigV4.Field(
          "authorization",
          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/\(sample.service)"
            + "/aws4_request, SignedHeaders=\(sample.signed), Signature=\(sample.signature)"))
    var expected = [SigV4.Field("x-amz-date", "20150830T123600Z")]
    if sample.service == "s3" {
      expected.append(.init("x-amz-content-sha256", SHA256.hexDigest("")))
    }
    if let token = sample.token { expected.append(.init("x-amz-security-token", token)) }
    #expect(Array(fields.dropLast()) == expected)
  }

  @Test func queryIsWrittenAsItIsSigned() {
    let items = [SigV4.Field("b", "x y/z+ü"), .init("a", ""), .init("B", "~")]
    #expect(SigV4.queryString(items) == "B=~&a=&b=x%20y%2Fz%2B%C3%BC")
  }

  /// Credentials keep the keys that they derived: none may serve another day, region or service.
  @Test func keptKeysServeOnlyTheirScope() {
    func credentials() -> SigV4.Credentials {
      SigV4.Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: Secret("hunter2"))
    }
    func signature(
      _ credentials: SigV4.Credentials, _ region: String, _ service: String, _ day: Int64
    ) -> String? {
      SigV4(credentials: credentials, region: region, service: service)
        .headers(for: Self.get(), at: Timestamp(milliseconds: day * 86_400_000)).last?.value
    }
    let kept = credentials()
    var seen: Set<String?> = []
    for day: Int64 in [0, 1, 0] {
      for region in ["us-east-1", "eu-west-1"] {
        for service in ["iam", "sts", "iam"] {
          let signed = signature(kept, region, service, day)
          #expect(signed == signature(credentials(), region, service, day))
          seen.insert(signed)
        }
      }
    }
    #expect(seen.count == 8)
  }

  @Test func credentialsDoNotPrint() {
    let signer = SigV4(
      credentials: .init(
        accessKeyID: "AKIDEXAMPLE", secretAccessKey: Secret("hunter2"),
        sessionToken: Secret("token")),
      region: "us-east-1", service: "iam")
    _ = signer.headers(for: Self.get(), at: Timestamp(milliseconds: 0))
    #expect(!"\(signer)".contains("hunter2") && !"\(signer)".contains("token\""))
  }
}
