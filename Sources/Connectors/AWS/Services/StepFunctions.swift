internal import Extraction
internal import JSONReader
internal import Model

extension AWSService {
  static let stepFunctions = AWSService(
    "stepfunctions", .json(target: "AWSStepFunctions", version: "1.0"), prefix: "states",
    perSecond: 1, pages: "step-functions/latest/apireference/API_")
}

extension AWSOperation {
  private static let pages = Paging("nextToken", limit: ("maxResults", 1000))

  /// Source: Step Functions Developer Guide, "Service quotas": a bucket of 100, refilled by 1.
  static let listStateMachines = AWSOperation(
    .stepFunctions, "ListStateMachines", paging: pages, rate: Rate(perSecond: 1, burst: 50))
  /// Source: as above, a bucket of 200, refilled by 1.
  static let describeStateMachine = AWSOperation(
    .stepFunctions, "DescribeStateMachine", rate: Rate(perSecond: 1, burst: 100))
  /// Quotas of these are not published: as above.
  static let listStateMachineAliases = AWSOperation(
    .stepFunctions, "ListStateMachineAliases", paging: pages, rate: Rate(perSecond: 1, burst: 50))
  static let describeStateMachineAlias = AWSOperation(
    .stepFunctions, "DescribeStateMachineAlias", rate: Rate(perSecond: 1, burst: 50))
  static let listStateMachineVersions = AWSOperation(
    .stepFunctions, "ListStateMachineVersions", paging: pages, rate: Rate(perSecond: 1, burst: 50))
  static let listActivities = AWSOperation(
    .stepFunctions, "ListActivities", paging: pages, rate: Rate(perSecond: 1, burst: 50))
  /// The newest, which comes first; the others, of ninety days, say no more. Source: as above, a
  /// bucket of 100, refilled by 2.
  static let lastExecution = AWSOperation(
    .stepFunctions, "ListExecutions", fixed: ["maxResults": 1], rate: Rate(perSecond: 1, burst: 50)
  )
}

extension AWSUnit {
  private static let definition = Redaction(
    "literals of the definition: only names, ARNs and paths stay", definitions: ["definition"])

  static let stepFunctions: [AWSUnit] = [
    .tree(
      AWSListing(
        .listStateMachines, items: ["stateMachines"],
        each: [
          AWSListing(
            .describeStateMachine, ["stateMachineArn": .item("stateMachineArn")],
            [
              AWSKind(
                "aws.states.stateMachine", key: .item("stateMachineArn"),
                redaction: definition, AWSNormalizer.stateMachine)
            ]),
          // Of express ones no history is kept.
          AWSListing(
            .lastExecution, ["stateMachineArn": .item("stateMachineArn")],
            except: (["type"], "EXPRESS"), items: ["executions"],
            [
              AWSKind(
                "aws.states.lastExecution", key: .item("stateMachineArn"),
                members: [
                  ("stateMachineArn", .item("stateMachineArn")), ("status", .item("status")),
                  ("startDate", .item("startDate")), ("stopDate", .item("stopDate")),
                ],
                redaction: Redaction("names of executions: dropped"),
                AWSNormalizer.lastExecution)
            ]),
        ])),
    // Each version can be started by its own name, and runs as the role that it was published with.
    .tree(
      AWSListing(
        .listStateMachines, items: ["stateMachines"],
        each: [
          AWSListing(
            .listStateMachineVersions, ["stateMachineArn": .item("stateMachineArn")],
            items: ["stateMachineVersions"],
            each: [
              AWSListing(
                .describeStateMachine, ["stateMachineArn": .item("stateMachineVersionArn")],
                [
                  AWSKind(
                    "aws.states.version", key: .item("stateMachineArn"), redaction: definition,
                    AWSNormalizer.stateMachineVersion)
                ])
            ])
        ])),
    // What is started by an alias is what the versions do that it names.
    .tree(
      AWSListing(
        .listStateMachines, items: ["stateMachines"],
        each: [
          AWSListing(
            .listStateMachineAliases, ["stateMachineArn": .item("stateMachineArn")],
            items: ["stateMachineAliases"],
            each: [
              AWSListing(
                .describeStateMachineAlias,
                ["stateMachineAliasArn": .item("stateMachineAliasArn")],
                items: ["routingConfiguration"],
                [
                  AWSKind(
                    "aws.states.alias", key: .item("stateMachineAliasArn"), items: [],
                    AWSNormalizer.stateMachineAlias)
                ],
                each: [
                  AWSListing(
                    .describeStateMachine, ["stateMachineArn": .item("stateMachineVersionArn")],
                    [
                      AWSKind(
                        "aws.states.aliasVersion",
                        key: .joined([
                          .grandparent("stateMachineAliasArn"), "#", .item("stateMachineArn"),
                        ]),
                        members: [
                          ("Alias", .grandparent("stateMachineAliasArn")),
                          ("Version", .at(0, [])),
                        ],
                        redaction: Redaction(
                          "literals of the definition: only names, ARNs and paths stay",
                          definitions: ["Version.definition"]),
                        AWSNormalizer.stateMachineAliasVersion)
                    ])
                ])
            ])
        ])),
    .tree(
      AWSListing(
        .listActivities, items: ["activities"],
        [AWSKind("aws.states.activity", key: .item("activityArn"), AWSNormalizer.activity)])),
  ]
}

