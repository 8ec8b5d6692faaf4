internal import Extraction
internal import JSONReader
internal import Model

// Resources that accounts share with each other by Resource Access Manager.

extension AWSService {
  static let resourceSharing = AWSService(
    "ram", .restJSON, pages: "ram/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 500))

  static let getResourceShares = AWSOperation(
    .resourceSharing, "GetResourceShares", post: "/getresourceshares", paging: pages)
  static let getShareAssociations = AWSOperation(
    .resourceSharing, "GetResourceShareAssociations", post: "/getresourceshareassociations",
    paging: pages)
  static let listSharedResources = AWSOperation(
    .resourceSharing, "ListResources", post: "/listresources", paging: pages)
}

extension AWSUnit {
  private static func associations(_ type: AWSValue, _ kind: AWSKind) -> AWSUnit {
    .tree(
      AWSListing(
        .getShareAssociations, ["associationType": type], items: ["resourceShareAssociations"],
        isOmittedWhenEmpty: true, [kind]))
  }

  static let resourceSharing: [AWSUnit] = [
    .tree(
      AWSListing(
        .getResourceShares, ["resourceOwner": "SELF"], items: ["resourceShares"],
        isOmittedWhenEmpty: true,
        [AWSKind("aws.ram.share", key: .item("resourceShareArn"), AWSNormalizer.resourceShare)])),
    associations(
      "PRINCIPAL",
      AWSKind(
        "aws.ram.principal",
        key: .joined([.item("resourceShareArn"), "#principal/", .item("associatedEntity")]),
        AWSNormalizer.sharePrincipal)),
    associations(
      "RESOURCE",
      AWSKind(
        "aws.ram.resource",
        key: .joined([.item("resourceShareArn"), "#resource/", .item("associatedEntity")]),
        AWSNormalizer.shareResource)),
    .tree(
      AWSListing(
        .getResourceShares, ["resourceOwner": "OTHER-ACCOUNTS"], items: ["resourceShares"],
        isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.ram.receivedShare", key: .item("resourceShareArn"), AWSNormalizer.receivedShare)
        ])),
    .tree(
      AWSListing(
        .listSharedResources, ["resourceOwner": "OTHER-ACCOUNTS"], items: ["resources"],
        isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.ram.receivedResource",
            key: .joined([.item("resourceShareArn"), "#received/", .item("arn")]),
            AWSNormalizer.receivedResource)
        ])),
  ]
}

extension AWSNormalizer {
  /// What no longer gives anyone anything; AWS lists it for some hours.
  private static let ended: Set<String> = ["DELETED", "DISASSOCIATED", "FAILED"]

  static func resourceShare(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (_, assertions) = try record.thing(
      .grant, "aws.ram.share", arn: "resourceShareArn", name: root.name("name"),
      [
        "status": root.json("status"), "external": root.flag("allowExternalPrincipals"),
        "featureSet": root.json("featureSet"), "created": root.time("creationTime"),
        "tags": root.anyTags("tags"),
      ])
    return ended.contains(try root.text("status") ?? "") ? Assertions() : assertions
  }

  /// With whom: an account, an organization or a part of it, a role, a user, a service.
  static func sharePrincipal(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let share = try root.name("resourceShareArn")
    let entity = try root.name("associatedEntity")
    try record.check("\(share)#principal/\(entity)")
    var assertions = Assertions()
    guard !ended.contains(try root.text("status") ?? "") else { return assertions }
    let isAccount = entity.utf8.count == 12 && entity.utf8.allSatisfy { (0x30...0x39).contains($0) }
    let principal =
      isAccount
      ? "aws:account:\(entity)" : entity.hasPrefix("arn:") ? entity : "aws:service:\(entity)"
    assertions.link(
      .hasGrant, principal, share, "",
      ["status": try root.json("status"), "external": try root.flag("external")])
    return assertions
  }

  static func shareResource(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let share = try root.name("resourceShareArn")
    let resource = try root.name("associatedEntity")
    try record.check("\(share)#resource/\(resource)")
    var assertions = Assertions()
    guard !ended.contains(try root.text("status") ?? "") else { return assertions }
    assertions.link(.within, share, resource, "", ["status": try root.json("status")])
    return assertions
  }

  /// The share is the other account's to describe; here it is only known to exist.
  static func receivedShare(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let share = try record.identifier(root.value(at: "resourceShareArn"))
    var assertions = Assertions()
    guard !ended.contains(try root.text("status") ?? "") else { return assertions }
    assertions.link(
      .hasGrant, "aws:account:\(record.scope.account)", share, "received",
      ["status": try root.json("status"), "owner": try root.json("owningAccountId")])
    return assertions
  }

  static func receivedResource(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let share = try root.name("resourceShareArn")
    let resource = try root.name("arn")
    try record.check("\(share)#received/\(resource)")
    var assertions = Assertions()
    assertions.link(
      .within, share, resource, "received", ["type": try root.json("type")])
    return assertions
  }
}
