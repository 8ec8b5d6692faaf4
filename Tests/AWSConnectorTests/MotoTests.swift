import Authentication
import Extraction
import Foundation
import JSONReader
import Model
import PipelineTesting
import Testing

@testable import AWSConnector

/// The connector against a server that speaks AWS's protocols.
@Suite struct MotoTests {
  private static let secret = "planted-value-that-must-never-appear"
  private static let trust = """
    {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
    "Principal":{"Service":"lambda.amazonaws.com"}}]}
    """
  private static let permissions = """
    {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}
    """
  /// A ZIP archive with one empty file.
  private static let code =
    "UEsDBBQAAAAAAAAAIVwAAAAAAAAAAAAAAAAEAAAAaS5weVBLAQIUAxQAAAAAAAAAIVwAAAAAAAAAAAAAAAAE"
    + "AAAAAAAAAAAAAACAAQAAAABpLnB5UEsFBgAAAAABAAEAMgAAACIAAAAAAA=="

  private func fill(_ account: MotoAccount) async throws {
    try await account.iam(
      "CreateRole", ["RoleName": "worker", "AssumeRolePolicyDocument": Self.trust])
    try await account.iam(
      "PutRolePolicy",
      [
        "RoleName": "worker", "PolicyName": "inline",
        "PolicyDocument": Self.permissions,
      ])
    try await account.iam("CreateGroup", ["GroupName": "deployers"])
    try await account.iam("CreateUser", ["UserName": "ci"])
    try await account.iam("CreateAccessKey", ["UserName": "ci"])
    let role = "arn:aws:iam::\(account.id):role/worker"
    for name in ["public", "private"] {
      try await account.lambda(
        "/2015-03-31/functions",
        [
          "FunctionName": .string(name), "Runtime": "python3.12", "Role": .string(role),
          "Handler": "i.handler", "Code": ["ZipFile": .string(Self.code)],
          "Environment": ["Variables": ["TOKEN": .string(Self.secret), "EMPTY": ""]],
          "Tags": ["Owner": "team-a"],
        ])
    }
    try await account.lambda(
      "/2015-03-31/functions/public/policy",
      [
        "StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
        "FunctionUrlAuthType": "NONE",
      ])
    try await account.lambda("/2021-10-31/functions/public/url", ["AuthType": "NONE"])
    try await account.lambda("/2015-03-31/functions/private/versions", [:])
    try await account.lambda(
      "/2015-03-31/functions/private/aliases", ["Name": "live", "FunctionVersion": "1"])
    try await account.lambda(
      "/2018-10-31/layers/tools/versions", ["Content": ["ZipFile": .string(Self.code)]])
    try await account.queue("jobs")
    try await account.lambda(
      "/2015-03-31/event-source-mappings",
      [
        "FunctionName": "private",
        "EventSourceArn": .string("arn:aws:sqs:\(MotoAccount.region):\(account.id):jobs"),
      ])
    _ = try await account.organizations("CreateOrganization", ["FeatureSet": "ALL"])
    _ = try await account.organizations(
      "CreateAccount", ["AccountName": "member", "Email": "member@acme.example"])
  }

  /// How the names of those collections begin whose calls the server has not.
  private static let lacking = [
    "aws.accessanalyzer.finding", "aws.agentcore.browser", "aws.agentcore.codeInterpreter",
    "aws.agentcore.harness", "aws.agentcore.keyProvider", "aws.agentcore.oauthProvider",
    "aws.agentcore.policy", "aws.agentcore.workloadIdentity", "aws.apprunner.service",
    "aws.bedrock.flow", "aws.bedrock.guardrail", "aws.bedrock.importedModel",
    "aws.bedrock.inferenceProfile", "aws.bedrock.marketplaceEndpoint",
    "aws.bedrock.modelDeployment", "aws.bedrock.provisionedModel", "aws.cloudtrail.archivedEvent",
    "aws.cloudtrail.channel", "aws.cloudtrail.event", "aws.codebuild.sourceCredential",
    "aws.config.compliance",
    "aws.ecr.pullThroughCache", "aws.events.endpoint", "aws.events.source", "aws.iam.lastAccessed",
    "aws.iam.serviceCredential", "aws.opensearch.accessPolicy", "aws.organizations.resourcePolicy",
    "aws.ram.received", "aws.rolesanywhere.", "aws.s3.accessGrant", "aws.s3.objectLambda",
    "aws.ssm.association",
  ]

  private static let connector = AWSConnector(
    secrets: SecretResolver(
      variable: {
        [
          "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo-secret-key",
          "EXTERNAL_ID": "acme-external-id",
        ][$0]
      }, file: { _ in nil }))

