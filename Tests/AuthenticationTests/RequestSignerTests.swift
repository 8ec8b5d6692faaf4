import Authentication
import HTTPTypes
import Model
import Testing

@Suite struct RequestSignerTests {
  private let credentials = SigningCredentials(
    accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

  /// Source: AWS's signature version 4 test suite, `get-vanilla-query-order-key-case`.
  @Test func theKnownAnswerIsReached() throws {
    let request = RequestSigner(region: "us-east-1", service: "service").signed(
      UnsignedRequest(
        method: .get, scheme: "https", authority: "example.amazonaws.com", path: "/",
        query: ["Param2": "value2", "Param1": "value1"]),
      with: credentials, at: try #require(Timestamp("2015-08-30T12:36:00Z")))
    #expect(request.path == "/?Param1=value1&Param2=value2")
    #expect(
      request.headerFields[.authorization]
        == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        + "SignedHeaders=host;x-amz-date, "
        + "Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")
  }

  @Test func credentialsDoNotPrint() {
    var dumped = "\(credentials) \(String(reflecting: credentials))"
    dump(credentials, to: &dumped)
    #expect(!dumped.contains("wJalr"))
  }
}
