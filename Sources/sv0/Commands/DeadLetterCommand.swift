internal import ArgumentParser
internal import KafkaClient
internal import Model
internal import Pipeline
internal import PostgresClient

struct DeadLetterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deadletter", abstract: "Messages that a worker could not understand, and why.",
    subcommands: [List.self, Show.self, Replay.self, Drop.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Dead letters that nobody has decided about.")

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: OutputOption
    @OptionGroup var filter: DeadLetterFilter

    @Flag(help: "Those that were replayed or dropped, too.")
    var decided = false

    func run() async throws {
      let context = try common.context()
      let pool = try context.pool()
      defer { pool.close() }
      var rows: [[String]] = []
      try await context.deadLetters(pool) { letter in
        guard filter.includes(letter), decided || letter.decision == nil else { return }
        switch output.output {
        case .json: Terminal.print(letter.json.text)
        case .text:
          rows.append(
            [letter.id, letter.at, letter.stage, letter.origin, letter.decision ?? "open"]
              + [letter.reason])
        }
      }
      for line in Terminal.table(rows) { Terminal.print(line) }
      if rows.isEmpty, output.output == .text { Terminal.complain("no dead letters") }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One dead letter: its reason, its headers, its bytes.")

    @OptionGroup var common: CommonOptions

    @Argument(help: "The dead letter's id from `list`: PARTITION@OFFSET.")
    var id: String

    func run() async throws {
      var found: DeadLetter?
      try await TopicReader(common.context(), topic: Topic.deadLetter).readAll {
        let letter = DeadLetter(message: $0)
        if letter.id == id { found = letter }
      }
      guard let found else { throw Failure.noDeadLetter(id) }
      for header in found.message.headers {
        Terminal.print(
          "\(header.name): \(String(decoding: header.value ?? [], as: UTF8.self))")
      }
      Terminal.print("")
      Terminal.print(String(decoding: found.message.value ?? [], as: UTF8.self))
    }
  }

  struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Has dead letters delivered again, once their cause is mended.",
      discussion: """
        A record is written if its collection was last applied from the record's own attempt, and \
        nothing is ever removed by it; a finding goes only to the sink that refused it. What is \
        out of date is reported as superseded. Exit 1 if any was superseded or cannot be delivered.
        """)

    @OptionGroup var decision: DeadLetterDecision

    func run() async throws {
      let context = try decision.common.context()
      let producer = try KafkaProducer(context.kafka())
      let adapter = KafkaMessageProducer(producer: producer)
      var isWhole = true
      try await decision.make { letter, desk in
        switch try await desk.replay(letter, through: adapter) {
        case .replayed: return ("replayed", nil)
        case .superseded(let why):
          isWhole = false
          return ("superseded", why)
        case .refused(let why):
          isWhole = false
          return ("refused", why)
        }
      }
      try await producer.close(deadline: .seconds(5))
      if !isWhole { throw ExitCode(Failure.Code.outcome.rawValue) }
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Puts dead letters away for good; the topic keeps them until its retention passes.")

    @OptionGroup var decision: DeadLetterDecision

    func run() async throws {
      try await decision.make { letter, desk in
        try await desk.drop(letter)
        return ("dropped", nil)
      }
    }
  }
}

/// Which dead letters a command is about.
struct DeadLetterFilter: ParsableArguments {
  @Option(help: "Only those of this worker: \(Stage.allCases.map(\.rawValue)).")
  var stage: String?

  @Option(name: .customLong("class"), help: "Only those of this error class, such as schema.")
  var errorClass: String?

  func includes(_ letter: DeadLetter) -> Bool {
    (stage ?? letter.stage) == letter.stage
      && (errorClass ?? letter.errorClass) == letter.errorClass
  }
}

/// What replaying and dropping have in common.
struct DeadLetterDecision: ParsableArguments {
  @OptionGroup var common: CommonOptions
  @OptionGroup var output: OutputOption
  @OptionGroup var filter: DeadLetterFilter
  @OptionGroup var person: PersonOption

  @Flag(help: "All that nobody has decided about, as far as --stage and --class say.")
  var all = false

  @Argument(help: "Ids from `list`: PARTITION@OFFSET.")
  var ids: [String] = []

  func validate() throws {
    guard ids.isEmpty == all else {
      throw ValidationError("give the ids of dead letters, or --all")
    }
  }

  /// Decides about each letter, in the order of the topic, and prints what became of it.
  func make(
    _ decide: (DeadLetter, DeadLetterDesk) async throws -> (decision: String, why: String?)
  ) async throws {
    let context = try common.context()
    let pool = try context.pool()
    defer { pool.close() }
    let desk = DeadLetterDesk(pool: pool, person: try person.name(), now: Context.now)
    var letters: [DeadLetter] = []
    try await context.deadLetters(pool) { letter in
      let isMeant = all ? letter.decision == nil : ids.contains(letter.id)
      if isMeant, filter.includes(letter) { letters.append(letter) }
    }
    if let missing = ids.first(where: { id in !letters.contains { $0.id == id } }) {
      throw Failure.noDeadLetter(missing)
    }
    for letter in letters {
      let (decision, why) = try await decide(letter, desk)
      switch output.output {
      case .json:
        Terminal.print(
          JSON.members([
            "id": .string(letter.id), "decision": .string(decision),
            "reason": why.map { .string($0) },
          ]).text)
      case .text: Terminal.print("\(decision) \(letter.id)\(why.map { ": \($0)" } ?? "")")
      }
    }
  }
}

extension Context {
  /// Every dead letter that the topic holds, with what was decided about it.
  fileprivate func deadLetters(
    _ pool: PostgresPool, _ body: (DeadLetter) async throws -> Void
  ) async throws {
    let decisions = try await DeadLetterDesk.decisions(pool)
    try await TopicReader(self, topic: Topic.deadLetter).readAll {
      var letter = DeadLetter(message: $0)
      letter.decision = decisions["\(letter.id) \(letter.at)"]
      try await body(letter)
    }
  }
}

extension Failure {
  fileprivate static func noDeadLetter(_ id: String) -> Failure {
    Failure(.usage, "no dead letter \(id); `sv0 deadletter list` lists them")
  }
}
