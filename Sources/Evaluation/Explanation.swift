public import Model

/// Why an identity may or may not do something: every statement that has a say, in the order in
/// which the platform evaluates them.
public struct Explanation: Sendable, Hashable {
  public struct Line: Sendable, Hashable {
    /// The step of the evaluation, in the platform's words.
    public var stage: String
    /// The policy's name and id, and the statement as a reader finds it.
    public var policy: String
    public var id: String
    public var statement: String
    public var isDeny: Bool
    /// Whether it applies to the request.
    public var decision: Decision

    /// What it does to the request.
    public var verdict: String {
      let effect = isDeny ? "denies" : "allows"
      return decision.qualifier.map { "\(effect) \($0)" } ?? effect
    }
  }

  public var identity: String
  public var action: String
  public var resource: String
  public var decision: Decision
  /// `nil` for an action that is not known.
  public var level: AccessLevel?
  public var lines: [Line]
  /// Steps without a statement that applies, and what that means.
  public var silent: [String]
  /// What a reader of the statements would miss.
  public var notes: [String]

  /// For people.
  public var text: [String] {
    let known = level.map { " (\($0.name))" } ?? " (an action that is not known)"
    let result = decision.qualifier ?? "allowed"
    return ["\(identity)", "\(action)\(known) on \(resource): \(result)"]
      + lines.map { "  \($0.stage): \($0.policy), \($0.statement) \($0.verdict)  [\($0.id)]" }
      + (silent + notes).map { "  \($0)" }
  }

  public var json: JSON {
    [
      "identity": .string(identity), "action": .string(action), "resource": .string(resource),
      "result": .string("\(decision.level)"), "conditions": .strings(decision.conditions),
      "missing": .strings(decision.missing), "level": level.map { .string($0.name) } ?? .null,
      "statements": .array(
        lines.map {
          [
            "stage": .string($0.stage), "policy": .string($0.id), "name": .string($0.policy),
            "statement": .string($0.statement), "effect": .string($0.isDeny ? "Deny" : "Allow"),
            "applies": .string("\($0.decision.level)"),
            "conditions": .strings($0.decision.conditions),
          ]
        }), "silent": .strings(silent), "notes": .strings(notes),
    ]
  }
}
