internal import Extraction
internal import JSONReader
internal import Model

// What lets a caller from outside start something: API Gateway, AppSync, Cognito, load balancers,
// App Runner.

extension AWSService {
  /// Source: API Gateway Developer Guide, "Quotas": all management calls 10 a second.
  static let apiGateway = AWSService(
    "apigateway", .restJSON, perSecond: 5, pages: "apigateway/latest/api/API_",
    fields: ["accept": "application/json"])
  static let apiGatewayV2 = AWSService(
    "apigatewayv2", .restJSON, prefix: "apigateway", perSecond: 5,
    pages: "apigatewayv2/latest/api-reference/operations.html#",
    fields: ["accept": "application/json"])
  static let appSync = AWSService("appsync", .restJSON, pages: "appsync/latest/APIReference/API_")
  static let cognitoUserPools = AWSService(
    "cognito-idp", .json(target: "AWSCognitoIdentityProviderService"),
    pages: "cognito-user-identity-pools/latest/APIReference/API_")
  static let cognitoIdentity = AWSService(
    "cognito-identity", .json(target: "AWSCognitoIdentityService"),
    pages: "cognitoidentity/latest/APIReference/API_")
  static let loadBalancing = AWSService(
    "elbv2", .query, version: "2015-12-01", prefix: "elasticloadbalancing",
    pages: "elasticloadbalancing/latest/APIReference/API_")
  static let appRunner = AWSService(
    "apprunner", .json(target: "AppRunner", version: "1.0"), pages: "apprunner/latest/api/API_")
}

extension AWSOperation {
  private static let position = Paging("position", limit: ("limit", 500))
  private static let nextToken = Paging("nextToken")
  private static let get = "apigateway:GET"

  static let getRestAPIs = AWSOperation(
    .apiGateway, "GetRestApis", get: "/restapis", paging: position, action: get)
  static let getRestResources = AWSOperation(
    .apiGateway, "GetResources", get: "/restapis/{restApiId}/resources",
    fixed: ["embed": "methods"], paging: position, action: get)
  static let getRestAuthorizers = AWSOperation(
    .apiGateway, "GetAuthorizers", get: "/restapis/{restApiId}/authorizers", paging: position,
    action: get)
  static let getRestStages = AWSOperation(
    .apiGateway, "GetStages", get: "/restapis/{restApiId}/stages", action: get)
  static let getHTTPAPIs = AWSOperation(
    .apiGatewayV2, "GetApis", get: "/v2/apis", paging: nextToken, action: get)
  static let getHTTPRoutes = AWSOperation(
    .apiGatewayV2, "GetRoutes", get: "/v2/apis/{apiId}/routes", paging: nextToken, action: get)
  static let getHTTPIntegrations = AWSOperation(
    .apiGatewayV2, "GetIntegrations", get: "/v2/apis/{apiId}/integrations", paging: nextToken,
    action: get)
  static let getHTTPAuthorizers = AWSOperation(
    .apiGatewayV2, "GetAuthorizers", get: "/v2/apis/{apiId}/authorizers", paging: nextToken,
    action: get)
  static let getHTTPStages = AWSOperation(
    .apiGatewayV2, "GetStages", get: "/v2/apis/{apiId}/stages", paging: nextToken, action: get)
  static let listGraphQLAPIs = AWSOperation(
    .appSync, "ListGraphqlApis", get: "/v1/apis", paging: nextToken)
  static let listGraphQLSources = AWSOperation(
    .appSync, "ListDataSources", get: "/v1/apis/{apiId}/datasources", paging: nextToken)
  static let listIdentityPools = AWSOperation(
    .cognitoIdentity, "ListIdentityPools", paging: Paging("NextToken", limit: ("MaxResults", 60)))
  static let listUserPools = AWSOperation(
    .cognitoUserPools, "ListUserPools", paging: Paging("NextToken", limit: ("MaxResults", 60)))
  static let describeUserPool = AWSOperation(.cognitoUserPools, "DescribeUserPool")
  static let listUserPoolGroups = AWSOperation(
    .cognitoUserPools, "ListGroups", paging: Paging("NextToken", limit: ("Limit", 60)))
  static let describeIdentityPool = AWSOperation(.cognitoIdentity, "DescribeIdentityPool")
  static let getIdentityPoolRoles = AWSOperation(.cognitoIdentity, "GetIdentityPoolRoles")
  static let describeLoadBalancers = AWSOperation(
    .loadBalancing, "DescribeLoadBalancers",
    paging: Paging("Marker", output: ["NextMarker"], limit: ("PageSize", 400)))
  static let describeTargetGroups = AWSOperation(
    .loadBalancing, "DescribeTargetGroups",
    paging: Paging("Marker", output: ["NextMarker"], limit: ("PageSize", 400)))
  static let describeTargetHealth = AWSOperation(.loadBalancing, "DescribeTargetHealth")
  static let listAppRunnerServices = AWSOperation(
    .appRunner, "ListServices", paging: Paging("NextToken", limit: ("MaxResults", 20)))
  static let describeAppRunnerService = AWSOperation(.appRunner, "DescribeService")
}

