internal import Cryptography
internal import Model

extension Graph {
  /// The id of a removable fact: the same of all that its removal would mend.
  func causeID(_ cause: String) -> String { SHA256.hexDigest("\(tenant)\n\(cause)") }

  /// A fact with its receipts, for a reader.
  ///
  /// - Parameter scope: whose assertions of a shared node are meant, where it has any.
  func step(_ fact: Fact, in scope: String?) -> EvidenceStep {
    switch fact.subject {
    case .node(let id):
      EvidenceStep(
        subject: .node(id: id), basis: .direct, sentence: fact.sentence,
        statement: fact.statement.flatMap { statement($0, of: id, in: scope) },
        receipts: receipts(nodes[id]?.provenance ?? [], in: scope))
    case .edge(let key):
      EvidenceStep(
        subject: .edge(kind: key.kind.rawValue, from: key.from, to: key.to),
        basis: edges[key]?.basis ?? .direct, sentence: fact.sentence,
        receipts: receipts(edges[key]?.provenance ?? [], in: scope))
    case .collection(let key):
      EvidenceStep(
        subject: .collection(name: key.collection, scope: key.scope), basis: .direct,
        sentence: fact.sentence, receipts: [listing(key)].compactMap(\.self))
    }
  }

  /// A node with the sentence that introduces it.
  func step(node id: String, in scope: String?) -> EvidenceStep {
    let name = label(id)
    let kind = nodes[id].map { "\($0.kind.rawValue) (\($0.type))" } ?? introduction(id)
    return step(
      Fact(.node(id), name == id ? "\(id): \(kind)" : "\(name): \(kind) \(id)"), in: scope)
  }

  /// The chain of a path: nodes and edges in order, before each derived edge what it stands on.
  func chain(_ path: AuthorityPath) -> [EvidenceStep] {
    guard let first = path.hops.first else { return [] }
    return [step(node: first.from, in: nodes[first.from]?.scope)] + path.hops.flatMap(steps)
  }

  /// The policies that could have limited a path, without repeats.
  func limits(_ path: AuthorityPath) -> [EvidenceStep] {
    var seen: Set<Fact> = []
    return path.hops.flatMap { hop in
      hop.limits.filter { seen.insert($0).inserted }.map { step($0, in: nodes[hop.from]?.scope) }
    }
  }

  /// `sha256:…#0`: a statement of a document.
  private func statement(_ index: Int, of id: String, in scope: String?) -> String? {
    (nodes[id]?.view(in: scope).state["document"]?.string).map { "\($0)#\(index)" }
  }

  private func steps(_ hop: Hop) -> [EvidenceStep] {
    let scope = nodes[hop.from]?.scope ?? nodes[hop.to]?.scope
    let end = step(node: hop.to, in: nodes[hop.to]?.scope ?? scope)
    if let key = hop.asserted { return [step(Fact(.edge(key), hop.sentence), in: scope), end] }
    let grounds = hop.facts.map { step($0, in: scope) }
    var receipts: [EvidenceReceipt] = []
    for receipt in grounds.flatMap(\.receipts) where !receipts.contains(receipt) {
      receipts.append(receipt)
    }
    // A conclusion is as direct as the least direct of what it stands on.
    let order: [Basis] = [.temporal, .structural, .direct]
    // What a system holds is read from its name, its tags or its kind, never from its content.
    let basis =
      hop.kind == "holds"
      ? .structural
      : order.first { basis in grounds.contains { $0.basis == basis } } ?? .direct
    let qualifier = hop.decision.qualifier.map { " (\($0))" } ?? ""
    let edge = EvidenceStep(
      subject: .edge(kind: hop.kind, from: hop.from, to: hop.to), basis: basis, isDerived: true,
      sentence: hop.sentence + qualifier, receipts: receipts)
    return grounds + [edge, end]
  }

  /// What follows the `#` of nodes that stand for a part of another.
  private static let parts: [Substring: String] = [
    "session": "sessions of a role, limited by a profile", "serviceaccount": "service account",
  ]

  /// Nodes that no record asserts: sets, and whatever lies outside of what was read.
  func introduction(_ id: String) -> String {
    let parts = id.split(separator: "#", maxSplits: 1)
    if parts.count == 2, let kind = Self.parts[parts[1].prefix { $0 != "/" }] { return kind }
    if id.hasPrefix("aws:account:"), parts.count == 2 {
      let account = parts[0].dropFirst("aws:account:".count)
      if parts[1] == "administrators" { return "the administrators of account \(account)" }
      if parts[1] == "*" { return "every resource of account \(account)" }
      return parts[1].hasSuffix(":*")
        ? "everything of \(parts[1].dropLast(2)) in account \(account)"
        : "the \(parts[1]) resources of account \(account)"
    }
    if let domain = DataDomain(id: id) { return "data domain (\(domain.rawValue))" }
    if id.hasPrefix("aws:account:") { return "AWS account" }
    if id.hasPrefix("aws:service:") { return "AWS service" }
    return "not read"
  }

  private func receipts(_ provenance: [Provenance], in scope: String?) -> [EvidenceReceipt] {
    let own = provenance.filter { $0.collection.scope == scope }
    return (own.isEmpty ? provenance : own).map { source in
      receipt(
        sha256: source.sha256, source.collection, object: source.object, run: source.run,
        call: source.call)
    }
  }

  /// The receipt of an absence: the requests that listed the collection, of which the last ended
  /// it.
  private func listing(_ key: CollectionKey) -> EvidenceReceipt? {
    guard let run = collections[key]?.appliedRun else { return nil }
    let last = lastRequest(run: run, collection: key.collection)
    return receipt(sha256: nil, key, object: nil, run: run, call: last ?? 0)
  }

  private func receipt(
    sha256: String?, _ key: CollectionKey, object: String?, run: String, call: Int64
  ) -> EvidenceReceipt {
    let request = request(call, run: run, collection: key.collection)
    return EvidenceReceipt(
      sha256: sha256, scope: key.scope, collection: key.collection, object: object, run: run,
      call: call, operation: request?.operation, requestID: request?.id, at: request?.at)
  }
}

extension String {
  /// With a capital letter, as a sentence begins.
  var asSentence: String { prefix(1).uppercased() + dropFirst() }
}

extension Decision {
  /// How firm it is, where that is less than certain.
  var qualifier: String? {
    switch level {
    case .allowed: nil
    case .denied: "denied"
    case .conditional: "only if \(conditions.joined(separator: "; "))"
    case .unknown: "unknown without \(missing.joined(separator: "; "))"
    }
  }

  /// `nil` where there is nothing to report.
  var strength: Strength? {
    switch level {
    case .denied: nil
    case .unknown: .unknown
    case .conditional: .conditional
    case .allowed: .effective
    }
  }
}
