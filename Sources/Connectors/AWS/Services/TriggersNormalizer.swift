internal import Extraction
internal import JSONReader
internal import Model

extension AWSNormalizer {
  private static func api(_ record: AWSRecord, _ id: String) throws(JSONError) -> String {
    record.local("execute-api", try record.root.name("Region"), id)
  }

  /// The function in the address of an integration; the address itself where it is an ARN.
  private static func target(_ uri: String?) -> String? {
    guard let uri else { return nil }
    guard let parts = ARNParts(uri), parts.service == "apigateway" else {
      return uri.hasPrefix("arn:") ? unqualified(uri) : hostName(uri)
    }
    // arn:aws:apigateway:R:lambda:path/2015-03-31/functions/ARN/invocations
    guard let from = uri.firstRange(of: "/functions/") else { return nil }
    let rest = uri[from.upperBound...]
    return unqualified(
      String(rest.hasSuffix("/invocations") ? rest.dropLast("/invocations".count) : rest))
  }

  static func restAPI(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let api = try record.root.value(at: "Api")
    let id = try self.api(record, api.name("id"))
    let endpoint = try api.inner("endpointConfiguration")
    var assertions = try record.thing(
      .automation, "aws.apigateway.restApi", id: id, name: api.name("name"),
      [
        "created": api.time("createdDate"), "endpoints": endpoint?.set("types"),
        "disabled": api.flag("disableExecuteApiEndpoint"), "tags": api.anyTags("tags"),
      ]
    ).assertions
    if let text = try api.text("policy") {
      // AWS escapes the quotes of the policy once more than JSON does.
      let plain = text.hasPrefix("{\\") ? text.replacing("\\\"", with: "\"") : text
      let policy: JSON = ["policy": .string(plain)]
      try assertions.govern(
        id, "aws.apigateway.policy", JSONDocument(parsing: policy.bytes).root, "policy")
    }
    return assertions
  }

  /// What is published of a resource's methods.
  static func reducedMethods(_ record: JSONView) throws -> [UInt8] {
    let resource = try record.value(at: "Resource")
    var methods: [String: JSON] = [:]
    for method in try resource.optionalObject(at: "resourceMethods").map(Array.init) ?? [] {
      let integration = try method.value.inner("methodIntegration")
      methods[method.key] = .members([
        "authorizationType": try method.value.json("authorizationType"),
        "authorizerId": try method.value.json("authorizerId"),
        "apiKeyRequired": try method.value.flag("apiKeyRequired"),
        "integrationType": try integration?.json("type"),
        "uri": try integration?.text("uri").map { uri in
          .string(
            uri.hasPrefix("arn:") ? uri : hostName(uri).map { "https://" + $0.dropFirst(11) } ?? "")
        },
        "credentials": try integration?.json("credentials"),
      ])
    }
    return JSON.members([
      "Region": try record.json("Region"), "ApiId": try record.json("ApiId"),
      "Id": try resource.json("id"), "Path": try resource.json("path"), "Methods": .object(methods),
    ]).bytes
  }

  static func restResource(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let api = try self.api(record, root.name("ApiId"))
    try record.check("\(api)#\(try root.name("Id"))")
    let path = try root.text("Path") ?? "/"
    var assertions = Assertions()
    for method in try root.object(at: "Methods") {
      let name = "\(method.key) \(path)"
      let authorization = try method.value.text("authorizationType") ?? "NONE"
      assertions.link(
        .invokes, api, target(try method.value.text("uri")), name,
        [
          "authType": .string(authorization),
          "apiKey": try method.value.flag("apiKeyRequired"),
        ])
      let credentials = try method.value.text("credentials")
      if let credentials, credentials.hasPrefix("arn:aws:iam::"), !credentials.contains("*") {
        assertions.link(.runsAs, api, credentials, name)
      }
      if authorization == "NONE" {
        assertions.link(
          .triggers, anyoneNodeID, api, name,
          ["authType": "NONE", "apiKey": try method.value.flag("apiKeyRequired")])
      }
    }
    return assertions
  }

  /// A function that decides who may call is started by everyone who tries.
  static func restAuthorizer(_ record: AWSRecord) throws(JSONError) -> Assertions {
    try authorizer(
      record, id: "id", type: "type", function: "authorizerUri", role: "authorizerCredentials"
    ) { authorizer throws(JSONError) in
      let jwt = try authorizer.inner("jwtConfiguration")
      return ["providers": try authorizer.set("providerARNs"), "issuers": try jwt?.set("issuers")]
    }
  }

  static func httpAuthorizer(_ record: AWSRecord) throws(JSONError) -> Assertions {
    try authorizer(
      record, id: "authorizerId", type: "authorizerType", function: "authorizerUri",
      role: "authorizerCredentialsArn"
    ) { authorizer throws(JSONError) in
      let jwt = try authorizer.inner("jwtConfiguration")
      return [
        "issuers": try jwt?.text("issuer").map { .set([$0]) },
        "audiences": try jwt?.set("audience"),
      ]
    }
  }

