internal import Extraction
internal import JSONReader
internal import Model

// Under which name agents ask for tokens and keys of other services, and which there are. The
// secrets themselves are in Secrets Manager; only their ARNs are here.

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 20))

  static let listWorkloadIdentities = identity("ListWorkloadIdentities", paging: pages)
  static let getWorkloadIdentity = identity("GetWorkloadIdentity")
  static let listOAuthProviders = identity("ListOauth2CredentialProviders", paging: pages)
  static let getOAuthProvider = identity("GetOauth2CredentialProvider")
  static let listKeyProviders = identity("ListApiKeyCredentialProviders", paging: pages)
  static let getKeyProvider = identity("GetApiKeyCredentialProvider")

  private static func identity(_ name: String, paging: Paging? = nil) -> AWSOperation {
    AWSOperation(.agentCore, name, post: "/identities/\(name)", paging: paging)
  }
}

extension AWSUnit {
  private static func named(
    _ list: AWSOperation, _ items: String, _ get: AWSOperation, _ kind: AWSKind
  ) -> AWSUnit {
    .tree(
      AWSListing(
        list, items: [items], each: [AWSListing(get, ["name": .item("name")], [kind])]))
  }

  static let agentCoreIdentity: [AWSUnit] = [
    named(
      .listWorkloadIdentities, "workloadIdentities", .getWorkloadIdentity,
      AWSKind(
        "aws.agentcore.workloadIdentity", key: .item("workloadIdentityArn"),
        redaction: Redaction(
          "return addresses: reduced to their host", hosts: ["allowedResourceOauth2ReturnUrls"]),
        AWSNormalizer.workloadIdentity)),
    named(
      .listOAuthProviders, "credentialProviders", .getOAuthProvider,
      AWSKind(
        "aws.agentcore.oauthProvider", key: .item("credentialProviderArn"),
        redaction: Redaction(
          note: "of a provider only its client, issuer and the ARN of its secret",
          published: { try AWSNormalizer.reducedProvider($0) }), AWSNormalizer.oauthProvider)),
    named(
      .listKeyProviders, "credentialProviders", .getKeyProvider,
      AWSKind(
        "aws.agentcore.keyProvider", key: .item("credentialProviderArn"),
        AWSNormalizer.keyProvider)),
  ]
}

extension AWSNormalizer {
  static func workloadIdentity(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .identity, "aws.agentcore.workloadIdentity", arn: "workloadIdentityArn",
      name: root.name("name"),
      [
        "returnHosts": root.set("allowedResourceOauth2ReturnUrls"),
        "created": root.time("createdTime"),
      ]
    ).assertions
  }

  /// What is published of a provider. Its configuration is under a name of its vendor.
  static func reducedProvider(_ provider: JSONView) throws -> [UInt8] {
    let output = try provider.inner("oauth2ProviderConfigOutput")
    let configuration = output?.members.map(Array.init)?.first { $0.value.kind == .object }?.value
    let discovery = try configuration?.inner("oauthDiscovery")
    let metadata = try discovery?.inner("authorizationServerMetadata")
    let named = try metadata?.text("issuer")
    let found = try discovery?.text("discoveryUrl")
    return JSON.members([
      "credentialProviderArn": try provider.json("credentialProviderArn"),
      "name": try provider.json("name"), "vendor": try provider.json("credentialProviderVendor"),
      "status": try provider.json("status"), "source": try provider.json("clientSecretSource"),
      "createdTime": try provider.optionalValue(at: "createdTime").map { JSON($0) },
      "secretArn": try provider.inner("clientSecretArn")?.json("secretArn"),
      "clientId": try configuration?.json("clientId"),
      "authentication": try configuration?.json("clientAuthenticationMethod"),
      "issuer": (named ?? found).flatMap(issuer),
    ]).bytes
  }

  /// An issuer without what could carry a secret: scheme, host and path.
  private static func issuer(_ address: String) -> JSON? {
    guard let host = hostName(address), let start = address.firstRange(of: "://") else {
      return nil
    }
    let path = address[start.upperBound...].drop { !"/?#".contains($0) }
      .prefix { !"?#".contains($0) }
    return .string("https://\(host.dropFirst("https-host:".count))\(path)")
  }

  /// A client of an OAuth server. Where that is Entra's, the application is known by name.
  static func oauthProvider(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (client, issuer) = (try root.text("clientId"), try root.text("issuer"))
    var (id, assertions) = try record.thing(
      .credential, "aws.agentcore.oauthProvider", arn: "credentialProviderArn",
      name: root.name("name"),
      [
        "vendor": root.json("vendor"), "status": root.json("status"),
        "client": client.map(JSON.string), "issuer": issuer.map(JSON.string),
        "authentication": root.json("authentication"), "secretSource": root.json("source"),
        "created": root.time("createdTime"),
      ])
    assertions.link(.stores, try root.text("secretArn"), id)
    let parts = issuer?.split(separator: "/") ?? []
    if let client, parts.count > 2, parts[1] == "login.microsoftonline.com",
      parts[2].utf8.count == 36
    {
      assertions.link(
        .authenticatesAs, id, "entra:\(parts[2].lowercased())/\(client.lowercased())")
    }
    return assertions
  }

  static func keyProvider(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .credential, "aws.agentcore.keyProvider", arn: "credentialProviderArn",
      name: root.name("name"),
      ["secretSource": root.json("apiKeySecretSource"), "created": root.time("createdTime")])
    assertions.link(.stores, try root.inner("apiKeySecretArn")?.text("secretArn"), id)
    return assertions
  }
}
