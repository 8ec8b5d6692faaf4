internal import Evaluation
internal import JSONReader
internal import Model

extension DatabaseState {
  var findingTables: [String: [JSON]] {
    [
      "findings": findings.all.map { id, row in
        .row([
          "tenant": .string(id.tenant), "uid": .string(id.uid), "rule": .string(row.key.rule),
          "subject": .string(row.key.subject), "scope": .string(row.key.scope),
          "severity": .string(row.key.severity.name), "state": .string(row.life.state.rawValue),
          "version": .integer(row.life.version), "held": .bool(row.life.isHeld),
          "digest": .string(row.life.digest),
          "event": row.event, "first_seen_at": .time(row.life.firstSeenAt),
          "changed_at": .time(row.life.changedAt), "tombstoned_at": .time(row.life.tombstonedAt),
        ])
      },
      "finding_versions": findingVersions.map { row in
        .row([
          "tenant": .string(row.id.tenant), "uid": .string(row.id.uid),
          "version": .integer(row.change.life.version),
          "state": .string(row.change.life.state.rawValue), "event": row.change.event,
          "graph_version": .integer(row.graphVersion), "at": .time(row.at),
        ])
      },
      "judged_rules": judgedRules.all.map { key, _ in
        .row([
          "tenant": .string(key.tenant), "scope": .string(key.judged.scope),
          "rule": .string(key.judged.rule), "type": .string(key.judged.type),
          "version": .integer(key.judged.version),
        ])
      },
      "baselines": baselines.all.map { key, row in
        .row([
          "tenant": .string(key.tenant), "subject": .string(key.subject),
          "reached": Baseline.json(row.baseline.reached),
          "drifted": Baseline.json(row.baseline.drifted),
          "digest": .string(row.baseline.digest), "classifier": .number(row.baseline.classifier),
          "changed_at": .time(row.changedAt),
        ])
      },
      "authority_paths": (openPaths.all.map(\.row) + closedPaths).map { JSON(row: $0) },
      "finding_orders": findingOrders.map { row in
        .row(
          [
            "tenant": .string(row.tenant), "graph_version": .integer(row.graphVersion),
            "ordered_by": .string(row.orderedBy), "ordered_at": .time(row.orderedAt),
          ], row.order.columns)
      },
      "evaluations": evaluations.map { row in
        .row([
          "tenant": .string(row.tenant), "graph_version": .integer(row.graphVersion),
          "at": .time(row.at), "inputs": row.inputs,
        ])
      },
    ]
  }
}

extension JSON {
  fileprivate init(row: PathRow) {
    let (key, path) = (row.key, row.path)
    let hops = (try? JSONDocument(parsing: Array(path.hops.utf8))).map { JSON($0.root) }
    self = .row(
      [
        "tenant": .string(key.tenant), "subject": .string(key.subject),
        "target": .string(key.target), "level": .string(key.level),
      ],
      [
        "strength": .string(path.strength.rawValue), "via": .string(path.via),
        "cause": .string(path.cause), "hops": hops, "digest": .hexadecimal(path.digest),
        "reached_since": .time(row.reachedSince),
      ],
      [
        "opened_version": .integer(row.opened.version), "opened_at": .time(row.opened.at),
        "closed_version": row.closed.map { .integer($0.version) },
        "closed_at": .time(row.closed?.at),
      ])
  }
}

extension FindingOrder {
  fileprivate var columns: JSON.Columns {
    switch self {
    case .release(let release):
      ["kind": "release", "scope": .text(release.scope), "rule": .text(release.rule)]
    case .accept(let acceptance):
      ["kind": "accept", "scope": .text(acceptance.scope), "subject": .text(acceptance.subject)]
    case .suppress(let uid, let suppression):
      [
        "kind": "suppress", "uid": .string(uid), "owner": .string(suppression.owner),
        "reason": .string(suppression.reason), "ends_at": .time(suppression.endsAt),
      ]
    }
  }
}