  private static func authorizer(
    _ record: AWSRecord, id: String, type: String, function: String, role: String,
    _ state: (JSONView) throws(JSONError) -> [String: JSON?]
  ) throws(JSONError) -> Assertions {
    let authorizer = try record.root.value(at: "Authorizer")
    let api = try self.api(record, record.root.name("ApiId"))
    let own = "\(api)#authorizer/\(try authorizer.name(id))"
    var members = try state(authorizer)
    members["authType"] = try authorizer.json(type)
    var assertions = try record.thing(
      .resourceSet, "aws.apigateway.authorizer", id: own, name: authorizer.name("name"), members
    ).assertions
    assertions.link(.contains, api, own)
    let name = "authorizer \(try authorizer.name("name"))"
    assertions.link(.invokes, api, target(try authorizer.text(function)), name)
    let credentials = try authorizer.text(role)
    if let credentials, credentials.hasPrefix("arn:aws:iam::"), !credentials.contains("*") {
      assertions.link(.runsAs, api, credentials, name)
    }
    return assertions
  }

  /// Under which name an API is there to be called: without a stage it is not.
  static func apiStage(_ type: String) -> Kind {
    { record throws(JSONError) in
      let stage = try record.root.value(at: "Stage")
      let api = try self.api(record, record.root.name("ApiId"))
      let name = try stage.name("stageName")
      let id = "\(api)#stage/\(name)"
      var assertions = try record.thing(
        .resourceSet, type, id: id, name: name,
        [
          "webACL": stage.json("webAclArn"), "created": stage.time("createdDate"),
          "log": stage.inner("accessLogSettings")?.json("destinationArn"),
          "tags": stage.anyTags("tags"),
        ]
      ).assertions
      assertions.link(.contains, api, id)
      return assertions
    }
  }

  static func httpAPI(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let api = try record.root.value(at: "Api")
    return try record.thing(
      .automation, "aws.apigateway.httpApi", id: self.api(record, api.name("apiId")),
      name: api.name("name"),
      [
        "protocol": api.json("protocolType"), "url": api.json("apiEndpoint"),
        "disabled": api.flag("disableExecuteApiEndpoint"), "created": api.time("createdDate"),
        "tags": api.anyTags("tags"),
      ]
    ).assertions
  }

  static func httpRoute(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let route = try record.root.value(at: "Route")
    let api = try self.api(record, record.root.name("ApiId"))
    try record.check("\(api)#route/\(try route.name("routeId"))")
    let authorization = try route.text("authorizationType") ?? "NONE"
    var assertions = Assertions()
    if authorization == "NONE" {
      assertions.link(
        .triggers, anyoneNodeID, api, try route.name("routeKey"),
        ["authType": "NONE", "apiKey": try route.flag("apiKeyRequired")])
    }
    return assertions
  }

  static func httpIntegration(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let integration = try record.root.value(at: "Integration")
    let api = try self.api(record, record.root.name("ApiId"))
    let id = try integration.name("integrationId")
    try record.check("\(api)#integration/\(id)")
    var assertions = Assertions()
    assertions.link(
      .invokes, api, target(try integration.text("integrationUri")), id,
      ["type": try integration.json("integrationType")])
    assertions.link(.runsAs, api, try integration.text("credentialsArn"), id)
    return assertions
  }

  static func graphQLAPI(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var types: Set<String> = [try root.text("authenticationType") ?? "unknown"]
    types.formUnion(
      try root.texts("additionalAuthenticationProviders", "authenticationType"))
    let visibility = try root.text("visibility") ?? "GLOBAL"
    var (id, assertions) = try record.thing(
      .automation, "aws.appsync.api", arn: "arn", name: root.name("name"),
      [
        "authTypes": .set(Array(types)), "visibility": .string(visibility),
        "tags": root.anyTags("tags"),
      ])
    // An API key is in the page that every visitor loads.
    if types.contains("API_KEY"), visibility == "GLOBAL" {
      assertions.link(.triggers, anyoneNodeID, id, "apiKey", ["authType": "API_KEY"])
    }
    return assertions
  }

  static func graphQLSource(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let source = try record.root.value(at: "DataSource")
    let id = try record.identifier(source.value(at: "dataSourceArn"))
    let api = try record.root.name("ApiArn")
    var assertions = try record.thing(
      .connection, "aws.appsync.dataSource", id: id, name: source.name("name"),
      ["type": source.json("type")]
    ).assertions
    assertions.link(.connectsTo, api, id)
    assertions.link(.runsAs, api, try source.text("serviceRoleArn"), try source.name("name"))
    let function = try source.inner("lambdaConfig")?.text("lambdaFunctionArn")
    assertions.link(.invokes, api, function.map(unqualified), try source.name("name"))
    assertions.link(.targets, id, try source.inner("eventBridgeConfig")?.text("eventBusArn"))
    assertions.link(
      .targets, id, try source.inner("httpConfig")?.text("endpoint").flatMap(hostName))
    if let table = try source.inner("dynamodbConfig") {
      assertions.link(
        .targets, id,
        record.local(
          "dynamodb", try table.text("awsRegion") ?? "", "table/\(try table.name("tableName"))"))
    }
    return assertions
  }

