internal import Model

// Roles that services take to act for an account's own things.
// Source: IAM User Guide, "Grant a user permissions to pass a role to an AWS service".

extension AWSSemantics {
  /// What must be trusted by the role that a thing runs as, by type, where that is one service.
  private static let runners = [
    "aws.cloudformation.stack": "cloudformation.amazonaws.com",
    "aws.codebuild.project": "codebuild.amazonaws.com",
    "aws.iam.instanceProfile": "ec2.amazonaws.com",
    "aws.lambda.function": "lambda.amazonaws.com",
    "aws.sagemaker.notebook": "sagemaker.amazonaws.com",
  ]

  /// What a role's trust says to a service that acts for a thing of the account, whose name whoever
  /// makes it chooses.
  func answer(of role: Principal, to service: String) -> PolicyAnswer {
    let requester = Requester.service(service)
    var context = context(of: requester, trustedBy: role.account)
    context["aws:SourceAccount"] = .known([role.account])
    context["aws:SourceArn"] = .chosenName(account: role.account)
    let request = Request(Self.action, on: role.arn, in: context)
    var answer = role.trust.answer(request) { $0.fit(requester) > .none }
    answer.allow = answer.allow.and(role.limits.resourceDecision(request))
    return answer
  }

  /// Whether a thing still runs as a role: its trust may be another one than when it was passed.
  /// `nil` where it does, or the type is not known to need it.
  func mayRun(_ edge: GraphEdge) -> Decision? {
    guard let type = edge.source?.type, let service = Self.runners[type],
      let target = edge.target, let role = principals[target]
    else { return nil }
    let isTrusted = trusts[target]?.contains {
      $0.hop.decision == .allowed && $0.requester == .service(service)
    }
    return isTrusted == true ? nil : answer(of: role, to: service).decision
  }
}
