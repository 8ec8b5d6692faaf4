internal import Cryptography
internal import Evaluation
internal import Loading
internal import Model
internal import Scheduling

extension DatabaseState {
  /// Every table's rows as Postgres shows them, as JSON in the order of their texts, without the
  /// columns that have no value. Ids of the outbox are its places, which are the same whatever was
  /// rolled back.
  package var dump: [String: [String]] {
    var tables = queueTables
    tables.merge(graphTables) { _, new in new }
    tables.merge(stagingTables) { _, new in new }
    tables.merge(findingTables) { _, new in new }
    return tables.mapValues { rows in rows.map(\.text).sorted { $0.precedes($1) } }
  }

  private var queueTables: [String: [JSON]] {
    [
      "tenants": tenants.all.map { tenant, row in
        .row([
          "tenant": .string(tenant), "graph_version": .integer(row.graphVersion),
          "evaluated_version": .integer(row.evaluatedVersion),
          "first_changed_at": .time(row.firstChangedAt),
          "last_changed_at": .time(row.lastChangedAt), "next_due_at": .time(row.nextDueAt),
        ])
      },
      "connections": connections.all.map { key, row in
        .row([
          "tenant": .string(key.tenant), "connection": .string(key.connection),
          "platform": .string(row.platform.rawValue), "document": row.document,
          "applied_at": .time(row.appliedAt),
        ])
      },
      "scans": scans.all.map { key, row in
        .row([
          "tenant": .string(key.tenant), "scan": .string(key.scan), "source": .string(row.source),
          "request_id": .string(row.requestID),
          "status": row.refusal == nil ? "accepted" : "rejected", "reason": .text(row.refusal),
          "request": row.request.json, "requested_at": .time(row.at),
        ])
      },
      "scopes": scopes.all.map { scope, epoch in
        .row([
          "tenant": .tenant(of: scope), "scope": .string(scope), "last_epoch": .integer(epoch),
          "unlisted_since": .time(unlisted[scope]),
        ])
      },
      "runs": runs.all.map { JSON(row: $0.row) },
      "run_collections": runCollections.all.map { key, row in
        .row([
          "tenant": .string(key.run.tenant), "run": .string(key.run.run),
          "collection": .string(key.collection), "attempt": .number(row.attempt),
          "outcome": .string(row.outcome.rawValue), "records": .integer(row.records),
          "missing": .strings(row.missing), "message": .text(row.message),
        ])
      },
      "outbox": outbox.enumerated().map { place, row in
        let message = row.entry.message
        return .row([
          "id": .number(place), "tenant": .string(row.entry.tenant),
          "topic": .string(message.topic), "key": .bytes(message.key),
          "headers": .members(
            Dictionary(message.headers.map { ($0.name, .bytes($0.value)) }) { first, _ in first }),
          "value": .bytes(message.value), "created_at": .time(row.createdAt),
        ])
      },
      "relay_leases": relayLeases.all.map { relay, row in
        .row([
          "relay": .string(relay), "holder": .string(row.holder), "lease_until": .time(row.until),
        ])
      },
    ]
  }

  private var graphTables: [String: [JSON]] {
    var nodes: [JSON] = []
    var edges: [JSON] = []
    for (scope, assertions) in assertions.all {
      for assertion in assertions.open.all.map(\.row) + assertions.closed {
        let row = JSON(row: assertion, in: scope)
        if case .node = assertion.element { nodes.append(row) } else { edges.append(row) }
      }
    }
    return [
      "nodes": nodes, "edges": edges,
      "collections": collections.all.map { JSON(row: $0.row, $0.key) },
      "newest_records": newestRecords.all.map { key, sequence in
        .row(
          key.collection.columns,
          ["object": .string(key.object), "sequence": .integer(sequence)])
      },
      "observed": observed.all.map { key, row in
        .row(
          key.collection.columns,
          [
            "object": .string(key.object), "id": .string(key.id), "fact": .string(key.fact),
            "value": .string(row.value), "receipt_sha256": .string(row.sha256),
          ])
      },
      "activity": activity.all.map { key, row in
        .row(
          key.collection.columns, row.receipt.columns,
          [
            "subject": .string(key.subject), "action": .string(key.action),
            "target": .string(key.target), "at": .time(row.at),
          ])
      },
      "documents": documents.all.map { key, body in
        .row(["tenant": .string(key.tenant), "digest": .string(key.digest), "body": body])
      },
      "calls": calls.all.map { key, row in
        .row([
          "tenant": .string(key.run.tenant), "run": .string(key.run.run),
          "collection": .string(key.collection), "attempt": .number(row.attempt),
          "calls": row.calls,
        ])
      },
      "retirements": retirements.map { row in
        .row([
          "tenant": .string(row.scope.tenant), "scope": .string(row.scope.description),
          "collection": .string(row.collection), "epoch": .integer(row.epoch),
          "assertions": .number(row.assertions), "retired_by": .string(row.retiredBy),
          "retired_at": .time(row.retiredAt),
        ])
      },
      "removal_decisions": decisions.map { row in
        .row([
          "tenant": .string(row.scope.tenant), "scope": .string(row.scope.description),
          "collection": .string(row.collection), "epoch": .integer(row.epoch),
          "decision": .string(row.decision.rawValue), "assertions": .number(row.assertions),
          "decided_by": .string(row.decidedBy), "decided_at": .time(row.decidedAt),
        ])
      },
    ]
  }

