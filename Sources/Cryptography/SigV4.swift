public import Model

/// Signs requests to AWS, version 4, in the `Authorization` header.
///
/// Pure: the same request, credentials and time give the same headers; nothing is read from the
/// clock or the environment, and what credentials keep of a signature is never seen. The result must be sent together with exactly what was signed: the
/// path as given, the query as `SigV4.queryString` writes it, and the headers passed in.
///
/// ```swift
/// let signer = SigV4(credentials: credentials, region: "us-east-1", service: "iam")
/// let request = SigV4.Request(
///   method: "POST", host: "iam.amazonaws.com", path: "/",
///   headers: [.init("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
///   payloadHash: SHA256.hexDigest(body))
/// for field in signer.headers(for: request, at: now) { … }
/// ```
///
/// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/
/// reference_sigv-create-signed-request.html
public struct SigV4: Sendable {
  /// What AWS hands out to sign with. `sessionToken` is there for temporary credentials only.
  public struct Credentials: Sendable, Equatable {
    public let accessKeyID: String
    public let secretAccessKey: Secret
    public let sessionToken: Secret?
    /// Shared by all copies.
    let signingKeys = SigningKeys()

    public init(accessKeyID: String, secretAccessKey: Secret, sessionToken: Secret? = nil) {
      self.accessKeyID = accessKeyID
      self.secretAccessKey = secretAccessKey
      self.sessionToken = sessionToken
    }

    public static func == (left: Self, right: Self) -> Bool {
      left.accessKeyID == right.accessKeyID && left.secretAccessKey == right.secretAccessKey
        && left.sessionToken == right.sessionToken
    }
  }

  /// A header or a query item. A query item is not percent-encoded.
  public struct Field: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The parts of a request that are signed.
  public struct Request: Sendable, Equatable {
    /// In capitals.
    public var method: String
    /// As in the `Host` header: with the port where it is not the scheme's own.
    public var host: String
    /// Percent-encoded, as it is sent; empty is `/`.
    public var path: String
    /// Not percent-encoded, in any order.
    public var query: [Field]
    /// Headers to sign besides `host` and those that the signer adds. Leave out what a proxy or
    /// the client may change: `user-agent`, `connection`, `expect`.
    public var headers: [Field]
    /// Lower-case hexadecimal SHA-256 of the body.
    public var payloadHash: String

    public init(
      method: String, host: String, path: String, query: [Field] = [], headers: [Field] = [],
      payloadHash: String = SHA256.hexDigest("")
    ) {
      self.method = method
      self.host = host
      self.path = path
      self.query = query
      self.headers = headers
      self.payloadHash = payloadHash
    }
  }

  public var credentials: Credentials
  public var region: String
  /// The signing name, which may differ from the endpoint's (`monitoring`, `execute-api`).
  public var service: String
  /// Whether the path is normalised and percent-encoded once more: every service but S3.
  public var doubleEncodesPath: Bool
  /// Whether `x-amz-content-sha256` is added and signed, as S3 demands.
  public var addsContentHash: Bool

  /// A signer for one service in one region.
  ///
  /// - Parameters:
  ///   - doubleEncodesPath: `nil` decides by the service: all but `s3`.
  ///   - addsContentHash: `nil` decides by the service: only `s3`.
  public init(
    credentials: Credentials, region: String, service: String, doubleEncodesPath: Bool? = nil,
    addsContentHash: Bool? = nil
  ) {
    self.credentials = credentials
    self.region = region
    self.service = service
    self.doubleEncodesPath = doubleEncodesPath ?? (service != "s3")
    self.addsContentHash = addsContentHash ?? (service == "s3")
  }

  /// The headers to add to the request, `authorization` last; all names in lower case.
  ///
  /// `x-amz-date` always, `x-amz-security-token` for temporary credentials,
  /// `x-amz-content-sha256` where `addsContentHash`. AWS accepts a signature for about five
  /// minutes around `time`, which is cut to whole seconds.
  public func headers(for request: Request, at time: Timestamp) -> [Field] {
    let instant = compact(time)
    var added = [Field("x-amz-date", instant)]
    if addsContentHash { added.append(Field("x-amz-content-sha256", request.payloadHash)) }
    if let token = credentials.sessionToken?.text {
      added.append(Field("x-amz-security-token", token))
    }
    let canonical = CanonicalRequest(
      request, added: added, normalizesPath: doubleEncodesPath)
    let day = String(instant.prefix(8))
    let scope = "\(day)/\(region)/\(service)/aws4_request"
    let toSign = "AWS4-HMAC-SHA256\n\(instant)\n\(scope)\n\(SHA256.hexDigest(canonical.text))"
    let key = credentials.signingKeys.key(scope: scope, day: day) { signingKey(day: day) }
    let signature = Hex.encode(HMAC.sha256(toSign.utf8, key: key))
    added.append(
      Field(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope), "
          + "SignedHeaders=\(canonical.signedHeaders), Signature=\(signature)"))
    return added
  }

  /// A query string as AWS expects it signed and sent: sorted, percent-encoded, without `?`.
  public static func queryString(_ items: [Field]) -> String {
    items
      .map { (percentEncode($0.name), percentEncode($0.value)) }
      .sorted { $0 < $1 }
      .map { "\($0)=\($1)" }
      .joined(separator: "&")
  }

  /// The text's UTF-8 bytes with everything but `A-Z a-z 0-9 - . _ ~` as `%XX`.
  ///
  /// - Parameter keepsSlashes: true for a whole path.
  public static func percentEncode(_ text: String, keepsSlashes: Bool = false) -> String {
    var encoded: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        encoded.append(byte)
      case UInt8(ascii: "/") where keepsSlashes:
        encoded.append(byte)
      default:
        encoded.append(UInt8(ascii: "%"))
        encoded.append(Hex.digit(byte >> 4, letters: "A"))
        encoded.append(Hex.digit(byte & 15, letters: "A"))
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private func signingKey(day: String) -> Secret {
    var key = Array("AWS4".utf8) + credentials.secretAccessKey.bytes
    for part in [day, region, service, "aws4_request"] {
      key = HMAC.sha256(part.utf8, key: key)
    }
    return Secret(key)
  }

  /// `20150830T123600Z`.
  private func compact(_ time: Timestamp) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(16)
    seconds: for byte in time.description.utf8 {
      switch byte {
      case UInt8(ascii: "-"), UInt8(ascii: ":"): continue
      case UInt8(ascii: "."), UInt8(ascii: "Z"): break seconds
      default: text.append(byte)
      }
    }
    text.append(UInt8(ascii: "Z"))
    return String(decoding: text, as: UTF8.self)
  }
}
