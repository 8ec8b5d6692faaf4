internal import Extraction
internal import JSONReader
internal import Model

// What of a function is not its newest code: versions, the aliases that name them, where results of
// asynchronous calls go; and the layers that functions are made of.

extension AWSOperation {
  private static let pages = Paging("Marker", output: ["NextMarker"])

  /// Every published version beside the functions themselves, without a call for each function.
  static let listFunctionVersions = AWSOperation(
    .lambda, "ListFunctions", get: "/2015-03-31/functions", fixed: ["FunctionVersion": "ALL"],
    paging: pages)
  static let listAliases = AWSOperation(
    .lambda, "ListAliases", get: "/2015-03-31/functions/{FunctionName}/aliases", paging: pages)
  static let listEventInvokeConfigs = AWSOperation(
    .lambda, "ListFunctionEventInvokeConfigs",
    get: "/2019-09-25/functions/{FunctionName}/event-invoke-config/list", paging: pages)
  static let listLayers = AWSOperation(
    .lambda, "ListLayers", get: "/2018-10-31/layers", paging: pages)
  static let listLayerVersions = AWSOperation(
    .lambda, "ListLayerVersions", get: "/2018-10-31/layers/{LayerName}/versions", paging: pages)
  static let getLayerVersionPolicy = AWSOperation(
    .lambda, "GetLayerVersionPolicy",
    get: "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy")
}

extension AWSUnit {
  static let versions = AWSUnit.tree(
    AWSListing(
      .listFunctionVersions, items: ["Functions"],
      [
        AWSKind(
          "aws.lambda.version", key: .item("FunctionArn"), redaction: .environment,
          AWSNormalizer.functionVersion)
      ]))

  /// An alias has a policy and a URL of its own.
  static let aliases = AWSListing(
    .listAliases, ["FunctionName": .item("FunctionName")], items: ["Aliases"],
    [AWSKind("aws.lambda.alias", key: .item("AliasArn"), AWSNormalizer.functionAlias)],
    each: [
      AWSListing(
        .getPolicy, ["FunctionName": .parent("FunctionName"), "Qualifier": .item("Name")],
        [
          AWSKind(
            "aws.lambda.aliasPolicy", key: .parent("AliasArn"),
            members: [("FunctionArn", .parent("AliasArn")), ("Policy", .item("Policy"))],
            AWSNormalizer.functionPolicy)
        ]),
      AWSListing(
        .getFunctionURLConfig,
        ["FunctionName": .parent("FunctionName"), "Qualifier": .item("Name")],
        [AWSKind("aws.lambda.aliasURL", key: .item("FunctionArn"), AWSNormalizer.functionURL)]),
    ])

  static let eventInvokeConfigs = AWSListing(
    .listEventInvokeConfigs, ["FunctionName": .item("FunctionName")],
    items: ["FunctionEventInvokeConfigs"],
    [
      AWSKind(
        "aws.lambda.eventInvokeConfig", key: .item("FunctionArn"),
        AWSNormalizer.eventInvokeConfig)
    ])

  static let layers = AWSUnit.tree(
    AWSListing(
      .listLayers, items: ["Layers"],
      each: [
        AWSListing(
          .listLayerVersions, ["LayerName": .item("LayerName")], items: ["LayerVersions"],
          [
            AWSKind(
              "aws.lambda.layerVersion", key: .item("LayerVersionArn"), AWSNormalizer.layerVersion)
          ],
          each: [
            AWSListing(
              .getLayerVersionPolicy,
              ["LayerName": .parent("LayerName"), "VersionNumber": .item("Version")],
              [
                AWSKind(
                  "aws.lambda.layerPolicy", key: .parent("LayerVersionArn"),
                  members: [("Arn", .parent("LayerVersionArn")), ("Policy", .item("Policy"))],
                  AWSNormalizer.resourcePolicy("aws.lambda.layerPolicy", of: "Arn", "Policy"))
              ])
          ])
      ]))
}

extension AWSNormalizer {
  /// A version is a property of its function: what it adds are the role that it was published with,
  /// and the values that it still stores. The function's own record says the same of `$LATEST`.
  static func functionVersion(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let arn = try record.arn("FunctionArn").text
    let version = try root.name("Version")
    guard version != "$LATEST" else { return Assertions() }
    let function = unqualified(arn)
    var assertions = Assertions()
    assertions.link(.runsAs, function, try root.name("Role"), "version")
    assertions.store(
      try root.inner("Environment")?.storedMembers("Variables") ?? StoredValues(), in: function,
      "aws.lambda.environment", as: arn + "#environment",
      name: "environment of \(try root.name("FunctionName")) \(version)")
    return assertions
  }

  /// A name under which a function can be started: it starts it.
  static func functionAlias(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let weights = try root.inner("RoutingConfig")?.optionalObject(at: "AdditionalVersionWeights")
    let others = weights.map { $0.map(\.key) } ?? []
    var (id, assertions) = try record.thing(
      .automation, "aws.lambda.alias", arn: "AliasArn", name: root.name("Name"),
      ["versions": .set([root.name("FunctionVersion")] + others)])
    assertions.link(.invokes, id, unqualified(id))
    return assertions
  }

  /// Where the results of asynchronous calls go.
  static func eventInvokeConfig(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let function = unqualified(try record.arn("FunctionArn").text)
    let destinations = try record.root.inner("DestinationConfig")
    var assertions = Assertions()
    for name in ["OnSuccess", "OnFailure"] {
      let target = try destinations?.inner(name)?.text("Destination")
      assertions.link(.invokes, function, target.map(unqualified), name)
    }
    return assertions
  }

  static func layerVersion(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (_, parts) = try record.arn("LayerVersionArn")
    let name = parts.resource.split(separator: ":").dropFirst().joined(separator: ":")
    return try record.thing(
      .system, "aws.lambda.layerVersion", arn: "LayerVersionArn", name: name,
      ["created": root.time("CreatedDate"), "runtimes": root.set("CompatibleRuntimes")]
    ).assertions
  }
}