  private var stagingTables: [String: [JSON]] {
    var tables: [String: [JSON]] = [
      "positions": positions.all.map { key, row in
        .row(
          key.columns, Mark.columns(of: row.mark),
          ["low": row.low.map { .integer($0) }, "generation": .integer(row.generation)])
      },
      "staged_positions": stagedPositions.all.map { key, row in
        .row(
          key.columns, Mark.columns(of: row.mark), ["next_offset": .integer(row.next)])
      },
      "open_attempts": openAttempts.all.map { key, row in
        .row(
          row.partition.columns,
          [
            "run": .string(key.run), "attempt": .number(key.number),
            "tenant": .string(row.attempt.scope.tenant),
            "scope": .string(row.attempt.scope.description),
            "first_offset": .integer(row.first.offset),
            "first_id": .hexadecimal(row.first.id), "bytes": .integer(row.bytes),
            "staged_at": .time(row.stagedAt), "executions": .strings(row.executions),
          ])
      },
    ]
    for name in ["objects", "nodes", "edges", "documents", "activity", "ends"] {
      tables["staged_\(name)"] = []
    }
    for (key, attempt) in staged.all {
      for (table, columns) in attempt.rows(of: key) {
        tables["staged_\(table)"]?.append(columns)
      }
    }
    return tables
  }
}

extension JSON {
  typealias Columns = [String: JSON?]

  static func row(_ parts: Columns...) -> JSON {
    .members(parts.reduce(into: [:]) { $0.merge($1) { _, new in new } })
  }

