internal import JSONReader
internal import Model

/// One line of a `Condition` block: an operator, a key, and the values it is compared with.
/// Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
struct Condition: Sendable, Hashable {
  enum Comparison: Sendable, Hashable { case equal, less, lessOrEqual, greater, greaterOrEqual }
  enum Operator: Sendable, Hashable {
    case stringEquals(ignoringCase: Bool), stringLike, arnLike
    case numeric(Comparison), date(Comparison), bool, binary, address, null
  }
  enum Quantifier: Sendable, Hashable { case none, allValues, anyValue }

  let quantifier: Quantifier
  let comparison: Operator
  let isNegated: Bool
  let ifExists: Bool
  /// As it is written, and in lower case.
  let key: String
  let name: String
  private let values: [Pattern]
  /// Of comparisons of ARNs: each value's components, or none where it is no ARN.
  private let components: [[Pattern]]
  private let spelling: String

  /// - Throws: `PolicyError` for an operator that does not exist.
  init(
    operator text: String, key: String, values: [String], withVariables: Bool
  ) throws(PolicyError) {
    var rest = text.lowercased()[...]
    var quantifier = Quantifier.none
    if rest.hasPrefix("forallvalues:") { quantifier = .allValues }
    if rest.hasPrefix("foranyvalue:") { quantifier = .anyValue }
    if quantifier != .none { rest = rest.drop { $0 != ":" }.dropFirst() }
    ifExists = rest.hasSuffix("ifexists")
    if ifExists { rest = rest.dropLast("ifexists".count) }
    guard let (comparison, isNegated) = Self.operators[String(rest)] else {
      throw PolicyError("$.Statement.Condition: an operator that is not known")
    }
    self.quantifier = quantifier
    self.comparison = comparison
    self.isNegated = isNegated
    self.key = key
    name = key.lowercased()
    let ignoresCase = comparison == .stringEquals(ignoringCase: true)
    self.values = values.map {
      Pattern($0, ignoringCase: ignoresCase, withVariables: withVariables)
    }
    components =
      comparison == .arnLike
      ? values.map { ARN($0)?.components.map { Pattern($0, withVariables: true) } ?? [] } : []
    spelling = "\(key) \(text) \(values.joined(separator: ", "))"
  }

  /// Whether it demands one particular external id.
  var demandsExternalID: Bool {
    let demands =
      switch comparison {
      case .stringEquals, .stringLike: !isNegated && !ifExists && quantifier != .allValues
      default: false
      }
    return demands && name == "sts:externalid" && !values.contains(where: \.isEverything)
  }

  /// The values that its key must have one of; `nil` where it is no comparison of texts, or a
  /// negated one, or lets everything pass.
  var allowedTexts: [String]? {
    switch comparison {
    case .stringEquals, .stringLike:
      isNegated || values.contains(where: \.isEverything) ? nil : values.map(\.text)
    default: nil
    }
  }

  /// Account ids that the values of a key about the principal name.
  var namedAccounts: [String] {
    guard !isNegated, ["aws:principalaccount", "aws:principalarn"].contains(name) else { return [] }
    return values.compactMap { value in
      ARN.isAccount(value.text) ? value.text : ARN(value.text).map(\.account)
    }.filter(ARN.isAccount)
  }

  /// Whether a request meets it. What the caller chooses is chosen in its favour.
  func decision(in context: RequestContext, for effect: Statement.Effect) -> Decision {
    switch context.value(of: name) {
    case .callerChosen: return .of(effect == .allow)
    case .unread(let missing): return .unknown(missing)
    case .absent: return .of(isMetWithoutKey)
    case .requestContext:
      return isMetByEveryRequest ? .of(!isNegated) : .conditional(spelling)
    case .chosenName(let account):
      if comparison == .null { return .of(expectsAbsence == false) }
      let matches = values.contains { Self.fits($0.text, account: account) }
      return .of(matches != isNegated)
    case .known(let present):
      if comparison == .null { return .of(expectsAbsence == false) }
      let each = present.map { decision(about: $0, in: context) }
      return quantifier == .allValues ? .all(each) : .any(each)
    }
  }

  private var expectsAbsence: Bool { values.contains { $0.text.lowercased() == "true" } }

  /// A missing key satisfies `ForAllValues`, `IfExists` and every negated operator but
  /// `ForAnyValue`'s; that is AWS's rule, and a trap.
  var isMetWithoutKey: Bool {
    if comparison == .null { return expectsAbsence }
    if quantifier == .allValues || ifExists { return true }
    return isNegated && quantifier != .anyValue
  }

  /// An address range of everything restricts nothing.
  var isMetByEveryRequest: Bool {
    comparison == .address && values.contains { ["0.0.0.0/0", "::/0"].contains($0.text) }
  }

  private func decision(about present: String, in context: RequestContext) -> Decision {
    let fits = Decision.any(values.indices.map { matches($0, present, in: context) })
    return isNegated ? fits.negated : fits
  }