extension AWSUnit {
  private static func api(_ path: String, _ id: AWSValue) -> AWSValue {
    .joined([
      "arn:aws:execute-api:", .region, ":", .account, ":", id, .constant(.string(path)),
    ])
  }

  private static func authorizer(
    _ name: String, _ api: String, id: String, _ normalize: @escaping AWSNormalizer.Kind
  ) -> AWSKind {
    AWSKind(
      name, key: .joined([self.api("", .parent(api)), "#authorizer/", .item(id)]),
      members: [("Region", .region), ("ApiId", .parent(api)), ("Authorizer", .at(0, []))],
      redaction: Redaction(
        "patterns that tokens must have: dropped",
        removed: ["Authorizer.identityValidationExpression"]), normalize)
  }

  private static func stage(_ name: String, _ api: String, _ variables: String) -> AWSKind {
    AWSKind(
      name, key: .joined([self.api("", .parent(api)), "#stage/", .item("stageName")]),
      members: [("Region", .region), ("ApiId", .parent(api)), ("Stage", .at(0, []))],
      redaction: Redaction(
        "values of stage variables: replaced by their shape",
        shapes: ["Stage.\(variables)", "Stage.canarySettings.stageVariableOverrides"],
        removed: ["Stage.description", "Stage.lastDeploymentStatusMessage"]),
      AWSNormalizer.apiStage(name))
  }

