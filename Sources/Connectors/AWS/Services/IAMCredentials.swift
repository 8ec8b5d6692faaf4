internal import Extraction
internal import JSONReader
internal import Model

// What identities authenticate with, and what trusts them, beside roles, users and keys.

extension AWSOperation {
  private static let pages = Paging("Marker", more: "IsTruncated", limit: ("MaxItems", 1000))

  static let listInstanceProfiles = AWSOperation(.iam, "ListInstanceProfiles", paging: pages)
  static let listOIDCProviders = AWSOperation(.iam, "ListOpenIDConnectProviders")
  static let getOIDCProvider = AWSOperation(.iam, "GetOpenIDConnectProvider")
  static let listSAMLProviders = AWSOperation(.iam, "ListSAMLProviders")
  static let getSAMLProvider = AWSOperation(.iam, "GetSAMLProvider")
  static let listServerCertificates = AWSOperation(.iam, "ListServerCertificates", paging: pages)
  static let listAccountAliases = AWSOperation(.iam, "ListAccountAliases", paging: pages)
  static let listServiceCredentials = AWSOperation(
    .iam, "ListServiceSpecificCredentials", fixed: ["AllUsers": "true"],
    paging: Paging("Marker", more: "IsTruncated"))
}

extension AWSUnit {
  static let iamCredentials: [AWSUnit] = [
    .tree(
      AWSListing(
        .listInstanceProfiles, items: ["InstanceProfiles"],
        [AWSKind("aws.iam.instanceProfile", key: .item("Arn"), AWSNormalizer.instanceProfile)])),
    .tree(
      AWSListing(
        .listOIDCProviders, items: ["OpenIDConnectProviderList"],
        each: [
          AWSListing(
            .getOIDCProvider, ["OpenIDConnectProviderArn": .item("Arn")],
            [
              AWSKind(
                "aws.iam.oidcProvider", key: .parent("Arn"),
                members: [("Arn", .parent("Arn")), ("Provider", .at(0, []))],
                AWSNormalizer.oidcProvider)
            ])
        ])),
    .tree(
      AWSListing(
        .listSAMLProviders, items: ["SAMLProviderList"],
        each: [
          AWSListing(
            .getSAMLProvider, ["SAMLProviderArn": .item("Arn")],
            [
              AWSKind(
                "aws.iam.samlProvider", key: .parent("Arn"),
                members: [("Arn", .parent("Arn")), ("Provider", .at(0, []))],
                redaction: Redaction(
                  "metadata documents and keys: dropped",
                  removed: ["Provider.SAMLMetadataDocument", "Provider.PrivateKeyList"]),
                AWSNormalizer.samlProvider)
            ])
        ])),
    .tree(
      AWSListing(
        .listServerCertificates, items: ["ServerCertificateMetadataList"],
        [
          AWSKind("aws.iam.serverCertificate", key: .item("Arn"), AWSNormalizer.serverCertificate)
        ])),
    .tree(
      AWSListing(
        .listAccountAliases, items: ["AccountAliases"],
        [
          AWSKind(
            "aws.iam.accountAlias", key: .item(), members: [("Alias", .item())],
            AWSNormalizer.accountAlias)
        ])),
    .tree(
      AWSListing(
        .listServiceCredentials, items: ["ServiceSpecificCredentials"],
        [
          AWSKind(
            "aws.iam.serviceCredential", key: .item("ServiceSpecificCredentialId"),
            AWSNormalizer.serviceCredential)
        ])),
  ]
}

extension AWSNormalizer {
  /// What carries a role onto a machine: it runs as the role in it.
  static func instanceProfile(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let name = try root.name("InstanceProfileName")
    var (id, assertions) = try record.thing(
      .connection, "aws.iam.instanceProfile", arn: "Arn", name: name,
      ["created": root.time("CreateDate"), "path": root.json("Path")])
    assertions.nodes[0].defines.append(instanceProfileName(name, in: record.scope))
    for role in try root.list("Roles") {
      assertions.link(.runsAs, id, try role.name("Arn"))
    }
    return assertions
  }

  /// Its issuer is the name that tokens of other platforms carry.
  static func oidcProvider(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let provider = try record.root.value(at: "Provider")
    let url = try provider.name("Url")
    return try record.thing(
      .credential, "aws.iam.oidcProvider", arn: "Arn", name: url,
      [
        "issuer": .string(url.hasPrefix("https://") ? url : "https://" + url),
        "audiences": provider.set("ClientIDList"), "created": provider.time("CreateDate"),
        "tags": provider.anyTags("Tags"),
      ]
    ).assertions
  }

  static func samlProvider(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let provider = try record.root.value(at: "Provider")
    return try record.thing(
      .credential, "aws.iam.samlProvider", arn: "Arn", name: nil,
      [
        "validUntil": provider.time("ValidUntil"), "created": provider.time("CreateDate"),
        "tags": provider.anyTags("Tags"),
      ]
    ).assertions
  }

  static func serverCertificate(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .credential, "aws.iam.serverCertificate", arn: "Arn",
      name: root.name("ServerCertificateName"),
      ["uploaded": root.time("UploadDate"), "expires": root.time("Expiration")]
    ).assertions
  }

  /// The name that an account's sign-in page has.
  static func accountAlias(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let alias = try record.identifier(record.root.value(at: "Alias"))
    let id = "aws:account-alias:\(alias)"
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .container, type: "aws.iam.accountAlias", name: alias, defines: [id],
        state: ["account": .string(record.scope.account)])
    ])
    assertions.link(.contains, id, "aws:account:\(record.scope.account)")
    return assertions
  }

  /// A user name and password, or a key, for one service.
  static func serviceCredential(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let key = try record.identifier(root.value(at: "ServiceSpecificCredentialId"))
    let id = "aws:service-credential:\(key)"
    let node = Node(
      id: id, kind: .credential, type: "aws.iam.serviceCredential", name: key,
      state: .present([
        "account": .string(record.scope.account), "status": try root.json("Status"),
        "service": try root.json("ServiceName"), "created": try root.time("CreateDate"),
        "expires": try root.time("ExpirationDate"),
      ]))
    var assertions = Assertions(nodes: [node])
    assertions.link(.authenticatesAs, id, userName(try root.name("UserName"), in: record.scope))
    return assertions
  }
}
