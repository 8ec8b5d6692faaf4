extension AWSCoverage {
  /// What is not called, and why not.
  static let exempted: [(reason: String, operations: Set<String>)] = [
    (
      "Returns what runs or ran, one object per execution: the definition already "
        + "says who does what, and of a state machine's executions the newest is read.",
      [
        "bedrock:GetModelCustomizationJob", "bedrock:GetModelInvocationJob",
        "bedrock:ListModelCustomizationJobs", "bedrock:ListModelInvocationJobs",
        "dynamodb:DescribeExport", "dynamodb:ListExports", "dynamodb:ListImports",
        "ecs:DescribeContainerInstances", "ecs:DescribeTaskSets", "ecs:DescribeTasks",
        "ecs:ListContainerInstances", "ecs:ListTasks", "events:DescribeReplay",
        "events:ListReplays", "stepfunctions:DescribeExecution", "stepfunctions:DescribeMapRun",
        "stepfunctions:DescribeStateMachineForExecution", "stepfunctions:ListMapRuns",
      ]
    ),
    (
      "Made by S3 for whoever reads an object of an encrypted archive, never by the connector; the "
        + "archive's key and the role must both allow it, and the template does not.",
      [
        "kms:Decrypt"
      ]
    ),
    (
      "Says nothing about who may do what: a capacity, a limit, a retention or a "
        + "quality setting.",
      [
        "account:GetAccountInformation", "cloudtrail:GetEventConfiguration",
        "cloudtrail:GetInsightSelectors",
        "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTimeToLive",
        "ecr:DescribeImageScanFindings", "ecr:DescribeRepositoryCreationTemplates",
        "ecr:GetRegistryScanningConfiguration", "ecr:ListImageReferrers",
        "ecs:DescribeCapacityProviders", "ecs:ListAccountSettings", "ecs:ListServicesByNamespace",
        "iam:GetAccountPasswordPolicy", "iam:GetAccountSummary", "iam:ListMFADevices",
        "iam:ListVirtualMFADevices", "lambda:GetAccountSettings", "lambda:GetFunctionConcurrency",
        "lambda:ListProvisionedConcurrencyConfigs",
        "organizations:ListAccountsWithInvalidEffectivePolicy", "s3:GetBucketCors",
        "s3:GetBucketLifecycleConfiguration", "s3:GetBucketVersioning",
        "s3:GetObjectLockConfiguration", "s3:ListBucketInventoryConfigurations",
        "sqs:ListDeadLetterSourceQueues",
      ]
    ),
    (
      "Tags of single resources; where a listing or the tagging service carries tags that decide "
        + "something they are taken from there, and one call per resource would double the calls.",
      [
        "bedrock:ListTagsForResource", "cloudtrail:ListTags", "ecr:ListTagsForResource",
        "ecs:ListTagsForResource", "events:ListTagsForResource", "iam:ListInstanceProfileTags",
        "iam:ListPolicyTags", "opensearchserverless:ListTagsForResource",
        "organizations:ListTagsForResource", "pipes:ListTagsForResource",
        "rolesanywhere:ListTagsForResource", "s3:GetBucketAbac", "scheduler:ListTagsForResource",
        "ssm:ListTagsForResource",
      ]
    ),
    (
      "Says which signature is asked of code that is put in place, not who may put it there: that "
        + "is told by permissions.",
      [
        "ecr:GetSigningConfiguration", "lambda:GetFunctionCodeSigningConfig",
        "lambda:ListCodeSigningConfigs",
      ]
    ),
    (
      "Copies or keeps data elsewhere: it starts nothing and acts as nobody; who may read or replay "
        + "the copy is told by policies.",
      [
        "dynamodb:DescribeKinesisStreamingDestination", "ecr:DescribeRegistry",
        "events:DescribeArchive", "events:ListArchives",
      ]
    ),
    (
      "Masks or refuses data within messages: it grants nothing.",
      [
        "sns:GetDataProtectionPolicy"
      ]
    ),
    (
      "Derived by AWS from policies that are read whole.",
      [
        "iam:ListPoliciesGrantingServiceAccess"
      ]
    ),
    (
      "A gateway's rules choose between targets that are read; they open none.",
      [
        "bedrock-agentcore-control:GetGatewayRule", "bedrock-agentcore-control:ListGatewayRules",
      ]
    ),
    (
      "Runtimes are called through their endpoints, and of each endpoint the version "
        + "that it leads to is read; no other version can be started.",
      [
        "bedrock-agentcore-control:ListAgentRuntimeVersions"
      ]
    ),
    (
      "A catalogue of agents and tools: it holds no role and starts nothing; what it "
        + "lists is read where it is.",
      [
        "bedrock-agentcore-control:GetRegistry", "bedrock-agentcore-control:ListRegistries",
      ]
    ),
    (
      "Which key encrypts the vault of tokens; nobody gains a right by it, and the "
        + "key's own policy is read with KMS.",
      [
        "bedrock-agentcore-control:GetTokenVault"
      ]
    ),
    (
      "Which guardrail the account puts before its model calls: it filters texts and "
        + "decides nothing about who may call.",
      [
        "bedrock:ListEnforcedGuardrailsConfiguration"
      ]
    ),
    (
      "Which single certificates are revoked: the graph has the authority whose "
        + "certificates are trusted, and none of them by itself.",
      [
        "rolesanywhere:ListCrls"
      ]
    ),
  ]
}
