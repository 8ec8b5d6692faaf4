internal import JSONReader
internal import Model
internal import Synchronization

/// Why a policy document cannot be judged. Never quotes a value.
struct PolicyError: Error, Equatable, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A policy document, parsed strictly: what is not understood is an error, because a statement that
/// is skipped could be the deny.
/// Source: IAM User Guide, "Grammar of the IAM JSON policy language".
final class CompiledPolicy: Sendable {
  /// Where a document stands decides which elements it must have.
  enum Kind: Sendable { case identity, trust, resource }

  let statements: [Statement]
  /// What any statement of it is about, and what an allow is.
  let known: ActionSet
  let granted: ActionSet
  /// Services that its actions name, in lower case.
  let services: [String]

  /// - Parameter actions: those of other policies, many of which say the same.
  /// - Throws: `PolicyError` that names the path.
  convenience init(
    parsing bytes: [UInt8], as kind: Kind, sharing actions: SharedActions = SharedActions()
  ) throws(PolicyError) {
    self.init(try Self.statements(in: bytes, as: kind, actions))
  }

  private init(_ statements: [Statement]) {
    self.statements = statements
    known = statements.reduce(ActionSet()) { $0.union($1.known) }
    granted = statements.reduce(ActionSet()) { $1.effect == .allow ? $0.union($1.known) : $0 }
    services = statements.flatMap(\.services)
  }

  private static let members: Set = ["Version", "Id", "Statement"]

  private static func statements(
    in bytes: [UInt8], as kind: Kind, _ actions: SharedActions
  ) throws(PolicyError) -> [Statement] {
    do {
      let root = try JSONDocument(parsing: bytes).root
      try Statement.only(Self.members, in: root, at: "$")
      // Variables came with this version; before it `${` is text.
      let withVariables = try root.optionalString(at: "Version") == "2012-10-17"
      let list = try root.value(at: "Statement")
      let views = list.elements.map(Array.init) ?? [list]
      return try views.enumerated().map { index, view in
        try Statement(
          view, index: index, kind: kind, withVariables: withVariables, sharing: actions)
      }
    } catch let error as JSONError {
      throw PolicyError("\(error)")
    } catch let error as PolicyError {
      throw error
    } catch {
      throw PolicyError("$: not a policy document")
    }
  }
}

/// Who a statement is about.
enum PrincipalPattern: Sendable, Hashable {
  case everyone
  case account(String)
  case arn(String)
  case service(String)
  case federated(String)
  /// A canonical user, or the unique id that is left of a deleted principal: matches nobody here.
  case nobody(String)
}

/// One statement.
final class Statement: Sendable {
  enum Effect: Sendable { case allow, deny }

  /// An element and its negation: `Action` or `NotAction`.
  struct Element: Sendable {
    let patterns: [Pattern]
    let isNegated: Bool
    private let hasVariables: Bool

    init(patterns: [Pattern], isNegated: Bool) {
      self.patterns = patterns
      self.isNegated = isNegated
      hasVariables = patterns.contains(where: \.hasVariables)
    }

    /// On a subject that stands for many, "does it match all of them, or all but some": a negated
    /// element leaves one out only if a pattern covers it wholly. So the answer holds up to the
    /// exceptions that the policy spells out, and a deny of the rest is never overlooked.
    func decision(for subject: [UInt8], in context: RequestContext) -> Decision {
      guard hasVariables else { return .of(matches(subject)) }
      let matches = Decision.any(patterns.map { $0.decision(for: subject, in: context) })
      return isNegated ? matches.negated : matches
    }

    /// The same without variables.
    func matches(_ subject: [UInt8]) -> Bool {
      for pattern in patterns where pattern.matches(subject) { return !isNegated }
      return isNegated
    }

    /// Whether it may match all of a service, `s3:*`: behind the colon there is nothing but `*`.
    var isOpenEnded: Bool {
      isNegated
        || patterns.contains { pattern in
          let action = pattern.text.utf8.drop { $0 != UInt8(ascii: ":") }.dropFirst()
          return pattern.text.hasSuffix("*") && action.allSatisfy { $0 == UInt8(ascii: "*") }
        }
    }

    /// Whether it may match, whatever a request puts in its variables.
    func mayMatch(_ subject: [UInt8]) -> Bool { hasVariables || matches(subject) }
  }

  let index: Int
  let sid: String?
  let effect: Effect
  let principals: [PrincipalPattern]
  let excludesPrincipals: Bool
  let actions: Element
  /// `nil` in a trust policy, which is about the role it belongs to, and in some resource policies.
  let resources: Element?
  let conditions: [Condition]
  /// The known actions among `actions`.
  let known: ActionSet
  /// Services that its actions name, in lower case, and whether others may be meant too.
  let services: [String]
  let isForAnyService: Bool
  /// How a reader finds it: `statement 2 (AllowDeploy)`, counted from 1.
  let label: String