  static func identityPool(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let key = try record.identifier(root.value(at: "IdentityPoolId"))
    let id = "aws:cognito-identity-pool:\(key)"
    let isOpen = try root.optionalBool(at: "AllowUnauthenticatedIdentities") ?? false
    var assertions = Assertions(nodes: [
      Node(
        id: id, kind: .credential, type: "aws.cognito.identityPool",
        name: try root.name("IdentityPoolName"), defines: [id],
        state: .present([
          "account": .string(record.scope.account), "unauthenticated": .bool(isOpen),
          "classicFlow": try root.flag("AllowClassicFlow"),
          "providers": try root.set("CognitoIdentityProviders", "ProviderName"),
          "oidcProviders": try root.set("OpenIdConnectProviderARNs"),
          "samlProviders": try root.set("SamlProviderARNs"),
        ]))
    ])
    if isOpen { assertions.link(.authenticatesWith, anyoneNodeID, id) }
    return assertions
  }

  static func identityPoolRoles(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let key = try record.identifier(root.value(at: "IdentityPoolId"))
    var assertions = Assertions()
    for role in try root.optionalObject(at: "Roles").map(Array.init) ?? [] {
      assertions.link(
        .authenticatesAs, "aws:cognito-identity-pool:\(key)", try role.value.string(), role.key)
    }
    for mapping in try root.optionalObject(at: "RoleMappings").map(Array.init) ?? [] {
      for rule in try mapping.value.inner("RulesConfiguration")?.list("Rules") ?? [] {
        assertions.link(
          .authenticatesAs, "aws:cognito-identity-pool:\(key)", try rule.name("RoleARN"), "rule")
      }
    }
    return assertions
  }

  static func loadBalancer(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let scheme = try root.text("Scheme")
    var (id, assertions) = try record.thing(
      .system, "aws.elb.loadBalancer", arn: "LoadBalancerArn", name: root.name("LoadBalancerName"),
      [
        "scheme": scheme.map(JSON.string), "type": root.json("Type"), "host": root.json("DNSName"),
        "created": root.time("CreatedTime"),
      ])
    if scheme == "internet-facing" { assertions.link(.triggers, anyoneNodeID, id, "internet") }
    return assertions
  }

  static func targetGroup(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .system, "aws.elb.targetGroup", arn: "TargetGroupArn", name: root.name("TargetGroupName"),
      ["targetType": root.json("TargetType"), "protocol": root.json("Protocol")])
    for balancer in try root.texts("LoadBalancerArns") {
      assertions.link(.invokes, balancer, id)
    }
    return assertions
  }

  /// Only functions and instances are things that act; addresses come and go.
  static func targets(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let group = try record.identifier(root.value(at: "TargetGroupArn"))
    let type = try root.text("TargetType")
    var assertions = Assertions()
    for entry in try root.list("Targets") {
      let id = try entry.value(at: "Target").name("Id")
      if type == "lambda" { assertions.link(.triggers, group, unqualified(id)) }
      if type == "instance", let parts = ARNParts(group) {
        assertions.link(.triggers, group, record.local("ec2", parts.region, "instance/\(id)"))
      }
    }
    return assertions
  }

  static func appRunnerService(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let source = try root.inner("SourceConfiguration")
    let image = try source?.inner("ImageRepository")
    let network = try root.inner("NetworkConfiguration")?.inner("IngressConfiguration")
    let isPublic = try network?.optionalBool(at: "IsPubliclyAccessible") ?? true
    var (id, assertions) = try record.thing(
      .automation, "aws.apprunner.service", arn: "ServiceArn", name: root.name("ServiceName"),
      [
        "status": root.json("Status"), "url": root.json("ServiceUrl"), "public": .bool(isPublic),
        "image": image?.json("ImageIdentifier"),
        "repository": source?.inner("CodeRepository")?.json("RepositoryUrl"),
        "created": root.time("CreatedAt"),
      ])
    assertions.link(.runsAs, id, try root.inner("InstanceConfiguration")?.text("InstanceRoleArn"))
    assertions.link(
      .runsAs, id, try source?.inner("AuthenticationConfiguration")?.text("AccessRoleArn"), "access"
    )
    if isPublic { assertions.link(.triggers, anyoneNodeID, id, "internet", ["authType": "NONE"]) }
    assertions.store(
      try image?.inner("ImageConfiguration")?.storedMembers("RuntimeEnvironmentVariables")
        ?? StoredValues(),
      in: id, "aws.apprunner.environment")
    return assertions
  }
}