  static let triggers: [AWSUnit] = [
    .tree(
      AWSListing(
        .getRestAPIs, items: ["item"], isOmittedWhenEmpty: true,
        [
          AWSKind(
            "aws.apigateway.restApi", key: api("", .item("id")),
            members: [("Region", .region), ("Api", .at(0, []))], AWSNormalizer.restAPI)
        ],
        each: [
          AWSListing(
            .getRestResources, ["restApiId": .item("id")], items: ["item"],
            isOmittedWhenEmpty: true,
            [
              AWSKind(
                "aws.apigateway.resource",
                key: .joined([api("", .parent("id")), "#", .item("id")]),
                members: [
                  ("Region", .region), ("ApiId", .parent("id")), ("Resource", .at(0, [])),
                ],
                redaction: Redaction(
                  note: "of a method only its authorization and where it leads: no templates or "
                    + "parameters", published: { try AWSNormalizer.reducedMethods($0) }),
                AWSNormalizer.restResource)
            ]),
          AWSListing(
            .getRestAuthorizers, ["restApiId": .item("id")], items: ["item"],
            isOmittedWhenEmpty: true,
            [
              authorizer(
                "aws.apigateway.restAuthorizer", "id", id: "id", AWSNormalizer.restAuthorizer)
            ]),
          AWSListing(
            .getRestStages, ["restApiId": .item("id")], items: ["item"], isOmittedWhenEmpty: true,
            [stage("aws.apigateway.restStage", "id", "variables")]),
        ])),
    .tree(
      AWSListing(
        .getHTTPAPIs, items: ["items"],
        [
          AWSKind(
            "aws.apigateway.httpApi", key: api("", .item("apiId")),
            members: [("Region", .region), ("Api", .at(0, []))], AWSNormalizer.httpAPI)
        ],
        each: [
          AWSListing(
            .getHTTPRoutes, ["apiId": .item("apiId")], items: ["items"],
            [
              AWSKind(
                "aws.apigateway.route",
                key: .joined([api("", .parent("apiId")), "#route/", .item("routeId")]),
                members: [("Region", .region), ("ApiId", .parent("apiId")), ("Route", .at(0, []))],
                AWSNormalizer.httpRoute)
            ]),
          AWSListing(
            .getHTTPIntegrations, ["apiId": .item("apiId")], items: ["items"],
            [
              AWSKind(
                "aws.apigateway.integration",
                key: .joined([api("", .parent("apiId")), "#integration/", .item("integrationId")]),
                members: [
                  ("Region", .region), ("ApiId", .parent("apiId")), ("Integration", .at(0, [])),
                ],
                redaction: Redaction(
                  "templates and parameters: replaced by their shape",
                  shapes: [
                    "Integration.requestParameters", "Integration.requestTemplates",
                    "Integration.responseParameters",
                  ]), AWSNormalizer.httpIntegration)
            ]),
          AWSListing(
            .getHTTPAuthorizers, ["apiId": .item("apiId")], items: ["items"],
            [
              authorizer(
                "aws.apigateway.httpAuthorizer", "apiId", id: "authorizerId",
                AWSNormalizer.httpAuthorizer)
            ]),
          AWSListing(
            .getHTTPStages, ["apiId": .item("apiId")], items: ["items"],
            [stage("aws.apigateway.httpStage", "apiId", "stageVariables")]),
        ])),
    .tree(
      AWSListing(
        .listGraphQLAPIs, items: ["graphqlApis"],
        [AWSKind("aws.appsync.api", key: .item("arn"), AWSNormalizer.graphQLAPI)],
        each: [
          AWSListing(
            .listGraphQLSources, ["apiId": .item("apiId")], items: ["dataSources"],
            [
              AWSKind(
                "aws.appsync.dataSource", key: .item("dataSourceArn"),
                members: [("ApiArn", .parent("arn")), ("DataSource", .at(0, []))],
                redaction: Redaction(
                  "addresses: reduced to their host", hosts: ["DataSource.httpConfig.endpoint"]),
                AWSNormalizer.graphQLSource)
            ])
        ])),
    .tree(
      AWSListing(
        .listIdentityPools, items: ["IdentityPools"],
        each: [
          AWSListing(
            .describeIdentityPool, ["IdentityPoolId": .item("IdentityPoolId")],
            [
              AWSKind(
                "aws.cognito.identityPool", key: .item("IdentityPoolId"), AWSNormalizer.identityPool
              )
            ]),
          AWSListing(
            .getIdentityPoolRoles, ["IdentityPoolId": .item("IdentityPoolId")],
            [
              AWSKind(
                "aws.cognito.identityPoolRoles", key: .item("IdentityPoolId"),
                AWSNormalizer.identityPoolRoles)
            ]),
        ])),
    userPools,
    .tree(
      AWSListing(
        .describeLoadBalancers, items: ["LoadBalancers"],
        [AWSKind("aws.elb.loadBalancer", key: .item("LoadBalancerArn"), AWSNormalizer.loadBalancer)]
      )),
    .tree(
      AWSListing(
        .describeTargetGroups, items: ["TargetGroups"],
        [AWSKind("aws.elb.targetGroup", key: .item("TargetGroupArn"), AWSNormalizer.targetGroup)],
        each: [
          AWSListing(
            .describeTargetHealth, ["TargetGroupArn": .item("TargetGroupArn")],
            [
              AWSKind(
                "aws.elb.targets", key: .parent("TargetGroupArn"),
                members: [
                  ("TargetGroupArn", .parent("TargetGroupArn")),
                  ("TargetType", .parent("TargetType")),
                  ("Targets", .item("TargetHealthDescriptions")),
                ], AWSNormalizer.targets)
            ])
        ])),
    .tree(
      AWSListing(
        .listAppRunnerServices, items: ["ServiceSummaryList"],
        each: [
          AWSListing(
            .describeAppRunnerService, ["ServiceArn": .item("ServiceArn")], items: ["Service"],
            [
              AWSKind(
                "aws.apprunner.service", key: .item("ServiceArn"),
                redaction: Redaction(
                  "values of environment variables and commands: replaced by their shape",
                  shapes: [
                    "SourceConfiguration.ImageRepository.ImageConfiguration"
                      + ".RuntimeEnvironmentVariables",
                    "SourceConfiguration.ImageRepository.ImageConfiguration.StartCommand",
                  ], removed: ["SourceConfiguration.CodeRepository.CodeConfiguration"]),
                AWSNormalizer.appRunnerService)
            ])
        ])),
  ]
}
