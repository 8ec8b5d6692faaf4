internal import Extraction
internal import JSONReader
internal import Model

// Who becomes a role with a certificate, from outside of AWS: a certificate of a trust anchor's
// authority, a profile that names the role, and a role that trusts the service.

extension AWSService {
  static let rolesAnywhere = AWSService(
    "rolesanywhere", .restJSON, pages: "rolesanywhere/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken")

  static let listTrustAnchors = AWSOperation(
    .rolesAnywhere, "ListTrustAnchors", get: "/trustanchors", paging: pages)
  static let listProfiles = AWSOperation(
    .rolesAnywhere, "ListProfiles", get: "/profiles", paging: pages)
  static let listSubjects = AWSOperation(
    .rolesAnywhere, "ListSubjects", get: "/subjects", paging: pages)
}

extension AWSUnit {
  static let rolesAnywhere: [AWSUnit] = [
    .tree(
      AWSListing(
        .listTrustAnchors, items: ["trustAnchors"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.rolesanywhere.trustAnchor", key: .item("trustAnchorArn"),
            AWSNormalizer.trustAnchor)
        ])),
    .tree(
      AWSListing(
        .listProfiles, items: ["profiles"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.rolesanywhere.profile", key: .item("profileArn"),
            AWSNormalizer.rolesAnywhereProfile)
        ])),
    .tree(
      AWSListing(
        .listSubjects, items: ["subjects"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.rolesanywhere.subject", key: .item("subjectArn"), AWSNormalizer.certificateSubject)
        ])),
  ]
}

extension AWSNormalizer {
  /// Stands for everyone who has a certificate of its authority.
  static func trustAnchor(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let source = try root.inner("source")
    let data = try source?.inner("sourceData")
    let authority = try data?.text("acmPcaArn")
    var (id, assertions) = try record.thing(
      .principalSet, "aws.rolesanywhere.trustAnchor", arn: "trustAnchorArn",
      name: root.name("name"),
      [
        "enabled": root.flag("enabled"), "source": source?.json("sourceType"),
        "certificates": data?.text("x509CertificateData").map {
          .string(PolicyDocument(canonical: .string($0)).digest)
        },
        "revocationByCertificate": root.flag("crlDpRevocationEnabled"),
        "created": root.time("createdAt"),
      ])
    assertions.link(.authenticatesWith, id, authority)
    return assertions
  }

  /// Its roles are what a certificate's holder may become; its policies limit every session.
  static func rolesAnywhereProfile(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var mappings: [String] = []
    for mapping in try root.list("attributeMappings") {
      let field = try mapping.name("certificateField")
      mappings += try mapping.texts("mappingRules", "specifier").map { "\(field)/\($0)" }
    }
    var (id, assertions) = try record.thing(
      .connection, "aws.rolesanywhere.profile", arn: "profileArn", name: root.name("name"),
      [
        "enabled": root.flag("enabled"), "seconds": root.number("durationSeconds"),
        "sessionName": root.flag("acceptRoleSessionName"),
        "instanceProperties": root.flag("requireInstanceProperties"),
        "attributes": mappings.isEmpty ? nil : .set(mappings), "created": root.time("createdAt"),
      ])
    for role in try root.texts("roleArns") {
      assertions.link(.runsAs, id, role, "", ["enabled": try root.flag("enabled")])
    }
    for policy in try root.texts("managedPolicyArns") { assertions.link(.limitedBy, id, policy) }
    if try root.text("sessionPolicy") != nil {
      let policy = "\(id)#session"
      assertions.add(
        policy: policy, type: "aws.rolesanywhere.sessionPolicy", name: "session policy",
        document: try root.policyDocument("sessionPolicy"))
      assertions.link(.limitedBy, id, policy)
    }
    return assertions
  }

  /// A certificate that was used: what the service has seen of it.
  static func certificateSubject(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var assertions = try record.thing(
      .credential, "aws.rolesanywhere.subject", arn: "subjectArn", name: root.name("x509Subject"),
      ["enabled": root.flag("enabled"), "created": root.time("createdAt")]
    ).assertions
    if let day = try root.day("lastSeenAt") { assertions.nodes[0].observed["lastUsed"] = day }
    return assertions
  }
}
