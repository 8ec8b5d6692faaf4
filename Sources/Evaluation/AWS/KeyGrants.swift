internal import Model

extension AWSSemantics {
  /// The grants of a KMS key, each as the policy that it is worth: it allows its grantee some of
  /// the key's operations, without any other policy, also in another account. Whoever may retire
  /// it may do only that. It denies nothing, and a deny elsewhere counts against it.
  ///
  /// A grant may demand an encryption context; its values are not read, so that is a condition.
  /// Source: KMS Developer Guide, "Grants in AWS KMS", "Grant constraints".
  func keyGrants(of key: String) -> [HeldPolicy] {
    graph.edges(.within, to: key).compactMap { edge -> HeldPolicy? in
      guard let grant = graph.nodes[edge.from], grant.type == "aws.kms.grant" else { return nil }
      let state = grant.merged.state
      let holders = graph.edges(.hasGrant, to: grant.id)
      var statements = holders.map { holder in
        holder.key.discriminator == "retiring"
          ? statement(["kms:RetireGrant"], to: ["AWS": .string(holder.key.from)], nil)
          : statement(operations(state), to: ["AWS": .string(holder.key.from)], demand(grant))
      }
      if let service = state["service"] {
        statements.append(statement(operations(state), to: ["Service": service], demand(grant)))
      }
      let document: JSON = ["Version": "2008-10-17", "Statement": .array(statements)]
      let text = PolicyText(
        id: grant.id, name: "grant \(grant.name)",
        compiled: try? CompiledPolicy(parsing: document.bytes, as: .resource),
        gap: "grant \(grant.id)")
      return HeldPolicy(text, .granted(edge, to: holders))
    }
  }

  private func operations(_ state: [String: JSON]) -> [String] {
    (state["operations"]?.textElements ?? []).map { "kms:\($0)" }
  }

  private func demand(_ grant: GraphNode) -> JSON? {
    guard case .object(let constraints)? = grant.state("constraints"), !constraints.isEmpty
    else { return nil }
    return ["StringEquals": ["kms:EncryptionContext": .string("as \(grant.name) demands it")]]
  }

  private func statement(_ actions: [String], to principal: JSON, _ condition: JSON?) -> JSON {
    .members([
      "Effect": "Allow", "Principal": principal, "Action": .strings(actions), "Resource": "*",
      "Condition": condition,
    ])
  }
}

extension JSON {
  /// The texts of an array; `nil` for anything else.
  var textElements: [String]? {
    guard case .array(let elements) = self else { return nil }
    return elements.compactMap(\.string)
  }
}
