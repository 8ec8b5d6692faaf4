// A finding as an OCSF 1.5.0 Detection Finding (class 2004) with the cloud profile.
//
// The content (what was found) and the life (state, version, times) are written apart: only the
// content is hashed, and an open finding that could not be evaluated keeps its content as it was
// published, but for what is missing.
//
// Where things are: uid, title, description, rule `finding_info`; version `metadata.sequence`;
// cause `metadata.correlation_uid`; subject `resources`; chain `evidences[].data`; state and
// strength, limits, targets, conditions, missing and judged inputs `unmapped`.
// Source: https://schema.ocsf.io/1.5.0/classes/detection_finding
internal import Cryptography
internal import JSONReader
internal import Model

enum OCSF {
  /// Members of the event, of `finding_info`, `metadata` and `unmapped`, that tell the life.
  private static let living: [String: Set<String>] = [
    "": [
      "activity_id", "activity_name", "type_uid", "type_name", "status_id", "status",
      "status_detail", "time", "comment",
    ],
    "finding_info": ["created_time", "modified_time"],
    "metadata": ["uid", "sequence"],
    "unmapped": ["state", "suppression"],
  ]

  /// What was found, without its life.
  static func content(_ finding: Finding) -> JSON {
    .members([
      "category_uid": 2, "category_name": "Findings", "class_uid": 2004,
      "class_name": "Detection Finding",
      "severity_id": .integer(Int64(finding.severity.rawValue)),
      "severity": .string(finding.severity.name.asSentence),
      "message": .string(finding.title),
      "is_alert": .bool(finding.severity > .informational),
      "finding_info": .members([
        "uid": .string(finding.uid), "title": .string(finding.title),
        "desc": .string(finding.description), "types": [.string(finding.rule)],
        "analytic": [
          "uid": .string(finding.rule), "name": .string(finding.ruleTitle),
          "version": .string(String(finding.ruleVersion)), "type_id": 1, "type": "Rule",
        ],
        "data_sources": .strings(
          Set(finding.inputs.map(\.collection)).sorted { $0.precedes($1) }),
      ]),
      "metadata": [
        "version": "1.5.0", "profiles": ["cloud"],
        "product": ["vendor_name": "Securityv0", "name": "sv0"],
        "tenant_uid": .string(finding.tenant), "correlation_uid": .string(finding.cause),
      ],
      "cloud": .members([
        "provider": "AWS", "region": finding.region.map { .string($0) },
        "account": [
          "uid": .string(finding.scope.account), "type_id": 10, "type": "AWS Account",
        ],
      ]),
      "resources": [
        [
          "uid": .string(finding.subject), "name": .string(finding.subjectName),
          "type": .string(finding.subjectType),
        ]
      ],
      "evidences": .array(
        finding.chain.enumerated().map { ["data": $1.json(index: $0)] }),
      "unmapped": .members([
        "rule": .string(finding.rule), "scope": .string(finding.scope.description),
        "strength": .string(finding.strength.rawValue), "via": .string(finding.via),
        "targets": .array(finding.targets.map(\.json)),
        "limits": .array(finding.limits.enumerated().map { $1.json(index: $0) }),
        "conditions": .strings(finding.conditions), "missing": .strings(finding.missing),
        "inputs": .array(
          finding.inputs.map {
            ["scope": .string($0.scope), "collection": .string($0.collection)]
          }),
      ]),
    ])
  }

  /// Hexadecimal SHA-256 of the content's canonical bytes.
  ///
  /// Every version of a rule counts as its first, for one that finds the same has nothing to say.
  /// Without the receipts of absences: a listing is cited by its latest run, and a scan in which nothing
  /// changed must not publish anything.
  static func digest(_ content: JSON) -> String {
    let content = content.merging(["finding_info": ["analytic": ["version": "1"]]])
    guard case .array(let limits)? = content["unmapped"]?["limits"] else {
      return SHA256.hexDigest(content.bytes)
    }
    let stable = limits.map { limit in
      limit["kind"] == "collection" ? limit.merging(["receipts": []]) : limit
    }
    return SHA256.hexDigest(content.merging(["unmapped": ["limits": .array(stable)]]).bytes)
  }

