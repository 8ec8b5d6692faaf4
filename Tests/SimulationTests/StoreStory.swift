import Evaluation
import Loading
import Model
import Pipeline
import Scheduling

@testable import Simulation

/// Makes up calls that a deployment might make, one after the other: mostly sensible, often late,
/// repeated, or by somebody who has been replaced.
///
/// The same seed makes the same calls: a choice depends on earlier choices and on the state only.
struct StoreStory {
  static let topic = "sv0.graph.v1"
  static let accounts = ["111111111111", "222222222222"]
  static let known: [OfferedCollection] = ["aws.iam.role", "aws.lambda.function", "aws.use"]
  static let limits = SchedulingLimits(attempts: 2, inFlight: 3)

  var random: SplitMix64
  var now = Timestamp(milliseconds: 1_790_000_000_000)
  private var step = 0
  /// What the story has claimed, as far as it knows.
  private var claims: [TopicPartition: Int64] = [:]
  private var listings: [AttemptKey: StoreListing] = [:]
  private var lastTurn: StagingTurn?
  private let sizes: [String: Int]
  var requests = 0
  var oldResults: [EvaluationResult] = []
  /// What comes next, because of what came last.
  var plans: [Plan] = []

  enum Plan {
    case evaluate(afterDays: Int)
    case request(Scope)
    case retire(Scope)
    case write(EvaluationResult)
    case dispatch, load, drop
  }

  /// Mostly from an attempt to what it is worth.
  static let scan: [Plan] = [.load, .load, .load, .load, .evaluate(afterDays: 0)]

