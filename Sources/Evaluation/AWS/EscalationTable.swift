// One entry a method, in order of ids within each group.

extension EscalationMethod {
  /// A role is passed to something new, or to something that is given another role.
  static let passing: [EscalationMethod] = [
    EscalationMethod(
      "apprunner-001", .newPassRole, .passing(to: "tasks.apprunner.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("apprunner:CreateService", .new("apprunner:service/*/*"))),
    EscalationMethod(
      "bedrock-001", .newPassRole, .passing(to: "bedrock-agentcore.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("bedrock-agentcore:CreateCodeInterpreter", .none),
      Permission(
        "bedrock-agentcore:StartCodeInterpreterSession",
        .new("bedrock-agentcore:code-interpreter-custom/*"))),
    EscalationMethod(
      "cloudformation-001", .newPassRole, .passing(to: "cloudformation.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("cloudformation:CreateStack", .new("cloudformation:stack/*/*"))),
    EscalationMethod(
      "cloudformation-003", .newPassRole, .passing(to: "cloudformation.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("cloudformation:CreateStackSet", .none),
      Permission("cloudformation:CreateStackInstances", .new("cloudformation:stackset/*:*"))),
    EscalationMethod(
      "cloudformation-004", .newPassRole, .passing(to: "cloudformation.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("cloudformation:UpdateStackSet", .new("cloudformation:stackset/*:*"))),
    EscalationMethod(
      "codebuild-001", .newPassRole, .passing(to: "codebuild.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("codebuild:CreateProject", .new("codebuild:project/*")),
      Permission("codebuild:StartBuild", .new("codebuild:project/*"))),
    EscalationMethod(
      "codebuild-004", .newPassRole, .passing(to: "codebuild.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("codebuild:CreateProject", .new("codebuild:project/*")),
      Permission("codebuild:StartBuildBatch", .new("codebuild:project/*"))),
    EscalationMethod(
      "datapipeline-001", .newPassRole, .passing(to: "datapipeline.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("datapipeline:CreatePipeline", .none),
      Permission("datapipeline:PutPipelineDefinition", .new("datapipeline:pipeline/*"))),
    EscalationMethod(
      "ec2-001", .newPassRole, .passing(to: "ec2.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("ec2:RunInstances", .new("ec2:instance/*")),
      Permission("ec2:RunInstances", .new("arn:*:ec2:*::image/*"), isRepeated: true),
      Permission("ec2:RunInstances", .new("ec2:network-interface/*"), isRepeated: true),
      Permission("ec2:RunInstances", .new("ec2:security-group/*"), isRepeated: true),
      Permission("ec2:RunInstances", .new("ec2:subnet/*"), isRepeated: true),
      Permission("ec2:RunInstances", .new("ec2:volume/*"), isRepeated: true)),
    EscalationMethod(
      "ec2-003", .newPassRole, .passing(to: "ec2.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("ec2:RequestSpotInstances", .new("ec2:spot-instances-request/*")),
      Permission("ec2:RequestSpotInstances", .new("arn:*:ec2:*::image/*"), isRepeated: true),
      Permission("ec2:RequestSpotInstances", .new("ec2:security-group/*"), isRepeated: true),
      Permission("ec2:RequestSpotInstances", .new("ec2:subnet/*"), isRepeated: true)),
    EscalationMethod(
      "ecs-001", .newPassRole, .passing(to: "ecs-tasks.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("ecs:CreateCluster", .new("ecs:cluster/*")),
      Permission("ecs:RegisterTaskDefinition", .new("ecs:task-definition/*:*")),
      Permission("ecs:CreateService", .new("ecs:service/*/*"))),
    EscalationMethod(
      "ecs-002", .newPassRole, .passing(to: "ecs-tasks.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("ecs:CreateCluster", .new("ecs:cluster/*")),
      Permission("ecs:RegisterTaskDefinition", .new("ecs:task-definition/*:*")),
      Permission("ecs:RunTask", .new("ecs:task-definition/*:*"))),
    EscalationMethod(
      "ecs-003", .newPassRole, .passing(to: "ecs-tasks.amazonaws.com", with: "aws.ecs.cluster"),
      Permission("iam:PassRole", .role),
      Permission("ecs:RegisterTaskDefinition", .new("ecs:task-definition/*:*")),
      Permission("ecs:CreateService", .new("ecs:service/*/*"))),
    EscalationMethod(
      "ecs-004", .newPassRole, .passing(to: "ecs-tasks.amazonaws.com", with: "aws.ecs.cluster"),
      Permission("iam:PassRole", .role),
      Permission("ecs:RegisterTaskDefinition", .new("ecs:task-definition/*:*")),
      Permission("ecs:RunTask", .new("ecs:task-definition/*:*"))),
    EscalationMethod(
      "ecs-005", .newPassRole, .passing(to: "ecs-tasks.amazonaws.com", with: "aws.ecs.cluster"),
      Permission("iam:PassRole", .role),
      Permission("ecs:RegisterTaskDefinition", .new("ecs:task-definition/*:*")),
      Permission("ecs:StartTask", .new("ecs:task-definition/*:*"))),
    EscalationMethod(
      "glue-001", .newPassRole, .passing(to: "glue.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("glue:CreateDevEndpoint", .none)),
    EscalationMethod(
      "glue-003", .newPassRole, .passing(to: "glue.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("glue:CreateJob", .new("glue:job/*")),
      Permission("glue:StartJobRun", .new("glue:job/*"))),
    EscalationMethod(
      "glue-004", .newPassRole, .passing(to: "glue.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("glue:CreateJob", .new("glue:job/*")),
      Permission("glue:CreateTrigger", .new("glue:trigger/*"))),
    EscalationMethod(
      "glue-005", .newPassRole, .passing(to: "glue.amazonaws.com", with: "aws.glue.job"),
      Permission("iam:PassRole", .role),
      Permission("glue:UpdateJob", .thing),
      Permission("glue:StartJobRun", .thing)),
    EscalationMethod(
      "glue-006", .newPassRole, .passing(to: "glue.amazonaws.com", with: "aws.glue.job"),
      Permission("iam:PassRole", .role),
      Permission("glue:UpdateJob", .thing),
      Permission("glue:CreateTrigger", .new("glue:trigger/*"))),
    EscalationMethod(
      "lambda-001", .newPassRole, .passing(to: "lambda.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("lambda:CreateFunction", .new("lambda:function:*")),
      Permission("lambda:InvokeFunction", .new("lambda:function:*"))),
    EscalationMethod(
      "lambda-002", .newPassRole, .passing(to: "lambda.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("lambda:CreateFunction", .new("lambda:function:*")),
      Permission("lambda:CreateEventSourceMapping", .none)),
    EscalationMethod(
      "lambda-006", .newPassRole, .passing(to: "lambda.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("lambda:CreateFunction", .new("lambda:function:*")),
      Permission("lambda:AddPermission", .new("lambda:function:*"))),
    EscalationMethod(
      "sagemaker-001", .newPassRole, .passing(to: "sagemaker.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("sagemaker:CreateNotebookInstance", .new("sagemaker:notebook-instance/*"))),
    EscalationMethod(
      "sagemaker-002", .newPassRole, .passing(to: "sagemaker.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("sagemaker:CreateTrainingJob", .new("sagemaker:training-job/*"))),
    EscalationMethod(
      "sagemaker-003", .newPassRole, .passing(to: "sagemaker.amazonaws.com"),
      Permission("iam:PassRole", .role),
      Permission("sagemaker:CreateProcessingJob", .new("sagemaker:processing-job/*"))),
  ]

  /// Something that already runs as a role is changed, or driven.
  static let running: [EscalationMethod] = [
    EscalationMethod(
      "apprunner-002", .existingPassRole, .automation("aws.apprunner.service"),
      Permission("apprunner:UpdateService", .thing)),
    EscalationMethod(
      "bedrock-002", .existingPassRole, .automation("aws.agentcore.codeInterpreter"),
      Permission("bedrock-agentcore:StartCodeInterpreterSession", .thing),
      Permission("bedrock-agentcore:InvokeCodeInterpreter", .thing)),
    EscalationMethod(
      "cloudformation-002", .existingPassRole, .automation("aws.cloudformation.stack"),
      Permission("cloudformation:UpdateStack", .thing)),
    EscalationMethod(
      "cloudformation-005", .newPassRole, .automation("aws.cloudformation.stack"),
      Permission("cloudformation:CreateChangeSet", .thing),
      Permission("cloudformation:ExecuteChangeSet", .thing)),
    EscalationMethod(
      "codebuild-002", .existingPassRole, .automation("aws.codebuild.project"),
      Permission("codebuild:StartBuild", .thing)),
    EscalationMethod(
      "codebuild-003", .existingPassRole, .automation("aws.codebuild.project"),
      Permission("codebuild:StartBuildBatch", .thing)),
    EscalationMethod(
      "ec2-002", .existingPassRole, .automation("aws.ec2.instance"),
      Permission("ec2:ModifyInstanceAttribute", .thing),
      Permission("ec2:StopInstances", .thing),
      Permission("ec2:StartInstances", .thing)),
    EscalationMethod(
      "ec2-004", .existingPassRole, .automation("aws.ec2.launchTemplateVersion"),
      Permission("ec2:CreateLaunchTemplateVersion", .thing),
      Permission("ec2:ModifyLaunchTemplate", .thing)),
    EscalationMethod(
      "ec2instanceconnect-003", .existingPassRole,
      .automation("aws.ec2.instance", requires: .isReachable),
      Permission("ec2-instance-connect:SendSSHPublicKey", .thing)),
    EscalationMethod(
      "glue-002", .existingPassRole, .automation("aws.glue.devEndpoint"),
      Permission("glue:UpdateDevEndpoint", .thing)),
    EscalationMethod(
      "lambda-003", .existingPassRole, .automation("aws.lambda.function", requires: .isStarted),
      Permission("lambda:UpdateFunctionCode", .thing)),
    EscalationMethod(
      "lambda-004", .existingPassRole, .automation("aws.lambda.function"),
      Permission("lambda:UpdateFunctionCode", .thing),
      Permission("lambda:InvokeFunction", .thing)),
    EscalationMethod(
      "lambda-005", .existingPassRole, .automation("aws.lambda.function"),
      Permission("lambda:UpdateFunctionCode", .thing),
      Permission("lambda:AddPermission", .thing)),
    EscalationMethod(
      "sagemaker-004", .existingPassRole, .automation("aws.sagemaker.notebook"),
      Permission("sagemaker:CreatePresignedNotebookInstanceUrl", .thing)),
    EscalationMethod(
      "sagemaker-005", .existingPassRole, .automation("aws.sagemaker.notebook"),
      Permission(
        "sagemaker:CreateNotebookInstanceLifecycleConfig",
        .new("sagemaker:notebook-instance-lifecycle-config/*")),
      Permission("sagemaker:StopNotebookInstance", .thing),
      Permission("sagemaker:UpdateNotebookInstance", .thing),
      Permission("sagemaker:StartNotebookInstance", .thing)),
    EscalationMethod(
      "ssm-001", .existingPassRole, .automation("aws.ec2.instance", requires: .takesSessions),
      Permission("ssm:StartSession", .thing)),
    EscalationMethod(
      "ssm-002", .existingPassRole, .automation("aws.ec2.instance", requires: .takesCommands),
      Permission("ssm:SendCommand", .thing),
      Permission(
        "ssm:SendCommand", .fixed("arn:*:ssm:*::document/AWS-RunShellScript"), isRepeated: true)),
  ]

  /// IAM itself is used.
  static let principals: [EscalationMethod] = [
    EscalationMethod(
      "iam-001", .selfEscalation, .ownPolicy,
      Permission("iam:CreatePolicyVersion", .policy)),
    EscalationMethod(
      "iam-002", .principalAccess, .user(.freeKey),
      Permission("iam:CreateAccessKey", .user)),
    EscalationMethod(
      "iam-003", .principalAccess, .user(.fullKeys),
      Permission("iam:CreateAccessKey", .user),
      Permission("iam:DeleteAccessKey", .user)),
    EscalationMethod(
      "iam-004", .principalAccess, .user(.newPassword),
      Permission("iam:CreateLoginProfile", .user)),
    EscalationMethod(
      "iam-005", .selfEscalation, .ownRole,
      Permission("iam:PutRolePolicy", .role)),
    EscalationMethod(
      "iam-006", .principalAccess, .user(.otherPassword),
      Permission("iam:UpdateLoginProfile", .user)),
    EscalationMethod(
      "iam-007", .selfEscalation, .ownUser,
      Permission("iam:PutUserPolicy", .user)),
    EscalationMethod(
      "iam-008", .selfEscalation, .ownUser,
      Permission("iam:AttachUserPolicy", .user)),
    EscalationMethod(
      "iam-009", .selfEscalation, .ownRole,
      Permission("iam:AttachRolePolicy", .role)),
    EscalationMethod(
      "iam-010", .selfEscalation, .ownGroup,
      Permission("iam:AttachGroupPolicy", .group)),
    EscalationMethod(
      "iam-011", .selfEscalation, .ownGroup,
      Permission("iam:PutGroupPolicy", .group)),
    EscalationMethod(
      "iam-012", .principalAccess, .retrustedRole,
      Permission("iam:UpdateAssumeRolePolicy", .role)),
    EscalationMethod(
      "iam-013", .selfEscalation, .administratorGroup,
      Permission("iam:AddUserToGroup", .group)),
    EscalationMethod(
      "iam-014", .principalAccess, .raisedRole(.assume),
      Permission("iam:AttachRolePolicy", .role),
      Permission("sts:AssumeRole", .role)),
    EscalationMethod(
      "iam-015", .principalAccess, .raisedUser,
      Permission("iam:AttachUserPolicy", .user),
      Permission("iam:CreateAccessKey", .user)),
    EscalationMethod(
      "iam-016", .principalAccess, .raisedRoleByPolicy(.assume),
      Permission("iam:CreatePolicyVersion", .policy),
      Permission("sts:AssumeRole", .role)),
    EscalationMethod(
      "iam-017", .principalAccess, .raisedRole(.assume),
      Permission("iam:PutRolePolicy", .role),
      Permission("sts:AssumeRole", .role)),
    EscalationMethod(
      "iam-018", .principalAccess, .raisedUser,
      Permission("iam:PutUserPolicy", .user),
      Permission("iam:CreateAccessKey", .user)),
    EscalationMethod(
      "iam-019", .principalAccess, .raisedRole(.retrust),
      Permission("iam:AttachRolePolicy", .role),
      Permission("iam:UpdateAssumeRolePolicy", .role)),
    EscalationMethod(
      "iam-020", .principalAccess, .raisedRoleByPolicy(.retrust),
      Permission("iam:CreatePolicyVersion", .policy),
      Permission("iam:UpdateAssumeRolePolicy", .role)),
    EscalationMethod(
      "iam-021", .principalAccess, .raisedRole(.retrust),
      Permission("iam:PutRolePolicy", .role),
      Permission("iam:UpdateAssumeRolePolicy", .role)),
    EscalationMethod(
      "sts-001", .principalAccess, .trust,
      Permission("sts:AssumeRole", .role)),
  ]
}
