public import Model

/// One thing that is wrong with settings. Never repeats the value: it may be a secret.
public struct ConfigurationProblem: Sendable, Hashable, CustomStringConvertible {
  /// The key with its path: `credentials.base.type`.
  public var key: String
  public var message: String

  public init(key: String, message: String) {
    self.key = key
    self.message = message
  }

  public var description: String { "\(key): \(message)" }
}

/// Settings that cannot be used, with every problem in them.
public struct ConfigurationError: ClassifiedError, Equatable, CustomStringConvertible {
  public let problems: [ConfigurationProblem]

  public init(_ problems: [ConfigurationProblem]) {
    self.problems = problems
  }

  public var isRetriable: Bool { false }
  public var description: String {
    "The connection's configuration cannot be used: "
      + problems.map(\.description).joined(separator: "; ")
  }
}

/// Reads the members of one object and collects what is wrong with them.
///
/// A getter gives `nil` for an absent member and for a wrong one; the latter is in `problems`.
/// `finish()` adds the members that nobody asked for: a misspelt key must not pass in silence.
public struct ConfigurationReader {
  public private(set) var problems: [ConfigurationProblem] = []
  private let path: String
  private let members: [String: JSON]
  private var asked: Set<String> = []

  /// - Parameter path: what stands before the keys in problems: `credentials`.
  public init(_ value: JSON, at path: String) {
    self.path = path
    if case .object(let members) = value {
      self.members = members
    } else {
      members = [:]
      problems.append(ConfigurationProblem(key: path, message: "must be an object"))
    }
  }

  public mutating func add(_ problem: String, to key: String) {
    problems.append(ConfigurationProblem(key: keyPath(key), message: problem))
  }

  public mutating func add(_ others: [ConfigurationProblem]) { problems += others }

  /// The path of a member, for reading it with a reader of its own.
  public func keyPath(_ key: String) -> String { "\(path).\(key)" }

  /// Whatever is there; a null counts as absent.
  public mutating func value(_ key: String) -> JSON? {
    asked.insert(key)
    return members[key].flatMap { $0 == .null ? nil : $0 }
  }

  /// A text.
  ///
  /// - Parameters:
  ///   - accepted: what is right, for the problem's message.
  ///   - isRight: whether the text is.
  public mutating func text(
    _ key: String, isRequired: Bool = false, accepted: String,
    where isRight: (String) -> Bool = { !$0.isEmpty }
  ) -> String? {
    guard let value = value(key) else {
      if isRequired { add("is missing; set it to \(accepted)", to: key) }
      return nil
    }
    guard case .string(let text) = value, isRight(text) else {
      add("must be \(accepted)", to: key)
      return nil
    }
    return text
  }

  /// One of a few words.
  public mutating func choice(_ key: String, of words: [String]) -> String? {
    text(
      key, isRequired: true, accepted: words.joined(separator: " or "),
      where: { words.contains($0) })
  }

  public mutating func integer(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
    guard let value = value(key) else { return nil }
    guard case .integer(let number) = value, range.contains(number) else {
      add("must be a whole number from \(range.lowerBound) to \(range.upperBound)", to: key)
      return nil
    }
    return number
  }

  /// The elements of an array.
  public mutating func elements(_ key: String, accepted: String) -> [JSON]? {
    guard let value = value(key) else { return nil }
    guard case .array(let elements) = value else {
      add("must be \(accepted)", to: key)
      return nil
    }
    return elements
  }

  /// A reference to a secret, never the secret itself.
  public mutating func reference(_ key: String) -> SecretReference? {
    guard let text = text(key, accepted: SecretReference.accepted) else { return nil }
    do {
      return try SecretReference(text)
    } catch {
      add(error.message, to: key)
      return nil
    }
  }

  /// Adds a problem for each member that no getter asked for.
  public mutating func finish() {
    let known = asked.sorted { $0.precedes($1) }.joined(separator: ", ")
    for key in members.keys.sorted(by: { $0.precedes($1) }) where !asked.contains(key) {
      add("is not a known key; known are \(known)", to: key)
    }
  }
}