extension AWSNormalizer {
  static func stateMachine(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let region = try record.arn("stateMachineArn").parts.region
    let calls = try Self.calls(root, record, region)
    var (id, assertions) = try record.thing(
      .automation, "aws.states.stateMachine", arn: "stateMachineArn", name: root.name("name"),
      [
        "type": root.json("type"), "status": root.json("status"),
        "created": root.time("creationDate"),
        "calls": calls.map { .set(Array(Set($0.map(\.action)))) } ?? .null,
        "logging": try root.inner("loggingConfiguration")?.json("level"),
      ])
    assertions.link(.runsAs, id, try root.name("roleArn"))
    assertions.add(calls ?? [], of: id)
    return assertions
  }

  /// That a state machine is in use, and whether it works.
  static func lastExecution(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let status = try root.name("status")
    let day = try root.day("startDate")
    var (_, assertions) = try record.thing(
      .automation, "aws.states.stateMachine", arn: "stateMachineArn")
    assertions.nodes[0].observed = ["lastStatus": status]
    assertions.nodes[0].observed["lastUsed"] = day
    return assertions
  }

  /// What a published version does is the state machine's: whoever may start that may start this.
  static func stateMachineVersion(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let (arn, parts) = try record.arn("stateMachineArn")
    guard parts.resource.split(separator: ":").count == 3, let colon = arn.lastIndex(of: ":") else {
      throw record.root.mismatch("the ARN of a version", "another text")
    }
    let machine = String(arn[..<colon])
    var assertions = Assertions()
    assertions.link(.runsAs, machine, try record.root.name("roleArn"), "version")
    assertions.add(try calls(record.root, record, parts.region) ?? [], of: machine)
    return assertions
  }

  /// The calls in the tasks of a definition; `nil` where it is not to be seen.
  private static func calls(
    _ root: JSONView, _ record: AWSRecord, _ region: Substring
  ) throws(JSONError) -> [Integration]? {
    guard let text = try root.text("definition"), text != "opaque" else { return nil }
    let definition = try JSONDocument(parsing: Array(text.utf8)).root
    var calls: [Integration] = []
    var waiting = [definition]
    while let view = waiting.popLast() {
      for state in view["States"]?.members.map(Array.init) ?? [] {
        let task = state.value
        if task["Type"]?.string == "Task", let resource = task["Resource"]?.string,
          let call = Integration(
            resource, task["Parameters"] ?? task["Arguments"], record, region: region)
        {
          calls.append(call)
        }
        waiting += [task["Iterator"], task["ItemProcessor"]].compactMap(\.self)
        waiting += task["Branches"]?.elements.map(Array.init) ?? []
      }
    }
    return calls
  }

  /// A name under which versions of a state machine are started.
  static func stateMachineAlias(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    return try record.thing(
      .automation, "aws.states.alias", arn: "stateMachineAliasArn", name: root.name("name"),
      [
        "created": root.time("creationDate"),
        "versions": root.set("routingConfiguration", "stateMachineVersionArn"),
      ]
    ).assertions
  }

  /// What an alias does: what the version does that it names, as that version's role.
  static func stateMachineAliasVersion(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let alias = try record.root.name("Alias")
    let version = try record.root.value(at: "Version")
    try record.check("\(alias)#\(try version.name("stateMachineArn"))")
    var assertions = Assertions()
    assertions.link(.runsAs, alias, try version.name("roleArn"))
    let region = ARNParts(alias)?.region ?? ""
    assertions.add(try calls(version, record, region) ?? [], of: alias)
    return assertions
  }

  static func activity(_ record: AWSRecord) throws(JSONError) -> Assertions {
    try record.thing(
      .system, "aws.states.activity", arn: "activityArn", name: record.root.name("name"),
      ["created": record.root.time("creationDate")]
    ).assertions
  }
}

extension Assertions {
  fileprivate mutating func add(_ calls: [Integration], of id: String) {
    var seen: Set<String> = []
    for call in calls {
      let kind: EdgeKind = call.action == "http:invoke" ? .connectsTo : .invokes
      for target in call.targets where seen.insert(call.action + " " + target).inserted {
        link(kind, id, target, call.action)
      }
    }
  }
}
