internal import Extraction
internal import JSONReader
internal import Model

// Cognito's user pools: whom they let in, what that starts, and which roles their groups get.

extension AWSUnit {
  private static func userPool(_ id: AWSValue) -> AWSValue {
    .joined(["arn:aws:cognito-idp:", .region, ":", .account, ":userpool/", id])
  }

  static let userPools = AWSUnit.tree(
    AWSListing(
      .listUserPools, items: ["UserPools"],
      each: [
        AWSListing(
          .describeUserPool, ["UserPoolId": .item("Id")],
          [
            AWSKind(
              "aws.cognito.userPool", key: .item("UserPool", "Arn"),
              members: [
                ("Arn", .item("UserPool", "Arn")), ("Id", .item("UserPool", "Id")),
                ("Name", .item("UserPool", "Name")),
                ("CreationDate", .item("UserPool", "CreationDate")),
                ("MfaConfiguration", .item("UserPool", "MfaConfiguration")),
                ("UserPoolTags", .item("UserPool", "UserPoolTags")),
                ("LambdaConfig", .item("UserPool", "LambdaConfig")),
                (
                  "AllowAdminCreateUserOnly",
                  .item("UserPool", "AdminCreateUserConfig", "AllowAdminCreateUserOnly")
                ),
              ], AWSNormalizer.userPool)
          ]),
        AWSListing(
          .listUserPoolGroups, ["UserPoolId": .item("Id")], items: ["Groups"],
          isOmittedWhenEmpty: true,
          [
            AWSKind(
              "aws.cognito.userGroup",
              key: .joined([userPool(.parent("Id")), "/group/", .item("GroupName")]),
              members: [
                ("Pool", userPool(.parent("Id"))), ("GroupName", .item("GroupName")),
                ("RoleArn", .item("RoleArn")), ("Precedence", .item("Precedence")),
              ], AWSNormalizer.userGroup)
          ]),
      ]))
}

extension AWSNormalizer {
  /// Its issuer is what identity pools and other verifiers of its tokens trust.
  static func userPool(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let region = try record.arn("Arn").parts.region
    let isOpen = try root.optionalBool(at: "AllowAdminCreateUserOnly") == false
    var (id, assertions) = try record.thing(
      .credential, "aws.cognito.userPool", arn: "Arn", name: root.name("Name"),
      [
        "selfSignUp": .bool(isOpen), "multiFactor": root.json("MfaConfiguration"),
        "created": root.time("CreationDate"), "tags": root.anyTags("UserPoolTags"),
      ])
    assertions.nodes[0].defines.append(
      "oidc:https://cognito-idp.\(region).amazonaws.com/\(try root.name("Id"))")
    if isOpen { assertions.link(.authenticatesWith, anyoneNodeID, id) }
    for trigger in try root.optionalObject(at: "LambdaConfig").map(Array.init) ?? [] {
      let function = trigger.value.string ?? trigger.value["LambdaArn"]?.string
      guard let function, ARNParts(function)?.service == "lambda" else { continue }
      assertions.link(.triggers, id, unqualified(function), trigger.key)
    }
    return assertions
  }

  /// The role that a group's members take on.
  static func userGroup(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let pool = try root.name("Pool")
    let name = try root.name("GroupName")
    try record.check("\(pool)/group/\(name)")
    var assertions = Assertions()
    assertions.link(.authenticatesAs, pool, try root.text("RoleArn"), "group \(name)")
    return assertions
  }
}
