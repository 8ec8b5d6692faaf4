internal import JSONReader
internal import Model

/// What a call that a customer wrote down acts on: a task of a state machine, a universal target.
///
/// Source: Step Functions Developer Guide, "Integrating services"; Scheduler User Guide, "Using
/// universal targets".
struct Integration {
  /// `lambda:invoke`, `states:startExecution`, `dynamodb:getItem`.
  var action: String
  /// What it acts on; empty where the definition leaves that to its input.
  var targets: [String]

  /// - Parameters:
  ///   - resource: the ARN that names the call.
  ///   - parameters: what is passed to it.
  init?(
    _ resource: String, _ parameters: JSONView?, _ record: AWSRecord, region: some StringProtocol
  ) {
    guard let parts = ARNParts(resource) else { return nil }
    guard ["states", "scheduler"].contains(parts.service), parts.account.isEmpty else {
      // The resource itself is what is called: a function or an activity.
      action = parts.service == "lambda" ? "lambda:invoke" : String(parts.service)
      targets = [unqualified(resource)]
      return
    }
    let words = parts.resource.prefix { $0 != "." }.split(separator: ":")
      .filter { $0 != "aws-sdk" }
    guard words.count >= 2 else { return nil }
    let service = words[0] == "sfn" ? "states" : String(words[0])
    action = "\(service):\(words[1])"
    targets = []
    guard let parameters else { return }
    for name in parameters.texts(within: ["Entries"], Self.member(of: service)) {
      if let target = Self.target(name, service, record, region) { targets.append(target) }
    }
  }

  private static func member(of service: String) -> [String] {
    switch service {
    case "lambda": ["FunctionName"]
    case "states": ["StateMachineArn"]
    case "sqs": ["QueueUrl"]
    case "sns": ["TopicArn", "TargetArn"]
    case "ecs": ["TaskDefinition"]
    case "glue": ["JobName"]
    case "codebuild": ["ProjectName"]
    case "batch": ["JobDefinition"]
    case "dynamodb": ["TableName"]
    case "events", "eventbridge": ["EventBusName"]
    case "bedrock", "bedrockagentruntime": ["ModelId", "AgentId"]
    case "secretsmanager": ["SecretId"]
    case "http": ["ConnectionArn"]
    case "s3": ["Bucket"]
    default: []
    }
  }

  /// The canonical name of what a parameter names; `nil` where it is a path into the input, or
  /// nothing that stands for one thing.
  private static func target(
    _ name: String, _ service: String, _ record: AWSRecord, _ region: some StringProtocol
  ) -> String? {
    guard !name.hasPrefix("$"), name != "opaque", name != "empty", !name.isEmpty else { return nil }
    if name.hasPrefix("arn:") {
      return service == "ecs" ? taskFamily(name) : unqualified(name)
    }
    let first = name.prefix { $0 != ":" }
    switch service {
    case "lambda": return record.local("lambda", region, "function:\(first)")
    case "sqs":
      let parts = name.split(separator: "/")
      guard parts.count == 4 else { return nil }
      return "arn:aws:sqs:\(region):\(parts[2]):\(parts[3])"
    case "ecs": return record.local("ecs", region, "task-definition/\(first)")
    case "glue": return record.local("glue", region, "job/\(name)")
    case "codebuild": return record.local("codebuild", region, "project/\(name)")
    case "dynamodb": return record.local("dynamodb", region, "table/\(name)")
    case "events", "eventbridge": return record.local("events", region, "event-bus/\(name)")
    case "s3": return "arn:aws:s3:::\(name)"
    default: return nil
    }
  }
}

/// A task definition's ARN without its revision: the family is what stays.
func taskFamily(_ arn: String) -> String {
  let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
  guard parts.count == 7, parts[2] == "ecs", parts[5].hasPrefix("task-definition/") else {
    return arn
  }
  return parts.dropLast().joined(separator: ":")
}

extension JSONView {
  /// Texts of the members with these names, in this object, in lists named so, and in the objects
  /// of which they consist.
  fileprivate func texts(within lists: [String], _ names: [String]) -> [String] {
    var found: [String] = []
    for member in members.map(Array.init) ?? [] {
      if names.contains(member.key), let text = member.value.string { found.append(text) }
      if lists.contains(member.key) {
        for element in member.value.elements.map(Array.init) ?? [] {
          found += element.texts(within: [], names)
        }
      } else if member.value.kind == .object {
        found += member.value.texts(within: lists, names)
      }
    }
    return found
  }
}
