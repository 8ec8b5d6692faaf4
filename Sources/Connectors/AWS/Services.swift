internal import Extraction
internal import Model

/// An AWS service as data: where it answers, how it is spoken to, how fast.
///
/// The values are in the files of `Services/`. Source: botocore's endpoint and service models.
struct AWSService: Sendable {
  enum Wire: Sendable, Equatable {
    /// Form in, XML out, within `<OperationResponse><OperationResult>`.
    case query
    /// Form in with flat lists, XML out within `<OperationResponse>`.
    case ec2
    /// JSON in and out; the target's prefix names the operation in a header.
    case json(target: String, version: String = "1.1")
    /// Paths, query items and bodies in, JSON out.
    case restJSON
    /// Paths and query items in, XML out.
    case restXML
  }

  enum Reach: Sendable, Equatable {
    /// One host for all regions, which signs as one of them.
    case global(host: String, region: String = AWSService.defaultRegion)
    /// A host per region: `PREFIX.REGION.DOMAIN`.
    case regional
  }

  /// As AWS's own tools call it; part of a call's name in evidence.
  var name: String
  var wire: Wire
  /// Of the query protocols' requests.
  var version: String
  var reach: Reach
  /// First part of the host's name; `{Name}` is replaced by the input of that name.
  var prefix: String
  /// Last part of a regional host's name.
  var domain: String
  var signingName: String
  /// First part of its IAM actions.
  var actionPrefix: String
  /// Per account and region, for all operations that have no rate of their own. Where AWS does not
  /// publish one: cautious, and slowed down by the first throttling.
  var rate: Rate
  /// Where its operations are described, under docs.aws.amazon.com.
  var pages: String
  /// Sent with every request.
  var fields: [String: String]

  init(
    _ name: String, _ wire: Wire, version: String = "", reach: Reach = .regional,
    prefix: String? = nil, domain: String = "amazonaws.com", signingName: String? = nil,
    actionPrefix: String? = nil, perSecond: Double = 5, pages: String,
    fields: [String: String] = [:]
  ) {
    self.name = name
    self.wire = wire
    self.version = version
    self.reach = reach
    self.prefix = prefix ?? name
    self.domain = domain
    self.signingName = signingName ?? self.prefix
    self.actionPrefix = actionPrefix ?? self.signingName
    rate = Rate(perSecond: perSecond)
    self.pages = pages
    self.fields = fields
  }

  static let defaultRegion = "us-east-1"

  var isRegional: Bool { reach == .regional }

  var isXML: Bool {
    switch wire {
    case .query, .ec2, .restXML: true
    case .json, .restJSON: false
    }
  }

  func host(in region: String, _ input: [String: JSON] = [:]) -> String {
    switch reach {
    case .global(let host, _): AWSOperation.filled(host, input)
    case .regional: "\(AWSOperation.filled(prefix, input)).\(region).\(domain)"
    }
  }

  func signingRegion(in region: String) -> String {
    if case .global(_, let region) = reach { region } else { region }
  }
}

/// Where requests go.
struct AWSEndpoint: Sendable, Equatable {
  var scheme: String
  /// Host and port.
  var authority: String

  init(scheme: String, authority: String) {
    self.scheme = scheme
    self.authority = authority
  }

  /// Reads `http://127.0.0.1:5000`; `nil` unless it is plain HTTP to this machine, with a port.
  init?(loopback text: String) {
    guard text.hasPrefix("http://") else { return nil }
    let authority = text.dropFirst(7)
    guard let colon = authority.lastIndex(of: ":"),
      let port = UInt16(authority[authority.index(after: colon)...]), port > 0,
      ["127.0.0.1", "localhost", "[::1]"].contains(authority[..<colon])
    else { return nil }
    self.init(scheme: "http", authority: String(authority))
  }
}
