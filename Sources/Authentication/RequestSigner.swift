internal import Cryptography
public import HTTPTypes
public import Model

/// What signs requests to AWS. Prints nothing of itself.
public struct SigningCredentials: Sendable, Equatable, CustomStringConvertible {
  let parts: SigV4.Credentials

  /// - Parameter sessionToken: for temporary credentials.
  public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
    parts = SigV4.Credentials(
      accessKeyID: accessKeyID, secretAccessKey: Secret(secretAccessKey),
      sessionToken: sessionToken.map { Secret($0) })
  }

  public var description: String { "<credentials>" }
}

/// A request before it is signed.
public struct UnsignedRequest: Sendable, Equatable {
  public var method: HTTPRequest.Method
  public var scheme: String
  /// Host, with the port where it is not the scheme's own.
  public var authority: String
  /// Percent-encoded.
  public var path: String
  /// Not percent-encoded.
  public var query: [String: String]
  public var fields: HTTPFields
  public var body: [UInt8]

  public init(
    method: HTTPRequest.Method, scheme: String, authority: String, path: String,
    query: [String: String] = [:], fields: HTTPFields = HTTPFields(), body: [UInt8] = []
  ) {
    self.method = method
    self.scheme = scheme
    self.authority = authority
    self.path = path
    self.query = query
    self.fields = fields
    self.body = body
  }
}

/// Signs requests with AWS's version 4 for one service in one region. Pure.
public struct RequestSigner: Sendable {
  private let region: String
  private let service: String

  /// - Parameter service: the signing name, which may differ from the endpoint's.
  public init(region: String, service: String) {
    self.region = region
    self.service = service
  }

  /// The request as it is to be sent, with the query in its path and the signature in its fields.
  public func signed(
    _ request: UnsignedRequest, with credentials: SigningCredentials, at time: Timestamp
  ) -> HTTPRequest {
    let query = request.query.map { SigV4.Field($0.key, $0.value) }
    let headers = SigV4(credentials: credentials.parts, region: region, service: service).headers(
      for: SigV4.Request(
        method: request.method.rawValue, host: request.authority, path: request.path, query: query,
        headers: request.fields.map { SigV4.Field($0.name.canonicalName, $0.value) },
        payloadHash: SHA256.hexDigest(request.body)),
      at: time)
    var fields = request.fields
    for header in headers {
      if let name = HTTPField.Name(header.name) { fields[name] = header.value }
    }
    let path = query.isEmpty ? request.path : "\(request.path)?\(SigV4.queryString(query))"
    return HTTPRequest(
      method: request.method, scheme: request.scheme, authority: request.authority, path: path,
      headerFields: fields)
  }

  /// The text with everything but `A-Z a-z 0-9 - . _ ~` as `%XX`: a path segment or form value.
  public static func percentEncoded(_ text: String) -> String { SigV4.percentEncode(text) }
}
