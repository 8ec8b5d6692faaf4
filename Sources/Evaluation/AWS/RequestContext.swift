internal import Model

/// What is known about a key of a request that nobody has sent yet.
enum KeyValue: Sendable, Hashable {
  case known([String])
  /// The request does not have the key.
  case absent
  /// The caller puts in it what fits: satisfied in an allow, avoided in a deny.
  case callerChosen
  /// An ARN in this account whose last part the caller, who owns the account, chooses.
  case chosenName(account: String)
  /// Only the request can say: source address, VPC, MFA, time, and whatever is not known here.
  case requestContext
  /// It could be known, had this been read.
  case unread(String)
}

/// The keys that conditions and policy variables read. Names are compared in lower case.
/// Source: IAM User Guide, "AWS global condition context keys"; "IAM and AWS STS condition keys".
///
/// In layers, so that what is the same for many requests is there once.
struct RequestContext: Sendable {
  /// What is known of whoever asks, or of its account where it is a principal.
  private var keys: [String: KeyValue] = [:]
  /// Whoever asks, where its policies are in the graph.
  var principal: Principal?
  /// Tags of the principal that are not among `keys`.
  var otherPrincipalTags: KeyValue = .absent
  /// The service that asks, where one does.
  var service: String?
  /// The account of what is asked for, where nothing else of it matters.
  var resourceAccount: String?
  /// What is asked for, where it matters.
  var resource: RequestedResource?
  /// What a method decides, by names in lower case. It counts first.
  var decided: [String: KeyValue] = [:]

  subscript(key: String) -> KeyValue? {
    get { keys[key.lowercased()] }
    set { keys[key.lowercased()] = newValue }
  }

  /// - Parameter key: in lower case.
  func value(of key: String) -> KeyValue {
    if let value = decided[key] { return value }
    if let value = resource?.value(of: key, for: self) { return value }
    if let resourceAccount, key == "aws:resourceaccount" { return .known([resourceAccount]) }
    if let service, key == "aws:principalservicename" { return .known([service]) }
    if let value = keys[key] ?? principal?.value(of: key) { return value }
    if key.hasPrefix("aws:principaltag/") { return otherPrincipalTags }
    if key.contains(":resourcetag/") { return .requestContext }
    if Self.callerChosen.contains(key) || key.hasPrefix("aws:requesttag/") { return .callerChosen }
    if Self.setByServices.contains(key) { return .absent }
    // Whoever asks, asks itself.
    if key == "aws:viaawsservice" { return .known(["false"]) }
    return .requestContext
  }

  private static let callerChosen: Set<String> = [
    "sts:externalid", "sts:rolesessionname", "sts:sourceidentity", "sts:transitivetagkeys",
    "aws:tagkeys", "aws:securetransport", "aws:requestedregion", "iam:associatedresourcearn",
  ]

  /// Present only when a service or an access point stands between: a method that goes through one puts them in `keys`.
  private static let setByServices: Set<String> = [
    "iam:passedtoservice", "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid",
    "aws:sourceorgpaths", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast",
    "aws:principalservicename", "aws:principalservicenameslist", "kms:viaservice",
    "s3:accesspointnetworkorigin", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
  ]
}
