internal import Extraction
internal import JSONReader
internal import Model

// Source: https://docs.aws.amazon.com/lambda/latest/api/API_Types.html

extension AWSNormalizer {
  static func function(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let (arn, parts) = try record.arn("FunctionArn")
    let name = try root.name("FunctionName")
    let environment = try shapes(root)
    var layers: [String] = []
    for layer in try root.list("Layers") { layers.append(try layer.name("Arn")) }
    let node = Node(
      id: arn, kind: .automation, type: "aws.lambda.function", name: name, defines: [arn],
      state: .present([
        "account": .string(record.scope.account), "region": .string(String(parts.region)),
        "runtime": try root.json("Runtime"),
        "handler": try root.json("Handler"),
        "packageType": .string(try root.text("PackageType") ?? "Zip"),
        "modified": try root.time("LastModified"),
        "environment": environment.map { .texts($0.mapValues(\.rawValue)) } ?? .null,
        "vpc": try root.optionalValue(at: "VpcConfig")?.json("VpcId"),
        "layers": .set(layers),
      ]))
    var assertions = Assertions(
      nodes: [node], edges: [Edge(.runsAs, from: arn, to: try root.name("Role"))])
    var stored = StoredValues()
    for (name, shape) in environment ?? [:] { stored.add(name, shape) }
    assertions.store(stored, in: arn, "aws.lambda.environment", name: "environment of \(name)")
    return assertions
  }

  /// The extractor's shape of each environment variable; `nil` where they are not known, as when
  /// AWS could not decrypt them for the reader (`Environment.Error`): unknown is not empty.
  private static func shapes(_ root: JSONView) throws(JSONError) -> [String: Redaction.Shape]? {
    guard let environment = try root.optionalObject(at: "Environment"), !environment.isEmpty
    else { return [:] }
    guard let variables = try root.optionalObject(at: "Environment", "Variables") else {
      return nil
    }
    var shapes: [String: Redaction.Shape] = [:]
    for variable in variables { shapes[variable.key] = try variable.value.shape() }
    return shapes
  }

  static func functionPolicy(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let (arn, parts) = try record.arn("FunctionArn")
    let id = arn + "#policy"
    var assertions = Assertions(edges: [Edge(.governs, from: id, to: arn)])
    assertions.add(
      policy: id, type: "aws.lambda.resourcePolicy", name: "resource policy of \(parts.name)",
      document: try record.root.policyDocument("Policy"))
    return assertions
  }

  static func functionURL(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let arn = try record.arn("FunctionArn").text
    var cors: JSON?
    if let value = try root.optionalValue(at: "Cors") {
      var origins: [String] = []
      for origin in try value.list("AllowOrigins") { origins.append(try origin.string()) }
      if !origins.isEmpty { cors = ["allowOrigins": .set(origins)] }
    }
    let edge = Edge(
      .triggers, from: anyoneNodeID, to: arn, discriminator: "url",
      state: .present([
        "authType": .string(try root.name("AuthType")),
        "url": try root.json("FunctionUrl"),
        "invokeMode": try root.json("InvokeMode"), "cors": cors,
      ]))
    return Assertions(edges: [edge])
  }

  /// A self-managed Kafka cluster has no ARN, so no name that joins: nothing is asserted.
  static func eventSourceMapping(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let id = try record.identifier(root.value(at: "UUID"))
    let function = try root.name("FunctionArn")
    let state = try root.name("State")
    guard let source = try root.text("EventSourceArn") else { return Assertions() }
    guard let parts = ARNParts(source) else {
      throw try root.value(at: "EventSourceArn").mismatch("an ARN", "another text")
    }
    let edge = Edge(
      .triggers, from: source, to: function, discriminator: id,
      state: [
        "enabled": .bool(["Enabled", "Enabling", "Updating"].contains(state)),
        "source": .string(String(parts.service)),
      ])
    return Assertions(edges: [edge])
  }
}
