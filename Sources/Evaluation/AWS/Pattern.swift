internal import Model

extension String {
  /// Whether it contains a text, byte by byte: names are ASCII, and Unicode's rules cost more.
  func hasBytes(of part: String) -> Bool {
    let (bytes, part) = (utf8.span, part.utf8.span)
    guard bytes.count >= part.count else { return false }
    next: for start in 0...(bytes.count - part.count) {
      for index in part.indices where bytes[start + index] != part[index] { continue next }
      return true
    }
    return false
  }
}

/// A text of a policy with `*`, `?` and, from version 2012-10-17 on, `${variables}`.
///
/// A subject may itself stand for many: a `*` in it means "every text here". A pattern then matches
/// only if it matches all of them, so its `?` does not match a `*`.
/// Source: IAM User Guide, "IAM JSON policy elements: Resource", "Variables and tags".
struct Pattern: Sendable, Hashable {
  private enum Piece: Sendable, Hashable {
    case literal([UInt8])
    case anyRun
    case anyOne
    case variable(String, standIn: [UInt8]?)
  }

  /// What a match takes: most patterns are a literal, with or without a `*` after it.
  private enum Form: Sendable, Hashable {
    case everything
    case literal([UInt8])
    case prefix([UInt8])
    case wildcards([UInt16])
    case variables([Piece])

    init(_ pieces: [Piece]) {
      let isFixed = !pieces.contains { if case .variable = $0 { true } else { false } }
      switch (pieces.first, pieces.count) {
      case (nil, _): self = .literal([])
      case (.literal(let bytes), 1): self = .literal(bytes)
      case (.literal(let bytes), 2) where pieces[1] == .anyRun: self = .prefix(bytes)
      case _ where pieces.allSatisfy { $0 == .anyRun }: self = .everything
      case _ where isFixed: self = .wildcards(Pattern.tokens(pieces) { _, _ in nil })
      default: self = .variables(pieces)
      }
    }
  }

  /// As it is written.
  let text: String
  private let form: Form

  init(_ text: String, ignoringCase: Bool = false, withVariables: Bool = false) {
    self.text = text
    form = Form(Self.pieces(of: ignoringCase ? text.lowercased() : text, withVariables))
  }

  /// Whether it matches everything.
  var isEverything: Bool { form == .everything }

  /// Whether what it matches depends on a request.
  var hasVariables: Bool { if case .variables = form { true } else { false } }

  /// Matches without variables.
  func matches(_ subject: [UInt8]) -> Bool {
    switch form {
    case .everything: true
    case .literal(let bytes): bytes == subject
    case .prefix(let bytes): Self.begins(subject, with: bytes)
    case .wildcards(let tokens): Self.matches(tokens, subject)
    case .variables(let pieces): Self.matches(Self.tokens(pieces) { _, _ in nil }, subject)
    }
  }

  func matches(_ subject: String) -> Bool { matches(Array(subject.utf8)) }

  /// Matches with variables replaced from the request: one that the caller chooses stands for
  /// whatever fits, one that only the request knows makes a match conditional.
  func decision(for subject: [UInt8], in context: RequestContext) -> Decision {
    guard case .variables(let pieces) = form else { return .of(matches(subject)) }
    var proviso = Decision.allowed
    var isAbsent = false
    let tokens = Self.tokens(pieces) { name, standIn in
      switch context.value(of: name) {
      case .known(let values) where values.count == 1: return values[0].utf8.map { UInt16($0) }
      case .callerChosen: return [Self.run]
      case .absent where standIn != nil: return standIn?.map { UInt16($0) }
      case .absent, .known:
        isAbsent = true
        return nil
      case .chosenName, .requestContext:
        proviso = proviso.and(.conditional("${\(name)} fits \(text)"))
        return [Self.run]
      case .unread(let missing):
        proviso = proviso.and(.unknown(missing))
        return [Self.run]
      }
    }
    // A variable without a value makes the whole text match nothing.
    return isAbsent ? .denied : Decision.of(Self.matches(tokens, subject)).and(proviso)
  }

