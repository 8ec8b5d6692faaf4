internal import Extraction
internal import JSONReader
internal import Model

/// One kind of record: which, under which key, what of it is published, and what it means.
struct AWSKind: Sendable {
  /// `aws.<service>.<kind>`
  var name: String
  /// What identifies the object within its collection.
  var key: AWSValue
  /// Where its items are, where that is not where the listing has them.
  var items: [String]?
  /// The record's members; `nil` publishes the item as given.
  var members: [(name: String, value: AWSValue)]?
  var redaction: Redaction?
  /// Whether it is read only where a connection names it.
  var isRoadmap: Bool
  var kind: CollectionKind
  var normalize: AWSNormalizer.Kind

  init(
    _ name: String, key: AWSValue, items: [String]? = nil,
    members: [(name: String, value: AWSValue)]? = nil, redaction: Redaction? = nil,
    isRoadmap: Bool = false, kind: CollectionKind = .full,
    _ normalize: @escaping AWSNormalizer.Kind
  ) {
    self.name = name
    self.key = key
    self.items = items
    self.members = members
    self.redaction = redaction
    self.isRoadmap = isRoadmap
    self.kind = kind
    self.normalize = normalize
  }

  func description(
    _ operations: [AWSOperation], isRegional: Bool, group: String?
  ) -> CollectionDescription {
    var seen: Set<String> = []
    return CollectionDescription(
      name: name, isRegional: isRegional, kind: kind,
      operations: operations.filter { seen.insert($0.fullName).inserted }.map(\.description),
      group: group, redaction: redaction?.note, isRoadmap: isRoadmap)
  }
}

/// A listing, the records that its items are, and what is asked for each of them: a tree.
///
/// Read depth first and page by page, so that memory does not grow with the account. A call that
/// fails ends the collections below it, and no others; at the root these are all.
struct AWSListing: Sendable {
  var operation: AWSOperation
  var input: [String: AWSValue]
  /// Where it is asked, where that is not the unit's region.
  var region: AWSValue?
  /// Parents that it is not asked for: those with this text at the path.
  var except: (path: [String], text: String)?
  /// Where the items are in the answer, through lists on the way; empty: the answer is the item.
  var items: [String]
  /// Whether the service leaves the list out where it is empty.
  var isOmittedWhenEmpty: Bool
  /// Errors that mean "there is none", besides those that say that the object is gone.
  var absent: Set<String>
  /// What an item must have to be asked about: others have nothing of the kind.
  var needs: AWSValue?
  /// Whether what it would add to its parent is published without it where it is refused.
  var isOptional: Bool
  /// How many parents one call takes: their values go into it by `.all`.
  var batch: Int?
  var kinds: [AWSKind]
  /// Asked for each item.
  var each: [AWSListing]

  init(
    _ operation: AWSOperation, _ input: [String: AWSValue] = [:], in region: AWSValue? = nil,
    except: (path: [String], text: String)? = nil, items: [String] = [],
    isOmittedWhenEmpty: Bool = false, absent: Set<String> = [], needs: AWSValue? = nil,
    isOptional: Bool = false, batch: Int? = nil, _ kinds: [AWSKind] = [], each: [AWSListing] = []
  ) {
    self.operation = operation
    self.input = input
    self.region = region
    self.except = except
    self.items = items
    self.isOmittedWhenEmpty = isOmittedWhenEmpty
    self.absent = absent
    self.needs = needs
    self.isOptional = isOptional
    self.batch = batch
    self.kinds = kinds
    self.each = each
  }

  /// Names of the collections at and below it.
  var names: [String] { kinds.map(\.name) + each.flatMap(\.names) }

  /// All its kinds, each with the calls that lead to it.
  func described(
    after calls: [AWSOperation] = []
  ) -> [(kind: AWSKind, operations: [AWSOperation])] {
    let calls = calls + [operation]
    return kinds.map { ($0, calls) } + each.flatMap { $0.described(after: calls) }
  }
}

/// A value that is known at a place in a tree of listings.
indirect enum AWSValue: Sendable, ExpressibleByStringLiteral {
  case constant(JSON)
  /// Of the item so many levels above.
  case at(Int, [String])
  case account, region
  /// Texts, one after the other.
  case joined([AWSValue])
  /// In a batch: of each parent the text at the path.
  case all([String])
  /// A stand-in for a text that must not be published.
  case digest(AWSValue)
  /// A path that begins with `/`, whether it was written so or not.
  case rooted(AWSValue)

  init(stringLiteral value: String) { self = .constant(.string(value)) }

  static func item(_ path: String...) -> AWSValue { .at(0, path) }
  static func parent(_ path: String...) -> AWSValue { .at(1, path) }
  static func grandparent(_ path: String...) -> AWSValue { .at(2, path) }
}

