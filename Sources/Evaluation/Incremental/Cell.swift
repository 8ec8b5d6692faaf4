internal import Model

/// Something that a result may depend on: what a node says, which edges of a kind leave it, who a
/// role is.
///
/// It is a hash. Two things of one cell make a result look outdated that is not; never the other
/// way round.
struct Cell: Hashable, Sendable {
  let bits: UInt32

  init(_ aspect: Aspect, _ name: String) {
    self.init(aspect, hash: StringTable.hash(name.utf8.span))
  }

  /// - Parameter hash: a text's, as `StringTable` has it: equal texts have equal ones, in every
  ///   table of the process.
  init(_ aspect: Aspect, hash: UInt32) { bits = hash &+ aspect.number &* 0x9E37_79B1 }
}

/// What of the thing with a name.
struct Aspect: Sendable {
  fileprivate let number: UInt32

  /// What a graph says of it, by its text.
  static let node = Aspect(number: 1)
  /// Which nodes are of a type, or of a kind.
  static let type = Aspect(number: 2)
  static let kind = Aspect(number: 3)
  /// When it was last used.
  static let use = Aspect(number: 4)
  /// The text of a policy document, by digest.
  static let document = Aspect(number: 5)
  /// What may be relied on of a scope's, or an account's, collections.
  static let collections = Aspect(number: 6)
  /// From which run a scope's collections were applied, and the requests of a run.
  static let listing = Aspect(number: 7)
  static let requests = Aspect(number: 8)
  /// What earlier evaluations settled about a subject, or about a scope.
  static let baseline = Aspect(number: 9)
  static let judged = Aspect(number: 10)

  // What is worked out before something else reads it:
  /// Membership and limits of an account.
  static let account = Aspect(number: 11)
  /// A principal, by ARN; which there are, and who may assume what, by account.
  static let principal = Aspect(number: 12)
  static let principals = Aspect(number: 13)
  /// Who may become a role, by its trust.
  static let trust = Aspect(number: 14)
  /// Unbounded sets that a principal reaches.
  static let reach = Aspect(number: 15)
  /// What a system holds, and what its policies allow; and those of an account, or that name
  /// somebody.
  static let system = Aspect(number: 16)
  static let systems = Aspect(number: 17)
  /// Whom systems let in from outside.
  static let outsider = Aspect(number: 18)
  /// What there is in an account to escalate by.
  static let estate = Aspect(number: 19)
  /// Hops that leave a place.
  static let hops = Aspect(number: 20)

  /// Edges of a kind that leave a node, or arrive.
  static func outgoing(_ kind: UInt8) -> Aspect { Aspect(number: 64 + UInt32(kind)) }
  static func incoming(_ kind: UInt8) -> Aspect { Aspect(number: 128 + UInt32(kind)) }
}

/// Cells that are not what they were.
struct Outdated: Sendable {
  private(set) var cells: Set<Cell> = []
  /// A bit for every 1024 cells: most questions are answered by a zero.
  private var filter = [UInt64](repeating: 0, count: 1 << 16)

  mutating func insert(_ cell: Cell) {
    cells.insert(cell)
    filter[Int(cell.bits >> 16)] |= 1 << UInt64(cell.bits >> 10 & 63)
  }

  mutating func insert(_ aspect: Aspect, _ name: String) { insert(Cell(aspect, name)) }

  func contains(_ cell: Cell) -> Bool {
    filter[Int(cell.bits >> 16)] >> UInt64(cell.bits >> 10 & 63) & 1 == 1 && cells.contains(cell)
  }

  /// Whether a result that was made from these is outdated.
  func touches(_ reads: [Cell]) -> Bool { reads.contains { contains($0) } }
}