  @Test func anAccountIsReadThroughAnAssumedRole() async throws {
    let account = try await MotoAccount()
    try await fill(account)
    let connector = Self.connector
    let attempt = TestAttempt(
      connector: connector, transport: account.transport, account: account.id,
      settings: [
        "roleName": "SecurityV0ReadOnly", "regions": [.string(MotoAccount.region)],
        "endpoint": .string(account.endpoint),
      ], credentials: FakeAWS.assumeRole,
      collections: AccountTests.collections.map(\.name).filter { name in
        !Self.lacking.contains { name.hasPrefix($0) }
      })
    // A server in Python answers some hundred calls.
    let published = await attempt.run(upTo: .seconds(600))
    #expect(
      ConnectorConformance.violations(
        of: published, by: connector, dispatch: attempt.dispatch,
        secrets: [Self.secret, "demo-secret-key", "acme-external-id"]) == [])
    for end in published.collections {
      #expect(end.outcome == .complete, "\(end.collection): \(end.message ?? "")")
    }
    let region = MotoAccount.region
    let counts = [
      "aws.iam.role": 1, "aws.iam.user": 1, "aws.iam.group": 1, "aws.iam.accessKey": 1,
      "aws.organizations.organization": 1, "aws.organizations.account": 2,
      "aws.organizations.policy": 1, "aws.lambda.function@\(region)": 2,
      "aws.lambda.policy@\(region)": 1, "aws.lambda.url@\(region)": 1,
      "aws.lambda.eventSourceMapping@\(region)": 1, "aws.lambda.alias@\(region)": 1,
      "aws.lambda.version@\(region)": 3, "aws.lambda.layerVersion@\(region)": 1,
      "aws.iam.credentialReport": 1, "aws.lambda.functionTags@\(region)": 2,
    ]
    for (collection, count) in counts {
      #expect(published.records(of: collection).count == count, "\(collection)")
    }
    for record in published.records {
      let raw = RawRecord(
        scope: attempt.dispatch.scope, collection: record.collection, key: record.key,
        bytes: Array(record.text.utf8))
      #expect(throws: Never.self, "\(record.text)") { try connector.normalizer.assertions(of: raw) }
    }
  }

  /// `{"Records":[…]}` with one event, as gzip.
  private static let archive =
    "H4sIAAAAAAACAzWOQWvDMAyF/4vOdVenrDDdBrsEtlLW7LLSg0gEM9ROZstpu5D/PrmlOggkfe/pTfDJbR+7BHiYgEcO"
    + "Ur8BgjcWFvd5S5518+6SfCWO6bHf9zm25eLIL8nTXx/onJZt7x9E427KalVtjLWmss3qBZ/XaO23IlnN6k4xJ1fACeQ6"
    + "FLp+/ShvFKAYdNaO6ov6BVVpbaW11sJi8NQ6mBcQ+Tdzkh1FDSslpBpeVD2cKAh3ZqRTZiM/JMbnJCZowGhoGJgizPNx"
    + "/gdPe3k/CQEAAA=="

  /// One that is not compressed is a gap. Unlike S3, moto sends the encoding that was stored.
  @Test func aTrailsArchiveIsUnpackedOnItsWay() async throws {
    let account = try await MotoAccount()
    let bucket = "trail-\(account.id)"
    let folder = "AWSLogs/\(account.id)/CloudTrail/\(MotoAccount.region)/2026/11/21"
    let file = "\(account.id)_CloudTrail_\(MotoAccount.region)_20261121T0955Z"
    try await account.put("/\(bucket)", [])
    let archive = try #require(Data(base64Encoded: Self.archive))
    try await account.put(
      "/\(bucket)/\(folder)/\(file)_packed.json.gz", Array(archive), encoding: "gzip")
    try await account.put(
      "/\(bucket)/\(folder)/\(file)_plain.json.gz", Array("<html>".utf8), encoding: "gzip")
    try await account.put("/\(bucket)/elsewhere.json.gz", Array(archive))
    let attempt = TestAttempt(
      connector: Self.connector, transport: account.transport, account: account.id,
      settings: [
        "roleName": "SecurityV0ReadOnly", "regions": [.string(MotoAccount.region)],
        "endpoint": .string(account.endpoint),
        "trailBucket": ["name": .string(bucket), "region": .string(MotoAccount.region)],
      ], credentials: FakeAWS.assumeRole, collections: ["aws.cloudtrail.archivedEvent"])
    let published = await attempt.run()
    let end = published.end(of: "aws.cloudtrail.archivedEvent@\(MotoAccount.region)")
    #expect(end?.outcome == .partial)
    #expect(end?.message?.hasPrefix("1 object") == true, "\(end?.message ?? "")")
    #expect(published.records.map(\.key) == ["m-1"])
    #expect(!published.everything.contains(Self.secret))
  }
}