  var main: Scope {
    Scope(tenant: "acme", connection: "prod", platform: .aws, account: Self.accounts[0])
  }

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    var sizes: [String: Int] = [:]
    for name in ["aws.iam.role", "aws.lambda.function@r1", "aws.use"] {
      sizes[name] = random.pick([0, 1, 2, 3, 5])
    }
    // Large enough for more than half of it to be suspicious.
    if random.chance(30) { sizes["aws.iam.role"] = 21 + random.below(3) }
    self.sizes = sizes
  }

  /// The next call, with the state before it.
  mutating func next(_ state: DatabaseState) -> StoreCall {
    step += 1
    pass()
    switch step {
    case 1: return store("acme", accounts: Self.accounts)
    case 2: return store("bolt", accounts: [Self.accounts[0]])
    case 3: return request(state, of: random.chance(80) ? main : nil)
    case 4:
      // The whole life of a finding.
      if random.chance(25) { plans = Self.scan + [.retire(main)] }
      return dispatch()
    default: break
    }
    if !plans.isEmpty { return follow(plans.removeFirst(), state) }
    if random.chance(30), !state.suspects(of: "acme").isEmpty { return decide(state) }
    if random.chance(15), let release = release(state) { return release }
    // Somebody always wants to know more: otherwise nothing would happen for long.
    if random.chance(60) {
      let states = Set(state.runs.all.map(\.row.state))
      if states.isDisjoint(with: [.dispatched, .leased]) {
        return states.contains(.queued) ? dispatch() : request(state)
      }
    }
    switch random.below(100) {
    case 0..<60: return load(state) ?? schedule(state)
    case 60..<75: return schedule(state)
    case 75..<80: return relay(state)
    case 80..<88: return remove(state)
    case 88..<94: return sweep(state)
    default: return evaluate(state)
    }
  }

  private mutating func follow(_ plan: Plan, _ state: DatabaseState) -> StoreCall {
    switch plan {
    case .request(let scope): return request(state, of: scope)
    case .dispatch: return dispatch()
    case .retire(let scope): return retire(scope, nil)
    case .write(let result): return write(result, "late ")
    case .load: return load(state) ?? dispatch()
    case .drop: return drop(state)
    case .evaluate(let days):
      now = now + .seconds(86400 * days)
      return evaluate(state)
    }
  }

  private mutating func pass() {
    let seconds =
      switch random.below(100) {
      case 0..<85: random.below(5)
      case 85..<92: 30 + random.below(60)
      case 92..<98: 3600 * (1 + random.below(30))
      default: 86400 * (1 + random.below(100))
      }
    now = now + .seconds(seconds) + .milliseconds(random.below(1000))
  }

  // MARK: Loading

  static func partition(of scope: String) -> TopicPartition {
    TopicPartition(topic: topic, partition: Model.partition(ofKey: scope, among: 2))
  }

  func claim(of partition: TopicPartition) -> Claim {
    Claim(partition, claims[partition] ?? 0)
  }

  mutating func load(_ state: DatabaseState) -> StoreCall? {
    guard let attempt = attempt(state) else { return nil }
    let partition = Self.partition(of: attempt.scope.description)
    if state.stagedPositions[partition] == nil || random.chance(2) {
      if !random.chance(20) { return claim(partition) }
    }
    if random.chance(4), let turn = lastTurn { return stage(turn, "again ") }
    let key = AttemptKey(attempt)
    if let listing = listings[key], listing.isOver {
      if random.chance(90) { listings[key] = nil }
      return finish(attempt, state)
    }
    if random.chance(3) { return finish(attempt, state) }
    return stage(attempt, state)
  }

  /// Of a run that is under way, or of one that was. A loader stages nothing of what was applied.
  private mutating func attempt(_ state: DatabaseState) -> Attempt? {
    let begun = state.runs.all.map(\.row).filter { run in
      run.stored.machine.attempt > 0 && ![.applied, .evaluated].contains(run.state)
    }
    let open = begun.filter { $0.state.takesRecords }
    let newest = random.chance(40) ? open.suffix(1) : open[...]
    guard let run = open.isEmpty || random.chance(6) ? pick(begun) : pick(Array(newest)),
      let scope = Scope(run.stored.scope)
    else { return nil }
    let number = run.stored.machine.attempt
    return Attempt(
      scope: scope, run: run.stored.run,
      number: random.chance(4) ? max(1, number - 1) : number)
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.isEmpty ? nil : random.pick(elements)
  }

  private mutating func claim(_ partition: TopicPartition) -> StoreCall {
    claims[partition, default: 0] += 1
    return StoreCall("claim \(partition)") { stores, _ in
      "\(try await stores.loading.claim(partition))"
    }
  }

  /// The claim, or one of an earlier owner.
  private mutating func usualClaim(_ partition: TopicPartition) -> Claim {
    var claim = claim(of: partition)
    if random.chance(3) { claim.generation -= 1 }
    return claim
  }

  private mutating func stage(_ attempt: Attempt, _ state: DatabaseState) -> StoreCall {
    let partition = Self.partition(of: attempt.scope.description)
    let key = AttemptKey(attempt)
    var tokens: [String: String] = [:]
    for (key, row) in state.collections.all where key.scope == attempt.scope.description {
      tokens[key.collection] = row.token
    }
    if listings[key] == nil {
      listings[key] = StoreListing(
        attempt, partition, tokens: tokens, sizes: sizes, at: now, &random)
    }
    let others = listings.values.filter { $0.partition == partition && $0.attempt != attempt }
      .sorted { AttemptKey.precedes(AttemptKey($0.attempt), AttemptKey($1.attempt)) }
    var speakers = [attempt]
    if random.chance(25), let other = pick(others) { speakers.append(other.attempt) }
    var offset = state.stagedPositions[partition]?.next ?? 0
    var batch = StagingBatch()
    var mark: Mark?
    for speaker in speakers {
      let count = random.chance(60) ? 1000 : 1 + random.below(8)
      for piece in listings[AttemptKey(speaker)]?.next(count) ?? [] {
        if random.chance(3) { offset += 1 }
        let message = Self.message(partition, offset)
        let known = batch.executions[speaker] ?? state.executions(of: speaker)
        add(piece, of: speaker, knowing: known, message, to: &batch)
        mark = Mark(message)
        offset += 1
      }
    }
    if random.chance(5) { mark = nil }
    let turn = StagingTurn(batch, upTo: offset, mark, under: usualClaim(partition), at: now)
    lastTurn = turn
    return stage(turn, "")
  }

  private static func message(_ partition: TopicPartition, _ offset: Int64) -> Message {
    Message(
      topic: partition.topic, partition: partition.partition, offset: offset,
      timestamp: Timestamp(milliseconds: 0), key: nil, value: Array("\(offset)".utf8))
  }

  private func add(
    _ piece: StoreListing.Piece, of attempt: Attempt, knowing known: [String],
    _ message: Message, to batch: inout StagingBatch
  ) {
    func staged(_ content: StagedMessage.Content, _ bytes: Int64) -> StagedMessage {
      StagedMessage(attempt: attempt, offset: message.offset, bytes: bytes, content: content)
    }
    switch piece {
    case .started:
      // Named after where it begins.
      batch.begin(attempt, knowing: known + ["\(message.offset)"], message)
    case .record(let record): batch.add(staged(.record(record), 100), knowing: known, message)
    case .ended(let ended): batch.add(staged(.collectionEnded(ended), 50), knowing: known, message)
    }
  }

  private mutating func stage(_ turn: StagingTurn, _ prefix: String) -> StoreCall {
    let limit = StagingLimit(
      claims.keys.sorted(), bytes: random.chance(90) ? 1_000_000 : Int64(random.below(3000)))
    let what = turn.batch.messages.map(\.brief).joined(separator: " ")
    return StoreCall(
      "\(prefix)stage \(turn.claim) up to \(turn.upTo) of \(turn.batch.opened.map(\.0)) "
        + "restarted \(turn.batch.restarted): \(what)"
    ) { stores, _ in
      "\(String(describing: try await stores.loading.stage(turn, within: limit)))"
    }
  }

  private mutating func finish(_ attempt: Attempt, _ state: DatabaseState) -> StoreCall {
    let partition = Self.partition(of: attempt.scope.description)
    let offset = state.stagedPositions[partition]?.next ?? 0
    let end = random.chance(95) ? Mark(Self.message(partition, offset)) : nil
    let ending = Ending(attempt, under: usualClaim(partition), end: end, at: now)
    if random.chance(6) {
      return StoreCall("fail \(ending)") { stores, _ in
        "\(try await stores.loading.fail(ending, because: "it was too large"))"
      }
    }
    if random.chance(40) { plans = [.evaluate(afterDays: 0)] }
    return StoreCall("apply \(ending)") { stores, _ in
      "\(String(describing: try await stores.loading.apply(ending)))"
    }
  }
}
