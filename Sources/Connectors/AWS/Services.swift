internal import Extraction

/// An AWS service as data: where it answers, how it is spoken to, how fast.
///
/// Source: botocore's endpoint and service models.
struct AWSService: Sendable {
  enum Wire: Sendable {
    /// Form in, XML out.
    case query
    /// JSON in and out; the target's prefix names the operation in a header.
    case json(target: String)
    /// Paths and query items in, JSON out.
    case restJSON
  }

  enum Reach: Sendable {
    /// One host for all regions, which signs as us-east-1.
    case global(host: String)
    /// A host per region: `NAME.REGION.amazonaws.com`.
    case regional
  }

  /// Part of the host's name, of IAM actions, and the signing name.
  var name: String
  var wire: Wire
  /// Of the query protocol's requests.
  var version: String
  var reach: Reach
  /// Per account and region, for all operations that have no rate of their own. Where AWS does not
  /// publish one: cautious, and slowed down by the first throttling.
  var rate: Rate

  static let defaultRegion = "us-east-1"

  static let sts = AWSService(
    name: "sts", wire: .query, version: "2011-06-15", reach: .regional, rate: Rate(perSecond: 10))
  static let iam = AWSService(
    name: "iam", wire: .query, version: "2010-05-08", reach: .global(host: "iam.amazonaws.com"),
    rate: Rate(perSecond: 15))
  static let organizations = AWSService(
    name: "organizations", wire: .json(target: "AWSOrganizationsV20161128"), version: "2016-11-28",
    reach: .global(host: "organizations.us-east-1.amazonaws.com"), rate: Rate(perSecond: 4))
  /// Source: Lambda Developer Guide, "Lambda quotas": 15 control plane requests a second.
  static let lambda = AWSService(
    name: "lambda", wire: .restJSON, version: "2015-03-31", reach: .regional,
    rate: Rate(perSecond: 15))

  var isRegional: Bool { if case .regional = reach { true } else { false } }

  func host(in region: String) -> String {
    switch reach {
    case .global(let host): host
    case .regional: "\(name).\(region).amazonaws.com"
    }
  }

  func signingRegion(in region: String) -> String {
    isRegional ? region : Self.defaultRegion
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

/// One read of a service, as data.
struct AWSOperation: Sendable {
  struct Paging: Sendable {
    /// Name of the cursor in the request.
    var input: String
    /// Name of the cursor in the answer.
    var output: String
    /// Name of the flag that says whether there is more, where the service has one.
    var more: String?
    /// How many items to ask for, where asking helps.
    var limit: (name: String, value: Int)?
  }

  var service: AWSService
  var name: String
  /// Of REST services; `{Name}` is replaced by the input of that name.
  var path = "/"
  /// Sent with every call.
  var fixed: [String: String] = [:]
  var paging: Paging?
  /// Where it differs from the service's.
  var rate: Rate?
  /// Whether it shares the service's rate or has its own.
  var hasOwnRate: Bool { rate != nil }

  /// As in evidence, and the IAM action: for all operations so far the same.
  var fullName: String { "\(service.name):\(name)" }

  var description: OperationDescription {
    let page =
      switch service.name {
      case "iam": "IAM/latest/APIReference"
      case "sts": "STS/latest/APIReference"
      case "organizations": "organizations/latest/APIReference"
      default: "\(service.name)/latest/api"
      }
    return OperationDescription(
      service: service.name, operation: name, permission: fullName,
      source: "https://docs.aws.amazon.com/\(page)/API_\(name).html")
  }
}
