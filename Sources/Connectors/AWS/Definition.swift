internal import JSONReader
internal import Model

/// Definitions that a customer wrote, such as a state machine's: what is published of them.
///
/// A text stays where its member's name says that it names a thing, or where it is an ARN or a
/// plain path into the input. Any other text, key or number may be a secret or a customer's data.
enum Definition {
  /// The definition with its texts reduced; a text that holds JSON stays a text.
  static func reduced(_ view: JSONView) -> JSON {
    guard let text = view.string else { return reduced(JSON(view), under: "", isData: false) }
    guard !text.isEmpty else { return "" }
    guard let inner = try? JSONDocument(parsing: Array(text.utf8)).root else { return "opaque" }
    return .string(reduced(JSON(inner), under: "", isData: false).text)
  }

  /// - Parameter isData: whether it is part of what is passed on: there no member names a thing.
  private static func reduced(_ json: JSON, under name: String, isData: Bool) -> JSON {
    switch json {
    case .object(let members):
      .object(
        Dictionary(
          uniqueKeysWithValues: members.map { key, value in
            (key, reduced(value, under: key, isData: isData || data.contains(key)))
          }))
    case .array(let elements): .array(elements.map { reduced($0, under: name, isData: isData) })
    case .string(let text):
      .string(stays(text, under: isData ? "" : name) ? text : shape(text))
    case .integer, .number: isData ? "opaque" : json
    case .null, .bool: json
    }
  }

  private static func stays(_ text: String, under name: String) -> Bool {
    if Redaction.isARN(text) || naming.contains(name) { return text.utf8.count <= 2048 }
    return text.hasPrefix("$") && !text.contains { "'\" ".contains($0) }
  }

  private static func shape(_ text: String) -> String { text.isEmpty ? "empty" : "opaque" }

  /// Members below which there is what a call is given, not what it is.
  private static let data: Set<String> = [
    "Payload", "Input", "Item", "Key", "Detail", "MessageBody", "MessageAttributes", "Message",
    "Result", "ResultSelector", "ItemSelector", "Assign", "Output", "Environment", "Body",
    "RequestBody", "Headers", "QueryParameters", "ExpressionAttributeValues", "InputTemplate",
    "HttpParameters", "ContainerOverrides",
  ]

  /// Members whose texts are names: of the state language, and of the services that it calls.
  ///
  /// Source: https://states-language.net/spec.html and the service integrations of the Step
  /// Functions Developer Guide.
  private static let naming: Set<String> = [
    "StartAt", "Type", "Resource", "Next", "Default", "QueryLanguage", "Version", "ErrorEquals",
    "Mode", "ExecutionType", "ProcessorConfig", "FunctionName", "StateMachineArn", "TopicArn",
    "TargetArn", "QueueUrl", "TaskDefinition", "Cluster", "JobName", "JobDefinition", "JobQueue",
    "ProjectName", "TableName", "Bucket", "EventBusName", "SecretId", "ModelId", "RoleArn",
    "ConnectionArn", "CrawlerName", "KnowledgeBaseId", "AgentId", "AgentAliasId", "Id", "Arn",
    "name", "type", "source", "target", "sourceOutput", "targetInput", "agentAliasArn",
    "knowledgeBaseId", "lambdaArn", "modelId", "guardrailIdentifier", "guardrailVersion",
    "resourceArn", "promptArn", "bucketName", "botAliasArn", "nodeName", "region",
  ]
}
