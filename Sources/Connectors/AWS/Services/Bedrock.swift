internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let bedrockAgent = AWSService(
    "bedrock-agent", .restJSON, signingName: "bedrock", perSecond: 5,
    pages: "bedrock/latest/APIReference/API_agent_")
  static let bedrock = AWSService(
    "bedrock", .restJSON, perSecond: 5, pages: "bedrock/latest/APIReference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 1000))
  private static let version = "/agents/{agentId}/agentversions/{agentVersion}"

  static let listAgents = AWSOperation(.bedrockAgent, "ListAgents", post: "/agents/", paging: pages)
  static let getAgent = AWSOperation(.bedrockAgent, "GetAgent", get: "/agents/{agentId}/")
  static let listAgentAliases = AWSOperation(
    .bedrockAgent, "ListAgentAliases", post: "/agents/{agentId}/agentaliases/", paging: pages)
  static let getAgentAlias = AWSOperation(
    .bedrockAgent, "GetAgentAlias", get: "/agents/{agentId}/agentaliases/{agentAliasId}/")
  static let listAgentVersions = AWSOperation(
    .bedrockAgent, "ListAgentVersions", post: "/agents/{agentId}/agentversions/", paging: pages)
  static let getAgentVersion = AWSOperation(.bedrockAgent, "GetAgentVersion", get: version + "/")
  static let listAgentActionGroups = AWSOperation(
    .bedrockAgent, "ListAgentActionGroups", post: version + "/actiongroups/", paging: pages)
  static let getAgentActionGroup = AWSOperation(
    .bedrockAgent, "GetAgentActionGroup", get: version + "/actiongroups/{actionGroupId}/")
  static let listAgentKnowledgeBases = AWSOperation(
    .bedrockAgent, "ListAgentKnowledgeBases", post: version + "/knowledgebases/", paging: pages)
  static let listAgentCollaborators = AWSOperation(
    .bedrockAgent, "ListAgentCollaborators", post: version + "/agentcollaborators/", paging: pages)
  static let listKnowledgeBases = AWSOperation(
    .bedrockAgent, "ListKnowledgeBases", post: "/knowledgebases/", paging: pages)
  static let getKnowledgeBase = AWSOperation(
    .bedrockAgent, "GetKnowledgeBase", get: "/knowledgebases/{knowledgeBaseId}")
  static let listDataSources = AWSOperation(
    .bedrockAgent, "ListDataSources", post: "/knowledgebases/{knowledgeBaseId}/datasources/",
    paging: pages)
  static let getDataSource = AWSOperation(
    .bedrockAgent, "GetDataSource",
    get: "/knowledgebases/{knowledgeBaseId}/datasources/{dataSourceId}")
  static let listGuardrails = AWSOperation(
    .bedrock, "ListGuardrails", get: "/guardrails", paging: pages)
}

extension AWSUnit {
  private static func below(_ kind: String, _ level: Int, _ id: AWSValue) -> AWSValue {
    .joined([
      "arn:aws:bedrock:", .region, ":", .account, ":agent/", .at(level, ["agentId"]),
      .constant(.string("#\(kind)/")), id,
    ])
  }

  private static let prompts = Redaction(
    "instructions and prompts: dropped",
    removed: [
      "instruction", "promptOverrideConfiguration.promptConfigurations", "clientToken",
      "description", "failureReasons", "recommendedActions",
    ])

