internal import Extraction
internal import Model

/// What became of each operation that was considered for the catalog.
///
/// It answers for every operation that the product needs or that a complete path needs. A test holds
/// the list against the table of operations where that is at hand.
enum AWSCoverage {
  /// Everything that is answered for, in order.
  static var all: [OperationCoverage] {
    let covered = covered.map { operation, cover in
      OperationCoverage(operation, .coveredBy(operation: cover.by, field: cover.field))
    }
    let exempt = exempted.flatMap { reason, operations in
      operations.map { OperationCoverage($0, .exempt(reason: reason)) }
    }
    let others =
      inCatalog.subtracting(authenticating).map { OperationCoverage($0, .called) }
      + authenticating.map { OperationCoverage($0, .authentication) }
    return (covered + exempt + others).sorted { $0.operation.precedes($1.operation) }
  }

  static let authenticating: Set<String> = [
    "sts:AssumeRole", "sts:GetCallerIdentity", "ec2:DescribeRegions",
  ]

  static let inCatalog = Set(
    AWSUnit.all.flatMap { $0.kinds.flatMap(\.operations) }.map(\.fullName))

  static let covered: [String: (by: String, field: String)] = [
    "bedrock-agent:ListTagsForResource": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "bedrock-agentcore-control:ListTagsForResource": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "dynamodb:ListTagsOfResource": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "lambda:ListTags": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "s3:GetBucketTagging": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "sns:ListTagsForResource": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "sqs:ListQueueTags": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "stepfunctions:ListTagsForResource": (
      "resourcegroupstaggingapi:GetResources", "ResourceTagMappingList.Tags"
    ),
    "iam:GetServiceLastAccessedDetailsWithEntities": (
      "iam:GetServiceLastAccessedDetails", "ServicesLastAccessed.LastAuthenticatedEntity"
    ),
    "iam:ListSigningCertificates": (
      "iam:GetCredentialReport", "Content"
    ),
    "iam:GetLoginProfile": (
      "iam:GetCredentialReport", "Content"
    ),
    "dynamodbstreams:DescribeStream": (
      "dynamodb:DescribeTable", "Table.StreamSpecification.StreamViewType"
    ),
    "dynamodbstreams:ListStreams": (
      "dynamodb:DescribeTable", "Table.LatestStreamArn"
    ),
    "dynamodb:ListGlobalTables": (
      "dynamodb:DescribeTable", "Table.Replicas.RegionName"
    ),
    "dynamodb:DescribeGlobalTable": (
      "dynamodb:DescribeTable", "Table.Replicas.RegionName"
    ),
    "scheduler:ListScheduleGroups": (
      "scheduler:ListSchedules", "Schedules.GroupName"
    ),
    "scheduler:GetScheduleGroup": (
      "scheduler:ListSchedules", "Schedules.GroupName"
    ),
    "events:DescribeEventSource": (
      "events:ListEventSources", "EventSources.CreatedBy"
    ),
    "events:DescribeEndpoint": (
      "events:ListEndpoints", "Endpoints.RoleArn"
    ),
    "lambda:ListVersionsByFunction": (
      "lambda:ListFunctions", "Functions.Version"
    ),
    "lambda:GetLayerVersion": (
      "lambda:ListLayerVersions", "LayerVersions.LayerVersionArn"
    ),
    "lambda:GetFunctionEventInvokeConfig": (
      "lambda:ListFunctionEventInvokeConfigs", "FunctionEventInvokeConfigs.DestinationConfig"
    ),
    "lambda:GetAlias": (
      "lambda:ListAliases", "Aliases.RoutingConfig"
    ),
    "account:GetRegionOptStatus": (
      "ec2:DescribeRegions", "regionInfo.optInStatus"
    ),
    "account:ListRegions": (
      "ec2:DescribeRegions", "regionInfo.optInStatus"
    ),
    "apigateway:GetIntegration": (
      "apigateway:GetResources", "item.resourceMethods.methodIntegration"
    ),
    "bedrock-agent:GetAgentCollaborator": (
      "bedrock-agent:ListAgentCollaborators", "agentCollaboratorSummaries.agentDescriptor.aliasArn"
    ),
    "bedrock-agent:GetAgentKnowledgeBase": (
      "bedrock-agent:ListAgentKnowledgeBases", "agentKnowledgeBaseSummaries.knowledgeBaseState"
    ),
    "bedrock-agent:GetFlowAlias": (
      "bedrock-agent:ListFlowAliases", "flowAliasSummaries.routingConfiguration.flowVersion"
    ),
    "bedrock-agentcore-control:GetAgentRuntimeEndpoint": (
      "bedrock-agentcore-control:ListAgentRuntimeEndpoints", "runtimeEndpoints.liveVersion"
    ),
    "bedrock-agentcore-control:GetPolicy": (
      "bedrock-agentcore-control:ListPolicies", "policies.definition.cedar.statement"
    ),
    "bedrock-agentcore-control:GetPolicyEngine": (
      "bedrock-agentcore-control:ListPolicyEngines", "policyEngines.encryptionKeyArn"
    ),
    "bedrock:GetCustomModel": (
      "bedrock:ListCustomModels", "modelSummaries.customizationType"
    ),
    "bedrock:GetGuardrail": (
      "bedrock:ListGuardrails", "guardrails.status"
    ),
    "bedrock:GetImportedModel": (
      "bedrock:ListImportedModels", "modelSummaries.modelArchitecture"
    ),
    "bedrock:GetInferenceProfile": (
      "bedrock:ListInferenceProfiles", "inferenceProfileSummaries.models.modelArn"
    ),
    "bedrock:GetProvisionedModelThroughput": (
      "bedrock:ListProvisionedModelThroughputs", "provisionedModelSummaries.modelArn"
    ),
    "cloudtrail:GetTrail": (
      "cloudtrail:DescribeTrails", "trailList.S3BucketName"
    ),
    "cloudtrail:ListTrails": (
      "cloudtrail:DescribeTrails", "trailList.TrailARN"
    ),
    "ec2:DescribeIamInstanceProfileAssociations": (
      "ec2:DescribeInstances", "reservationSet.instancesSet.iamInstanceProfile"
    ),
    "ecr:BatchGetImage": (
      "ecr:DescribeImages", "imageDetails.artifactMediaType"
    ),
    "ecr:ListImages": (
      "ecr:DescribeImages", "imageDetails.imageDigest"
    ),
    "ecs:ListTaskDefinitions": (
      "ecs:ListTaskDefinitionFamilies", "families"
    ),
    "events:DescribeApiDestination": (
      "events:ListApiDestinations", "ApiDestinations.InvocationEndpoint"
    ),
    "events:DescribeEventBus": (
      "events:ListEventBuses", "EventBuses.Policy"
    ),
    "events:DescribeRule": (
      "events:ListRules", "Rules.EventPattern"
    ),
    "events:ListRuleNamesByTarget": (
      "events:ListTargetsByRule", "Targets.Arn"
    ),
    "iam:GetGroup": (
      "iam:GetAccountAuthorizationDetails", "UserDetailList.GroupList"
    ),
    "iam:GetGroupPolicy": (
      "iam:GetAccountAuthorizationDetails", "GroupDetailList.GroupPolicyList.PolicyDocument"
    ),
    "iam:GetInstanceProfile": (
      "iam:ListInstanceProfiles", "InstanceProfiles.Roles"
    ),
    "iam:GetPolicy": (
      "iam:GetAccountAuthorizationDetails", "Policies.AttachmentCount"
    ),
    "iam:GetPolicyVersion": (
      "iam:GetAccountAuthorizationDetails", "Policies.PolicyVersionList.Document"
    ),
    "iam:GetRole": (
      "iam:GetAccountAuthorizationDetails", "RoleDetailList.AssumeRolePolicyDocument"
    ),
    "iam:GetRolePolicy": (
      "iam:GetAccountAuthorizationDetails", "RoleDetailList.RolePolicyList.PolicyDocument"
    ),
    "iam:GetUser": (
      "iam:GetAccountAuthorizationDetails", "UserDetailList.Arn"
    ),
    "iam:GetUserPolicy": (
      "iam:GetAccountAuthorizationDetails", "UserDetailList.UserPolicyList.PolicyDocument"
    ),
    "iam:ListAttachedGroupPolicies": (
      "iam:GetAccountAuthorizationDetails", "GroupDetailList.AttachedManagedPolicies"
    ),
    "iam:ListAttachedRolePolicies": (
      "iam:GetAccountAuthorizationDetails", "RoleDetailList.AttachedManagedPolicies"
    ),
    "iam:ListAttachedUserPolicies": (
      "iam:GetAccountAuthorizationDetails", "UserDetailList.AttachedManagedPolicies"
    ),
    "iam:ListEntitiesForPolicy": (
      "iam:GetAccountAuthorizationDetails", "RoleDetailList.AttachedManagedPolicies.PolicyArn"
    ),
    "iam:ListGroupPolicies": (
      "iam:GetAccountAuthorizationDetails", "GroupDetailList.GroupPolicyList"
    ),
    "iam:ListGroups": (
      "iam:GetAccountAuthorizationDetails", "GroupDetailList.Arn"
    ),
    "iam:ListGroupsForUser": (
      "iam:GetAccountAuthorizationDetails", "UserDetailList.GroupList"
    ),
    "iam:ListInstanceProfilesForRole": (
      "iam:ListInstanceProfiles", "InstanceProfiles.Roles.Arn"
    ),
    "iam:ListOpenIDConnectProviderTags": (
      "iam:GetOpenIDConnectProvider", "Tags"
    ),
    "iam:ListPolicies": (
      "iam:GetAccountAuthorizationDetails", "Policies.Arn"
    ),
    "iam:ListPolicyVersions": (
      "iam:GetAccountAuthorizationDetails", "Policies.PolicyVersionList"
    ),
    "iam:ListRolePolicies": (
      "iam:GetAccountAuthorizationDetails", "RoleDetailList.RolePolicyList"
    ),
    "iam:ListRoleTags": (
      "iam:GetAccountAuthorizationDetails", "RoleDetailList.Tags"
    ),
    "iam:ListSAMLProviderTags": (
      "iam:GetSAMLProvider", "Tags"
    ),
    "iam:ListUserPolicies": (
      "iam:GetAccountAuthorizationDetails", "UserDetailList.UserPolicyList"
    ),
    "iam:ListUserTags": (
      "iam:GetAccountAuthorizationDetails", "UserDetailList.Tags"
    ),
    "lambda:GetEventSourceMapping": (
      "lambda:ListEventSourceMappings", "EventSourceMappings.EventSourceArn"
    ),
    "lambda:GetFunction": (
      "lambda:ListFunctions", "Functions.Role"
    ),
    "lambda:GetFunctionConfiguration": (
      "lambda:ListFunctions", "Functions.Role"
    ),
    "lambda:ListFunctionUrlConfigs": (
      "lambda:GetFunctionUrlConfig", "AuthType"
    ),
    "opensearchserverless:BatchGetCollection": (
      "opensearchserverless:ListCollections", "collectionSummaries.arn"
    ),
    "organizations:DescribeAccount": (
      "organizations:ListAccounts", "Accounts.Id"
    ),
    "organizations:DescribeOrganizationalUnit": (
      "organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits.Name"
    ),
    "organizations:ListChildren": (
      "organizations:ListAccountsForParent", "Accounts.Id"
    ),
    "organizations:ListParents": (
      "organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits.Id"
    ),
    "organizations:ListPoliciesForTarget": (
      "organizations:ListTargetsForPolicy", "Targets.TargetId"
    ),
    "ram:ListPrincipals": (
      "ram:GetResourceShareAssociations", "resourceShareAssociations.associatedEntity"
    ),
    "rolesanywhere:GetProfile": (
      "rolesanywhere:ListProfiles", "profiles.roleArns"
    ),
    "rolesanywhere:GetSubject": (
      "rolesanywhere:ListSubjects", "subjects.x509Subject"
    ),
    "rolesanywhere:GetTrustAnchor": (
      "rolesanywhere:ListTrustAnchors", "trustAnchors.source.sourceData.acmPcaArn"
    ),
    "s3:GetBucketLocation": (
      "s3:ListBuckets", "Buckets.Bucket.BucketRegion"
    ),
    "s3:GetBucketPolicyStatus": (
      "s3:GetBucketPolicy", "Policy"
    ),
    "s3:HeadBucket": (
      "s3:ListBuckets", "Buckets.Bucket.BucketRegion"
    ),
    "s3control:GetAccessPoint": (
      "s3control:ListAccessPoints", "AccessPointList.AccessPoint.NetworkOrigin"
    ),
    "s3control:GetAccessPointPolicyStatus": (
      "s3control:GetAccessPointPolicy", "Policy"
    ),
    "s3vectors:GetIndex": (
      "s3vectors:ListIndexes", "indexes.indexArn"
    ),
    "s3vectors:GetVectorBucket": (
      "s3vectors:ListVectorBuckets", "vectorBuckets.vectorBucketArn"
    ),
    "secretsmanager:DescribeSecret": (
      "secretsmanager:ListSecrets", "SecretList.RotationEnabled"
    ),
    "sns:ListSubscriptionsByTopic": (
      "sns:ListSubscriptions", "Subscriptions.TopicArn"
    ),
    "ssm:DescribeDocument": (
      "ssm:ListDocuments", "DocumentIdentifiers.DocumentType"
    ),
    "stepfunctions:DescribeActivity": (
      "stepfunctions:ListActivities", "activities.activityArn"
    ),
  ]
}