  init(
    _ view: JSONView, index: Int, kind: CompiledPolicy.Kind, withVariables: Bool,
    sharing shared: SharedActions
  ) throws {
    let path = "$.Statement[\(index)]"
    try Self.only(Self.members, in: view, at: path)
    self.index = index
    sid = try view.optionalString(at: "Sid").flatMap { $0.isEmpty ? nil : $0 }
    label = "statement \(index + 1)" + (sid.map { " (\($0))" } ?? "")
    effect =
      switch try view.string(at: "Effect") {
      case "Allow": .allow
      case "Deny": .deny
      default: throw PolicyError("\(path).Effect: expected Allow or Deny")
      }
    let read = try shared.read(view, at: path)
    (actions, known, services) = (read.element, read.known, read.services)
    isForAnyService = read.isForAnyService
    resources = try Self.element("Resource", in: view, at: path, withVariables: withVariables)
    guard resources != nil || kind != .identity else {
      throw PolicyError("\(path): expected Resource or NotResource")
    }
    excludesPrincipals = view["NotPrincipal"] != nil
    let who = view["NotPrincipal"] ?? view["Principal"]
    guard (who == nil) == (kind == .identity) else {
      throw PolicyError("\(path): a principal where none belongs, or none where one does")
    }
    principals = try who.map { try PrincipalPattern.all(in: $0, at: path) } ?? []
    conditions = try Self.conditions(in: view, withVariables)
  }

  private static let members: Set = [
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
    "NotResource", "Condition",
  ]

  static func only(_ known: Set<String>, in view: JSONView, at path: String) throws {
    for member in try view.object() where !known.contains(member.key) {
      throw PolicyError("\(path): an element that is not known")
    }
  }

  fileprivate static func element(
    _ name: String, in view: JSONView, at path: String, ignoringCase: Bool = false,
    withVariables: Bool = false
  ) throws -> Element? {
    let (positive, negative) = (view[name], view["Not" + name])
    guard positive == nil || negative == nil else {
      throw PolicyError("\(path): both \(name) and Not\(name)")
    }
    guard let list = positive ?? negative else { return nil }
    let texts = try Self.texts(list, at: "\(path).\(name)")
    return Element(
      patterns: texts.map {
        Pattern($0, ignoringCase: ignoringCase, withVariables: withVariables)
      }, isNegated: negative != nil)
  }

  private static func conditions(in view: JSONView, _ withVariables: Bool) throws -> [Condition] {
    var conditions: [Condition] = []
    for block in try view.optionalObject(at: "Condition").map(Array.init) ?? [] {
      for line in try block.value.object() {
        conditions.append(
          try Condition(
            operator: block.key, key: line.key,
            values: texts(line.value, at: "$.Statement.Condition"), withVariables: withVariables))
      }
    }
    return conditions
  }

  /// A text, or a list of texts; numbers and booleans count as their text.
  static func texts(_ view: JSONView, at path: String) throws -> [String] {
    if let elements = view.elements { return try elements.flatMap { try texts($0, at: path) } }
    if let text = view.string ?? view.numberText ?? view.bool.map(String.init) { return [text] }
    throw PolicyError("\(path): expected text")
  }
}

/// Elements of actions, of which an estate has few: each is read once.
final class SharedActions: Sendable {
  fileprivate struct Actions {
    var element: Statement.Element
    var known: ActionSet
    var services: [String] = []
    var isForAnyService: Bool
  }

  private struct Key: Hashable {
    var text: [UInt8]
    var isNegated: Bool
  }

  private let known = Mutex<[Key: Actions]>([:])

  fileprivate func read(_ view: JSONView, at path: String) throws -> Actions {
    let (positive, negative) = (view["Action"], view["NotAction"])
    let key = Key(text: Array((positive ?? negative)?.verbatim ?? []), isNegated: positive == nil)
    if positive == nil || negative == nil, let actions = known.withLock({ $0[key] }) {
      return actions
    }
    guard let element = try Statement.element("Action", in: view, at: path, ignoringCase: true)
    else { throw PolicyError("\(path): expected Action or NotAction") }
    var actions = Actions(
      element: element, known: ActionSet(matching: element), isForAnyService: element.isNegated)
    for pattern in element.patterns {
      let parts = pattern.text.lowercased().split(separator: ":", maxSplits: 1)
      if parts.isEmpty || parts[0].contains("*") || parts[0].contains("?") {
        actions.isForAnyService = true
      } else if parts.count == 2 {
        actions.services.append(String(parts[0]))
      }
    }
    known.withLock { $0[key] = actions }
    return actions
  }
}

extension PrincipalPattern {
  static func all(in view: JSONView, at path: String) throws -> [PrincipalPattern] {
    if let text = view.string {
      guard text == "*" else { throw PolicyError("\(path).Principal: expected * or an object") }
      return [.everyone]
    }
    var patterns: [PrincipalPattern] = []
    for member in try view.object() {
      let texts = try Statement.texts(member.value, at: "\(path).Principal")
      switch member.key {
      case "AWS": patterns += texts.map(aws)
      case "Service": patterns += texts.map { .service($0) }
      case "Federated": patterns += texts.map { .federated($0) }
      case "CanonicalUser": patterns += texts.map { .nobody($0) }
      default: throw PolicyError("\(path).Principal: a kind that is not known")
      }
    }
    return patterns
  }

  private static func aws(_ text: String) -> PrincipalPattern {
    if text == "*" { return .everyone }
    if ARN.isAccount(text) { return .account(text) }
    guard let arn = ARN(text) else { return .nobody(text) }
    return arn.resource == "root" ? .account(arn.account) : .arn(text)
  }
}