  private func matches(_ place: Int, _ present: String, in context: RequestContext) -> Decision {
    let value = values[place]
    return switch comparison {
    case .stringEquals(let ignoringCase):
      value.equals(present, ignoringCase: ignoringCase, in: context)
    case .stringLike: value.decision(for: Array(present.utf8), in: context)
    case .arnLike: arnMatches(place, present, in: context)
    case .numeric(let comparison):
      .of(
        Double(value.text).flatMap { wanted in
          Double(present).map { comparison.holds($0, wanted) }
        } ?? false)
    case .date(let comparison):
      .of(
        Self.seconds(value.text).flatMap { wanted in
          Self.seconds(present).map { comparison.holds($0, wanted) }
        } ?? false)
    case .bool: .of(value.text.lowercased() == present.lowercased())
    case .binary: .of(value.text == present)
    case .address: .conditional(spelling)
    case .null: .denied
    }
  }

  /// Each of an ARN's six components is compared apart, so that `*` does not cross a colon. What
  /// AWS makes of a pattern with fewer is not documented.
  private func arnMatches(
    _ place: Int, _ present: String, in context: RequestContext
  ) -> Decision {
    if values[place].isEverything { return .allowed }
    guard let subject = ARN(present) else { return .denied }
    guard !components[place].isEmpty else { return .conditional(spelling) }
    return .all(
      zip(components[place], subject.components).map { part, text in
        part.decision(for: Array(text.utf8), in: context)
      })
  }

  private static func fits(_ text: String, account: String) -> Bool {
    guard let pattern = ARN(text) else { return Pattern(text).isEverything }
    return Pattern(pattern.account).matches(account)
  }

  private static func seconds(_ text: String) -> Double? {
    Double(text) ?? Timestamp(text).map { Double($0.milliseconds) / 1000 }
  }

  private static let operators: [String: (Operator, isNegated: Bool)] = {
    var operators: [String: (Operator, isNegated: Bool)] = [
      "stringequals": (.stringEquals(ignoringCase: false), false),
      "stringnotequals": (.stringEquals(ignoringCase: false), true),
      "stringequalsignorecase": (.stringEquals(ignoringCase: true), false),
      "stringnotequalsignorecase": (.stringEquals(ignoringCase: true), true),
      "stringlike": (.stringLike, false), "stringnotlike": (.stringLike, true),
      "arnequals": (.arnLike, false), "arnlike": (.arnLike, false),
      "arnnotequals": (.arnLike, true), "arnnotlike": (.arnLike, true),
      "bool": (.bool, false), "binaryequals": (.binary, false), "null": (.null, false),
      "ipaddress": (.address, false), "notipaddress": (.address, true),
    ]
    for (name, comparison) in [
      ("equals", Comparison.equal), ("lessthan", .less), ("lessthanequals", .lessOrEqual),
      ("greaterthan", .greater), ("greaterthanequals", .greaterOrEqual),
    ] {
      operators["numeric" + name] = (.numeric(comparison), false)
      operators["date" + name] = (.date(comparison), false)
    }
    operators["numericnotequals"] = (.numeric(.equal), true)
    operators["datenotequals"] = (.date(.equal), true)
    return operators
  }()
}

extension Condition.Comparison {
  func holds(_ left: Double, _ right: Double) -> Bool {
    switch self {
    case .equal: left == right
    case .less: left < right
    case .lessOrEqual: left <= right
    case .greater: left > right
    case .greaterOrEqual: left >= right
    }
  }
}

/// `arn:partition:service:region:account:resource`.
struct ARN: Sendable, Hashable {
  private let text: String
  /// Behind which byte each component but the first begins.
  private let colons: InlineArray<5, Int>

  init?(_ text: String) {
    guard text.utf8.starts(with: "arn:".utf8) else { return nil }
    var colons = InlineArray<5, Int>(repeating: 0)
    var count = 0
    let bytes = text.utf8.span
    for place in bytes.indices where bytes[place] == UInt8(ascii: ":") {
      colons[count] = place
      count += 1
      if count == colons.count { break }
    }
    guard count == colons.count else { return nil }
    (self.text, self.colons) = (text, colons)
  }

  var components: [String] { (0..<6).map(component) }

  var partition: String { component(1) }
  var service: String { component(2) }
  var region: String { component(3) }
  var account: String { component(4) }
  var resource: String { component(5) }

  private func component(_ number: Int) -> String {
    let start = number == 0 ? 0 : colons[number - 1] + 1
    let end = number == 5 ? text.utf8.count : colons[number]
    let utf8 = text.utf8
    let range =
      utf8.index(utf8.startIndex, offsetBy: start)..<utf8.index(utf8.startIndex, offsetBy: end)
    return String(text[range])
  }

  static func == (left: ARN, right: ARN) -> Bool { left.text == right.text }

  func hash(into hasher: inout Hasher) { hasher.combine(text) }

  /// The account that a text names as an ARN; `nil` for what is none.
  static func account(of text: String) -> Substring? {
    guard text.utf8.starts(with: "arn:".utf8) else { return nil }
    var parts = text.utf8[...]
    for _ in 0..<4 {
      guard let colon = parts.firstIndex(of: UInt8(ascii: ":")) else { return nil }
      parts = parts[parts.index(after: colon)...]
    }
    return parts.firstIndex(of: UInt8(ascii: ":")).map { Substring(parts[..<$0]) }
  }

  static func isAccount(_ text: String) -> Bool {
    text.utf8.count == 12 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }
}