  /// Compares text by text: a literal comparison in which only variables are special.
  func equals(_ subject: String, ignoringCase: Bool, in context: RequestContext) -> Decision {
    let subject = ignoringCase ? subject.lowercased() : subject
    guard hasVariables else {
      return .of((ignoringCase ? text.lowercased() : text).utf8.elementsEqual(subject.utf8))
    }
    return decision(for: Array(subject.utf8), in: context)
  }

  private static func begins(_ subject: [UInt8], with bytes: [UInt8]) -> Bool {
    guard subject.count >= bytes.count else { return false }
    for place in bytes.indices where subject[place] != bytes[place] { return false }
    return true
  }

  private static let run: UInt16 = 256
  private static let one: UInt16 = 257

  private static func tokens(
    _ pieces: [Piece], _ replace: (String, [UInt8]?) -> [UInt16]?
  ) -> [UInt16] {
    pieces.flatMap { piece -> [UInt16] in
      switch piece {
      case .literal(let bytes): bytes.map { UInt16($0) }
      case .anyRun: [run]
      case .anyOne: [one]
      case .variable(let name, let standIn): replace(name, standIn) ?? []
      }
    }
  }

  /// Greedy, with one place to go back to: linear but for the last `*`.
  private static func matches(_ pattern: [UInt16], _ subject: [UInt8]) -> Bool {
    var (at, position) = (0, 0)
    var retry: (at: Int, position: Int)?
    while position < subject.count {
      if at < pattern.count, pattern[at] == run {
        retry = (at, position)
        at += 1
      } else if at < pattern.count, pattern[at] == one, subject[position] != UInt8(ascii: "*") {
        at += 1
        position = endOfCharacter(position, subject)
      } else if at < pattern.count, pattern[at] == UInt16(subject[position]) {
        at += 1
        position += 1
      } else if let last = retry {
        let next = endOfCharacter(last.position, subject)
        retry = (last.at, next)
        (at, position) = (last.at + 1, next)
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == run }
  }

  /// `?` stands for a character, which may be several bytes of UTF-8.
  private static func endOfCharacter(_ position: Int, _ subject: [UInt8]) -> Int {
    var end = position + 1
    while end < subject.count, subject[end] & 0xC0 == 0x80 { end += 1 }
    return end
  }

  private static func pieces(of text: String, _ withVariables: Bool) -> [Piece] {
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    func flush() {
      if !literal.isEmpty { pieces.append(.literal(literal)) }
      literal = []
    }
    var rest = Array(text.utf8)[...]
    while let byte = rest.first {
      if withVariables, rest.starts(with: "${".utf8),
        let end = rest.firstIndex(of: UInt8(ascii: "}"))
      {
        let inner = String(decoding: rest[(rest.startIndex + 2)..<end], as: UTF8.self)
        rest = rest[(end + 1)...]
        // `${*}`, `${?}` and `${$}` are the characters themselves.
        if ["*", "?", "$"].contains(inner) {
          literal += Array(inner.utf8)
        } else {
          flush()
          pieces.append(variable(inner))
        }
        continue
      }
      rest = rest.dropFirst()
      switch byte {
      case UInt8(ascii: "*"):
        flush()
        pieces.append(.anyRun)
      case UInt8(ascii: "?"):
        flush()
        pieces.append(.anyOne)
      default: literal.append(byte)
      }
    }
    flush()
    return pieces
  }

  /// `aws:PrincipalTag/team, 'company-wide'`: the key, and what stands in where it has no value.
  private static func variable(_ inner: String) -> Piece {
    let parts = inner.split(separator: ",", maxSplits: 1).map {
      String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
    let standIn = parts.count == 2 ? parts[1].filter { $0 != "'" } : nil
    return .variable((parts.first ?? "").lowercased(), standIn: standIn.map { Array($0.utf8) })
  }
}