/// Where in a tree of listings the reader is.
struct AWSPlace: Sendable {
  var account: String
  var region: String
  /// From the root's item to the current one.
  var trail: [JSONView] = []
  /// The parents that one call takes together.
  var batch: [JSONView] = []

  func below(_ item: JSONView) -> AWSPlace {
    var place = self
    place.trail.append(item)
    place.batch = []
    return place
  }

  /// The same with half of the parents each; `nil` where one call takes no more than one.
  var halves: [AWSPlace]? {
    guard batch.count > 1 else { return nil }
    let middle = batch.count / 2
    return [batch[..<middle], batch[middle...]].map { part in
      var place = self
      place.batch = Array(part)
      return place
    }
  }

  /// - Throws: `.missing` or `.mismatch`.
  func text(_ value: AWSValue) throws(JSONError) -> String {
    switch value {
    case .constant(let json): return json.string ?? json.text
    case .account: return account
    case .region: return region
    case .joined(let parts):
      var text = ""
      for part in parts { text += try self.text(part) }
      return text
    case .digest(let value):
      return String(PolicyDocument(canonical: .string(try text(value))).digest.suffix(32))
    case .rooted(let value):
      let text = try text(value)
      return text.hasPrefix("/") ? text : "/" + text
    case .at, .all:
      guard let view = try view(value) else {
        throw .missing(path: "$", expected: "a value to go on with")
      }
      if let number = view.numberText { return number }
      return try view.string()
    }
  }

  /// The value as input of a call; `nil` leaves it out.
  func json(_ value: AWSValue) throws(JSONError) -> JSON? {
    switch value {
    case .constant(let json): return json
    case .at: return try view(value).map { JSON($0) }
    case .all(let path):
      var texts: [String] = []
      for parent in batch {
        guard let view = try parent.descend(path) else { continue }
        texts.append(try view.string())
      }
      return .strings(texts)
    case .account, .region, .joined, .digest, .rooted: return .string(try text(value))
    }
  }

  /// The value as it stands in an answer, or written anew; `nil` where there is none.
  func bytes(_ value: AWSValue) throws(JSONError) -> [UInt8]? {
    if case .at = value { return try view(value).map { Array($0.verbatim) } }
    return try json(value)?.bytes
  }

  private func view(_ value: AWSValue) throws(JSONError) -> JSONView? {
    guard case .at(let level, let path) = value, level < trail.count else { return nil }
    return try trail[trail.count - 1 - level].descend(path)
  }
}

extension JSONView {
  /// What is at the path; `nil` where something on the way is absent or null.
  fileprivate func descend(_ path: [String]) throws(JSONError) -> JSONView? {
    var reached = self
    for name in path {
      guard let next = try reached.optionalValue(at: name) else { return nil }
      reached = next
    }
    return reached
  }

  /// The items at a path through objects and lists, and what is wrong with a list on the way.
  /// XML writes a list of one without its list.
  ///
  /// - Throws: where there is no list at all.
  func items(
    at path: [String], isXML: Bool, isOmittedWhenEmpty: Bool
  ) throws(JSONError) -> (items: [JSONView], problem: JSONError?) {
    guard let first = path.first else { return ([self], nil) }
    let top =
      isOmittedWhenEmpty ? try optionalValue(at: first) : try value(at: first)
    guard let top else { return ([], nil) }
    var items = try top.flattened(isXML: isXML)
    var problem: JSONError?
    for name in path.dropFirst() {
      var deeper: [JSONView] = []
      for item in items {
        do throws(JSONError) {
          guard let inner = try item.optionalValue(at: name) else { continue }
          deeper += try inner.flattened(isXML: isXML)
        } catch {
          problem = problem ?? error
        }
      }
      items = deeper
    }
    return (items, problem)
  }

  private func flattened(isXML: Bool) throws(JSONError) -> [JSONView] {
    if let elements { return Array(elements) }
    if kind == .object { return [self] }
    guard isXML, let bytes = stringBytes else { throw mismatch("a list", "another value") }
    return bytes.allSatisfy { $0 <= 0x20 } ? [] : [self]
  }
}
