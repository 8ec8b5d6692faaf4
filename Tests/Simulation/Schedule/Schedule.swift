/// One simulated history, as data: what there is, what is done to it, and the seed of everything
/// else. Running it is a pure function; its text can be run again (`soak --schedule`).
public struct Schedule: Sendable, Equatable {
  /// Decides every latency and every small choice.
  public var seed: UInt64
  public var world: World
  /// In order of time.
  public var actions: [Timed]
  public var faults: [PlannedFault]

  public init(
    seed: UInt64, world: World = World(), actions: [Timed] = [], faults: [PlannedFault] = []
  ) {
    self.seed = seed
    self.world = world
    self.actions = actions
    self.faults = faults
  }

  /// Something done from outside, so many milliseconds after the start.
  public struct Timed: Sendable, Equatable {
    public var at: Int
    public var action: Action

    public init(_ at: Int, _ action: Action) {
      self.at = at
      self.action = action
    }
  }

  /// What goes wrong with one call of one process.
  public struct PlannedFault: Sendable, Equatable {
    public var point: CallPoint
    public var fault: CallFault

    public init(_ point: CallPoint, _ fault: CallFault) {
      self.point = point
      self.fault = fault
    }
  }

  /// When the last thing is done from outside.
  public var end: Int { actions.map(\.at).max() ?? 0 }

  /// Whether messages may get lost that nobody has read.
  public var losesMessages: Bool {
    actions.contains { timed in
      switch timed.action {
      case .forget, .recreate: true
      default: false
      }
    }
  }
}

/// How much of everything there is.
public struct World: Sendable, Equatable {
  public var tenants = 1
  /// Accounts of each tenant's one connection.
  public var accounts = 2
  /// Of the roles and policies of an account, to begin with; fewer of the rest.
  public var objects = 3
  public var partitions = 2
  public var schedulers = 1
  public var extractors = 1
  public var transformers = 1
  public var loaders = 1
  public var evaluators = 1
  /// Runs that are dispatched at a time.
  public var inFlight = 4
  /// Bytes that a loader may stage; 0 for no limit.
  public var staging = 0
  /// How uneven latencies are: 0 or 1.
  public var roughness = 1

  public init() {}

  /// The settings by name, for texts and for making a world smaller.
  static let settings:
    [(name: String, path: any WritableKeyPath<World, Int> & Sendable, least: Int)] =
      [
        ("tenants", \.tenants, 1), ("accounts", \.accounts, 1), ("objects", \.objects, 0),
        ("partitions", \.partitions, 1), ("schedulers", \.schedulers, 1),
        ("extractors", \.extractors, 1), ("transformers", \.transformers, 1),
        ("loaders", \.loaders, 1), ("evaluators", \.evaluators, 1), ("inFlight", \.inFlight, 1),
        ("staging", \.staging, 0), ("roughness", \.roughness, 0),
      ]

  /// Names of the processes, in order.
  var processes: [String] {
    [
      ("scheduler", schedulers), ("extractor", extractors), ("transformer", transformers),
      ("loader", loaders), ("evaluator", evaluators),
    ].flatMap { name, count in (1...max(1, count)).map { "\(name)-\($0)" } }
  }
}

/// What is done from outside. Numbers name tenants, accounts, objects and scans, and are taken
/// modulo what there is, so that an action stays possible in a smaller world.
public enum Action: Sendable, Equatable {
  // To processes.
  case crash(String)
  /// SIGSTOP, for milliseconds.
  case pause(String, Int)
  /// SIGTERM.
  case stop(String)
  /// Its sessions end although it lives.
  case evict(String)
  /// It is stopped, and another is started in its place; milliseconds later it goes on.
  case replace(String, Int)
  /// The database server crashes: what is not logged is lost.
  case crashDatabase
  // To topics.
  /// All partitions of a consumer group are assigned anew.
  case rebalance(String)
  /// Retention takes this percentage of what is kept.
  case forget(String, Int)
  case recreate(String)
  // By users.
  /// Of one account, or of all of a tenant's.
  case scan(tenant: Int, account: Int?)
  /// The request of an earlier scan comes once more.
  case repeatScan(Int)
  case cancel(Int)
  case retire(tenant: Int, account: Int, collection: String?)
  case decide(tenant: Int, account: Int, collection: String, confirmed: Bool)
  /// What is held is let go: of one account, or of all of a tenant's.
  case release(tenant: Int, account: Int?)
  /// The tenant's open finding of that number is suppressed for hours.
  case suppress(tenant: Int, finding: Int, hours: Int)
  /// What is known of an account is read again out of the raw topic.
  case replay(tenant: Int, account: Int)
  /// The connection stops or begins to list an account.
  case list(tenant: Int, account: Int, isListed: Bool)
  // On the platform.
  case put(tenant: Int, account: Int, collection: String, object: Int, isMalformed: Bool)
  case remove(tenant: Int, account: Int, collection: String, object: Int)
  /// All objects of a collection are gone, or there are this many.
  case fill(tenant: Int, account: Int, collection: String, count: Int)
  case trouble(tenant: Int, account: Int, collection: String, kind: String)
  /// The next listing names an object twice.
  case repeatObject(tenant: Int, account: Int, collection: String)
  /// Tokens so far are not known to the platform any more.
  case expireTokens(tenant: Int, account: Int)
  /// Time passes, in hours.
  case jump(Int)

  /// Whether it is a fault, and not something a user or the platform may do.
  var isFault: Bool {
    switch self {
    case .crash, .pause, .stop, .evict, .replace, .crashDatabase, .rebalance, .forget, .recreate,
      .jump:
      true
    default: false
    }
  }
}