  /// The event: what was found, and where it is in its life.
  static func event(
    _ content: JSON, _ life: FindingLife, _ suppression: Suppression? = nil
  ) -> JSON {
    let uid = content["finding_info"]?["uid"]?.string ?? ""
    let activity = activity(life.state)
    let status = status(life.state)
    let answer = life.state == .suppressed ? suppression : nil
    return content.merging(
      .members([
        "activity_id": .integer(activity.id), "activity_name": .string(activity.name),
        "type_uid": .integer(200_400 + activity.id),
        "type_name": .string("Detection Finding: \(activity.name)"),
        "status_id": .integer(status.id), "status": .string(status.name),
        "status_detail": .string(detail(life.state, missing: content["unmapped"]?["missing"])),
        "time": .integer(life.changedAt.milliseconds),
        "finding_info": [
          "created_time": .integer(life.firstSeenAt.milliseconds),
          "modified_time": .integer(life.changedAt.milliseconds),
        ],
        "metadata": [
          "uid": .string("\(uid).\(life.version)"), "sequence": .integer(life.version),
        ],
        "comment": answer.map { .string($0.reason) },
        "unmapped": .members([
          "state": .string(life.state.rawValue), "suppression": answer.map(\.json),
        ]),
      ]))
  }

  /// The version of the rule that found what a published event tells.
  static func ruleVersion(of event: JSON) -> Int? {
    event["finding_info"]?["analytic"]?["version"]?.string.flatMap { Int($0) }
  }

  /// The content of a published event, with what is missing now.
  static func content(of event: JSON, missing: [String]) -> JSON {
    guard case .object(var members) = event else { return event }
    for (place, names) in living {
      if place.isEmpty {
        names.forEach { members[$0] = nil }
      } else if case .object(var inner)? = members[place] {
        names.forEach { inner[$0] = nil }
        members[place] = .object(inner)
      }
    }
    return JSON.object(members).merging(["unmapped": ["missing": .strings(missing)]])
  }

  /// The collections that a published event was judged from.
  static func inputs(of event: JSON) -> [CollectionKey] {
    guard case .array(let inputs)? = event["unmapped"]?["inputs"] else { return [] }
    return inputs.compactMap { input in
      guard let scope = input["scope"]?.string, let name = input["collection"]?.string else {
        return nil
      }
      return CollectionKey(scope: scope, collection: name)
    }
  }

  private static func activity(_ state: FindingState) -> (id: Int64, name: String) {
    switch state {
    case .new: (1, "Create")
    case .updated, .reopened, .suppressed: (2, "Update")
    case .resolved: (3, "Close")
    }
  }

  private static func status(_ state: FindingState) -> (id: Int64, name: String) {
    switch state {
    case .new, .updated, .reopened: (1, "New")
    case .suppressed: (3, "Suppressed")
    case .resolved: (4, "Resolved")
    }
  }

  private static func detail(_ state: FindingState, missing: JSON?) -> String {
    guard case .array(let gaps)? = missing, !gaps.isEmpty, state.isOpen else {
      return state.rawValue
    }
    return "\(state.rawValue); not evaluated completely, missing: "
      + gaps.compactMap(\.string).joined(separator: "; ")
  }
}

extension Suppression {
  fileprivate var json: JSON {
    ["owner": .string(owner), "endsAt": .string(endsAt.description)]
  }
}

extension FindingTarget {
  fileprivate var json: JSON {
    .members([
      "id": .string(id), "level": level.map { .string($0) },
      "strength": .string(strength.rawValue),
    ])
  }
}

extension JSON {
  /// Members of objects merged deeply; of others the new one counts.
  fileprivate func merging(_ other: JSON) -> JSON {
    guard case .object(var members) = self, case .object(let additions) = other else {
      return other
    }
    for (name, value) in additions { members[name] = members[name]?.merging(value) ?? value }
    return .object(members)
  }
}