  static let bedrock: [AWSUnit] = [
    .tree(
      AWSListing(
        .listAgents, items: ["agentSummaries"],
        each: [
          AWSListing(
            .getAgent, ["agentId": .item("agentId")], items: ["agent"],
            [
              AWSKind(
                "aws.bedrock.agent", key: .item("agentArn"),
                redaction: prompts, AWSNormalizer.agent)
            ]),
          AWSListing(
            .listAgentAliases, ["agentId": .item("agentId")], items: ["agentAliasSummaries"],
            each: [
              AWSListing(
                .getAgentAlias,
                ["agentId": .parent("agentId"), "agentAliasId": .item("agentAliasId")],
                items: ["agentAlias"],
                [
                  AWSKind(
                    "aws.bedrock.agentAlias", key: .item("agentAliasArn"),
                    redaction: Redaction(
                      "client tokens and history: dropped",
                      removed: ["clientToken", "agentAliasHistoryEvents", "failureReasons"]),
                    AWSNormalizer.agentAlias)
                ])
            ]),
          AWSListing(
            .listAgentVersions, ["agentId": .item("agentId")], items: ["agentVersionSummaries"],
            each: [
              // The draft is what `GetAgent` has.
              AWSListing(
                .getAgentVersion,
                ["agentId": .parent("agentId"), "agentVersion": .item("agentVersion")],
                except: (["agentVersion"], "DRAFT"), items: ["agentVersion"],
                [
                  AWSKind(
                    "aws.bedrock.agentVersion",
                    key: .joined([.item("agentArn"), "#version/", .item("version")]),
                    redaction: prompts, AWSNormalizer.agentVersion)
                ]),
              AWSListing(
                .listAgentActionGroups,
                ["agentId": .parent("agentId"), "agentVersion": .item("agentVersion")],
                items: ["actionGroupSummaries"],
                each: [
                  AWSListing(
                    .getAgentActionGroup,
                    [
                      "agentId": .grandparent("agentId"), "agentVersion": .parent("agentVersion"),
                      "actionGroupId": .item("actionGroupId"),
                    ], items: ["agentActionGroup"],
                    [
                      AWSKind(
                        "aws.bedrock.actionGroup",
                        key: below(
                          "actionGroup", 0,
                          .joined([.item("agentVersion"), "/", .item("actionGroupId")])),
                        members: [("Region", .region), ("ActionGroup", .at(0, []))],
                        redaction: Redaction(
                          "schemas: dropped",
                          removed: [
                            "ActionGroup.apiSchema.payload", "ActionGroup.functionSchema",
                            "ActionGroup.clientToken",
                          ]), AWSNormalizer.actionGroup)
                    ])
                ]),
              AWSListing(
                .listAgentKnowledgeBases,
                ["agentId": .parent("agentId"), "agentVersion": .item("agentVersion")],
                items: ["agentKnowledgeBaseSummaries"],
                [
                  AWSKind(
                    "aws.bedrock.agentKnowledgeBase",
                    key: below(
                      "knowledgeBase", 2,
                      .joined([.parent("agentVersion"), "/", .item("knowledgeBaseId")])),
                    members: [
                      ("Region", .region), ("AgentId", .grandparent("agentId")),
                      ("AgentVersion", .parent("agentVersion")), ("KnowledgeBase", .at(0, [])),
                    ], AWSNormalizer.agentKnowledgeBase)
                ]),
              AWSListing(
                .listAgentCollaborators,
                ["agentId": .parent("agentId"), "agentVersion": .item("agentVersion")],
                items: ["agentCollaboratorSummaries"],
                [
                  AWSKind(
                    "aws.bedrock.agentCollaborator",
                    key: below(
                      "collaborator", 2,
                      .joined([.parent("agentVersion"), "/", .item("collaboratorId")])),
                    members: [
                      ("Region", .region), ("AgentId", .grandparent("agentId")),
                      ("AgentVersion", .parent("agentVersion")), ("Collaborator", .at(0, [])),
                    ],
                    redaction: Redaction(
                      "instructions: dropped", removed: ["Collaborator.collaborationInstruction"]),
                    AWSNormalizer.agentCollaborator)
                ]),
            ]),
        ])),
    .tree(
      AWSListing(
        .listKnowledgeBases, items: ["knowledgeBaseSummaries"],
        each: [
          AWSListing(
            .getKnowledgeBase, ["knowledgeBaseId": .item("knowledgeBaseId")],
            items: ["knowledgeBase"],
            [
              AWSKind(
                "aws.bedrock.knowledgeBase", key: .item("knowledgeBaseArn"),
                redaction: Redaction(
                  "failures, which are prose, and queries: dropped",
                  removed: [
                    "failureReasons",
                    "knowledgeBaseConfiguration.sqlKnowledgeBaseConfiguration"
                      + ".redshiftConfiguration.queryGenerationConfiguration",
                  ]), AWSNormalizer.knowledgeBase)
            ],
            each: [.bedrockPolicy("aws.bedrock.knowledgeBasePolicy", of: "knowledgeBaseArn")]),
          AWSListing(
            .listDataSources, ["knowledgeBaseId": .item("knowledgeBaseId")],
            items: ["dataSourceSummaries"],
            each: [
              AWSListing(
                .getDataSource,
                [
                  "knowledgeBaseId": .parent("knowledgeBaseId"),
                  "dataSourceId": .item("dataSourceId"),
                ],
                items: ["dataSource"],
                [
                  AWSKind(
                    "aws.bedrock.dataSource",
                    key: .joined([
                      "arn:aws:bedrock:", .region, ":", .account, ":knowledge-base/",
                      .item("knowledgeBaseId"), "#dataSource/", .item("dataSourceId"),
                    ]),
                    members: [("Region", .region), ("DataSource", .at(0, []))],
                    redaction: Redaction(
                      "prompts of parsers and failures: dropped",
                      removed: [
                        "DataSource.failureReasons", "DataSource.vectorIngestionConfiguration",
                      ]), AWSNormalizer.dataSource)
                ])
            ]),
        ])),
    .tree(
      AWSListing(
        .listGuardrails, items: ["guardrails"],
        [AWSKind("aws.bedrock.guardrail", key: .item("arn"), AWSNormalizer.guardrail)],
        each: [.bedrockPolicy("aws.bedrock.guardrailPolicy", of: "arn")])),
  ]
}