  static func time(_ time: Timestamp) -> JSON { .string(time.description) }
  static func time(_ time: Timestamp?) -> JSON? { time.map { .time($0) } }
  static func text(_ text: String?) -> JSON? { text.map { .string($0) } }
  static func number(_ number: Int) -> JSON { .integer(Int64(number)) }
  static func hexadecimal(_ bytes: [UInt8]) -> JSON {
    .string(#"\x"# + Hex.encode(bytes))
  }
  static func bytes(_ bytes: [UInt8]?) -> JSON? {
    bytes.map { .string(String(decoding: $0, as: UTF8.self)) }
  }
  static func tenant(of scope: String) -> JSON {
    .string(Scope(scope)?.tenant ?? "")
  }

  fileprivate init(row: RunRecord) {
    let (run, machine) = (row.stored, row.stored.machine)
    self = .row(
      [
        "tenant": .string(run.tenant), "run": .string(run.run), "scan": .string(run.scan),
        "scope": .string(run.scope), "epoch": .integer(run.epoch),
      ],
      [
        "priority": .number(row.priority.rank), "state": .string(machine.state.rawValue),
        "attempt": .number(machine.attempt), "failures": .number(machine.failures),
        "heard": .bool(machine.isHeard), "lease_until": .time(machine.leaseUntil),
        "records": .integer(machine.records), "calls": .integer(machine.calls),
        "reason": .text(machine.reason),
      ],
      [
        "graph_version": row.graphVersion.map { .integer($0) },
        "requested_at": .time(row.requestedAt), "allocated_at": .time(row.allocatedAt),
        "changed_at": .time(row.changedAt), "version": .integer(row.version),
        "published_version": .integer(row.publishedVersion),
      ])
  }

  fileprivate init(row: CollectionRow, _ key: CollectionKey) {
    let (applied, raw) = (row.applied, row.applied?.raw)
    self = .row(
      key.columns,
      [
        "outcome": .string(row.outcome.rawValue), "outcome_epoch": .integer(row.outcomeEpoch),
        "outcome_at": .time(row.outcomeAt), "missing": .strings(row.missing),
        "message": .text(row.message), "token": .text(row.token),
      ],
      [
        "applied_run": .text(applied?.run), "applied_attempt": applied.map { .number($0.attempt) },
        "applied_epoch": applied.map { .integer($0.epoch) },
        "applied_kind": .text(applied?.kind.rawValue),
        "applied_outcome": .text(applied?.outcome.rawValue),
        "applied_records": applied.map { .integer($0.records) },
      ],
      [
        "raw_partition": raw.map { .integer(Int64($0.partition)) },
        "raw_from": raw.map { .integer($0.offsets.lowerBound) },
        "raw_to": raw.map { .integer($0.offsets.upperBound) },
        "completed_at": .time(row.completedAt),
        "completed_epoch": row.completedEpoch.map { .integer($0) },
        "listed_at": .time(row.listedAt),
      ])
  }

  fileprivate init(row: Assertion, in scope: String) {
    let place = CollectionKey(scope: scope, collection: row.key.collection).columns
    self = .row(
      place, row.element.columns, row.receipt.columns,
      [
        "object": .string(row.key.object), "hash": .hexadecimal(row.hash),
        "opened_epoch": .integer(row.opened.epoch), "opened_at": .time(row.opened.at),
        "opened_version": .integer(row.opened.version),
      ],
      [
        "closed_epoch": row.closed.map { .integer($0.epoch) }, "closed_at": .time(row.closed?.at),
        "closed_version": row.closed.map { .integer($0.version) },
        "suspect_since": .time(row.suspectSince),
      ])
  }
}

extension CollectionKey {
  fileprivate var columns: JSON.Columns {
    [
      "tenant": .tenant(of: scope), "scope": .string(scope), "collection": .string(collection),
    ]
  }
}

extension TopicPartition {
  fileprivate var columns: JSON.Columns {
    ["topic": .string(topic), "partition": .integer(Int64(partition))]
  }
}

extension Mark {
  fileprivate static func columns(of mark: Mark?) -> JSON.Columns {
    [
      "mark_offset": mark.map { .integer($0.offset) }, "mark_id": mark.map { .hexadecimal($0.id) },
    ]
  }
}

extension RowReceipt {
  fileprivate var columns: JSON.Columns {
    var columns = record.columns
    columns["receipt_run"] = .string(run)
    columns["receipt_call"] = .number(call)
    return columns
  }
}

extension Receipt {
  fileprivate var columns: JSON.Columns {
    [
      "receipt_sha256": .string(sha256), "receipt_partition": .integer(Int64(partition)),
      "receipt_offset": .integer(offset),
    ]
  }
}

extension Element {
  fileprivate var columns: JSON.Columns {
    switch self {
    case .node(let node):
      [
        "id": .string(node.id), "kind": .string(node.kind.rawValue), "type": .string(node.type),
        "name": .string(node.name), "defines": .strings(node.defines),
        "state": .object(node.state),
      ]
    case .edge(let edge):
      [
        "kind": .string(edge.key.kind.rawValue), "from_id": .string(edge.key.from),
        "to_id": .string(edge.key.to), "discriminator": .string(edge.key.discriminator),
        "basis": .string(edge.basis.rawValue), "state": .object(edge.state),
      ]
    }
  }
}

extension StagedAttempt {
  /// Rows of the tables of staging, by the rest of their names.
  fileprivate func rows(of attempt: AttemptKey) -> [(String, JSON)] {
    let place: JSON.Columns = ["run": .string(attempt.run), "attempt": .number(attempt.number)]
    var rows = records.flatMap { $0.rows(in: place) }
    for ended in ends {
      rows.append(
        ("ends", .row(place, ["collection": .string(ended.collection), "body": ended.json])))
    }
    return rows
  }
}

extension StagedRecord {
  fileprivate func rows(in attempt: JSON.Columns) -> [(String, JSON)] {
    var place = attempt
    place["collection"] = .string(collection)
    place["sequence"] = .integer(sequence)
    let object: JSON.Columns = ["object": .string(fragment.object)]
    var receipt = fragment.receipt.columns
    receipt["receipt_call"] = .number(call)
    let flags: JSON.Columns = [
      "tainted": .bool(isTainted), "removed": .bool(isRemoval),
      "receipt_partition": .integer(Int64(fragment.receipt.partition)),
      "receipt_offset": .integer(fragment.receipt.offset),
    ]
    var rows: [(String, JSON)] = [("objects", .row(place, object, flags))]
    for node in fragment.nodes {
      let columns: JSON.Columns = [
        "hash": .hexadecimal(node.hash),
        "observed": .object(node.observed.mapValues { .string($0) }),
      ]
      rows.append(("nodes", .row(place, object, Element.node(node).columns, columns, receipt)))
    }
    for edge in fragment.edges {
      let columns: JSON.Columns = ["hash": .hexadecimal(edge.hash)]
      rows.append(("edges", .row(place, object, Element.edge(edge).columns, columns, receipt)))
    }
    for document in fragment.documents {
      rows.append(
        ("documents", .row(place, ["digest": .string(document.digest), "body": document.body])))
    }
    for fact in fragment.activity {
      let columns: JSON.Columns = [
        "subject": .string(fact.subject), "action": .string(fact.action),
        "target": .string(fact.target), "at": .time(fact.at),
      ]
      rows.append(("activity", .row(place, columns, receipt)))
    }
    return rows
  }
}
