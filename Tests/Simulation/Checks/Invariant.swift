/// What must always hold.
public struct Invariant: Sendable, Equatable {
  public var number: Int
  public var name: String
  public var sentence: String

  private init(_ number: Int, _ name: String, _ sentence: String) {
    self.number = number
    self.name = name
    self.sentence = sentence
  }

  // The whole.
  static let settles = Invariant(
    1, "settles",
    "Once nothing goes wrong any more, everything that was begun comes to its end.")
  static let works = Invariant(2, "works", "No worker ends but when it is told to.")

  // The queue.
  static let oneRun = Invariant(
    3, "one-run", "Of a scope, at most one run is queued, dispatched or leased.")
  static let epochs = Invariant(
    4, "epochs", "A scope's epochs only grow, and each belongs to one run or retirement.")
  static let inFlight = Invariant(
    5, "in-flight", "Dispatching never brings more runs under way than the limit.")
  static let attempts = Invariant(
    6, "attempts", "Attempts grow by one, by dispatching, and what is final stays as it is.")
  static let dispatches = Invariant(
    7, "dispatches",
    "A run and the message that gives it out, with the tokens stored then, are stored together.")
  static let requests = Invariant(
    8, "requests", "Every request is one scan, however often it comes, with a run per scope.")
  static let progress = Invariant(
    9, "progress", "Only the newest attempt of a run changes what is told about it.")

  // The loader.
  static let positions = Invariant(
    10, "positions",
    "A partition's position moves on only, except to where reading begins after a crash, and its "
      + "durable position is at or below the first message of every open attempt.")
  static let stagedOnce = Invariant(
    11, "staged-once", "No message is staged twice.")
  static let appliedOnce = Invariant(
    12, "applied-once", "A run is applied or failed once, and each makes a version of the graph.")
  static let graph = Invariant(
    13, "graph",
    "After each change of a scope its open rows are what an independent recomputation from the "
      + "platform's answers says.")
  static let doubt = Invariant(
    14, "doubt",
    "Nothing ends for being absent but in a complete, counted, readable listing, or when a person "
      + "says so.")
  static let tokens = Invariant(
    15, "tokens", "A stored token is that of the last listing that was applied completely.")
  static let retired = Invariant(
    16, "retired", "Nothing of an epoch before a retirement is open after it.")
  static let history = Invariant(
    17, "history", "History is only added to, and its intervals do not overlap.")

  // The transformer.
  static let outputFirst = Invariant(
    18, "output-first",
    "An offset of raw records is committed only when all output of the records below is stored.")
  static let deadLetters = Invariant(
    19, "dead-letters", "A record that cannot be read is a dead letter, and no other message is.")

  // The extractor.
  static let rawOrder = Invariant(
    20, "raw-order",
    "An execution says that it started first, of a collection its records in order and then its "
      + "end, and last that it ended.")

  // The evaluator.
  static let versions = Invariant(
    21, "versions",
    "A tenant's graph version and evaluated version only grow, the second behind the first.")
  static let evaluated = Invariant(
    22, "evaluated", "In the end the findings are those of the graph as it is.")
  static let findings = Invariant(
    23, "findings",
    "In the end the last message of each finding on the topic is its newest version, and none is "
      + "missing.")
  static let statuses = Invariant(
    24, "statuses", "In the end the last message about each run is what its row says.")
  static let outbox = Invariant(
    25, "outbox", "A promised message is deleted only when the topic has it.")

  // What time ends.
  static let tombstones = Invariant(
    26, "tombstones",
    "A finding that was resolved for 90 days leaves the topic by a tombstone, and no other does.")
  static let aged = Invariant(
    27, "aged", "Facts about use are kept for their time, counted in whole days, and no longer.")

  // What is too much.
  static let stagingLimit = Invariant(
    28, "staging-limit",
    "Who stages too much fails the attempt that holds most, and nobody is failed before.")

  // By hand.
  static let replays = Invariant(
    29, "replays", "What is read again out of the raw topic changes nothing but epochs.")

  // By people.
  static let held = Invariant(
    30, "held",
    "What is held is neither high nor let go, and its scope's summary tells it as long as it is.")

  public static let all = [
    settles, works, oneRun, epochs, inFlight, attempts, dispatches, requests, progress, positions,
    stagedOnce, appliedOnce, graph, doubt, tokens, retired, history, outputFirst, deadLetters,
    rawOrder, versions, evaluated, findings, statuses, outbox, tombstones,
    aged, stagingLimit, replays, held,
  ]
}
