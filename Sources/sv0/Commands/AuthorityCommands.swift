internal import ArgumentParser
internal import Evaluation
internal import Model
internal import PostgresClient

/// What the questions about authority have in common: a tenant's graph, judged now.
struct AuthorityOptions: ParsableArguments {
  @OptionGroup var common: CommonOptions
  @OptionGroup var tenant: TenantOption
  @OptionGroup var output: PathOutputOption

  func evaluation() async throws -> Evaluation { try await common.evaluation(of: tenant) }

  /// One line a path; in JSON with everything that it stands on; or one picture of all.
  func print(_ paths: [AuthorityPath], of evaluation: Evaluation, title: String) {
    if let picture = evaluation.picture(of: paths, title: title).drawn(as: output.output) {
      Terminal.print(picture, terminator: "")
      return
    }
    for path in paths {
      Terminal.print(
        output.output == .json
          ? evaluation.json(of: path).text : path.line(evaluation.domains(atEndOf: path)))
    }
  }
}

extension CommonOptions {
  /// A tenant's graph, judged now.
  func evaluation(of tenant: TenantOption) async throws -> Evaluation {
    let pool = try context().pool()
    defer { pool.close() }
    let tenant = try tenant.name()
    guard let reading = try await PostgresEvaluationStore(pool).read(tenant) else {
      throw Failure(.usage, "tenant \(tenant) is unknown; `sv0 connection apply` makes it known")
    }
    return Evaluation(of: reading.graph, at: Context.now())
  }
}

struct ReachCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reach", abstract: "What an identity comes to: everything, by its best path.")

  @OptionGroup var options: AuthorityOptions

  @Argument(help: "A defined name, or a unique suffix of one: role/deploy.")
  var identity: String

  func run() async throws {
    let evaluation = try await options.evaluation()
    let id = try PathCommand.resolve(identity, among: evaluation.names)
    let paths = evaluation.reach(from: id)
    guard !paths.isEmpty else { throw Failure(.outcome, "\(id) reaches nothing that is known") }
    options.print(paths, of: evaluation, title: "What \(id) comes to")
  }
}

struct WhoCanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "who-can",
    abstract: "Who may act on a system or on data, directly or by becoming another.",
    discussion: "Levels: readMetadata, readData, write, administer, manageAccess.")

  @OptionGroup var options: AuthorityOptions

  @Argument(
    help: "A defined name, a unique suffix of one, a set, or data-domain:hr; see `sv0 path`.")
  var system: String

  @Option(help: "Only access at this level or above.")
  var level: AccessLevel?

  func run() async throws {
    let evaluation = try await options.evaluation()
    let id = try PathCommand.resolve(system, among: evaluation.names)
    let paths = evaluation.whoCan(reach: id, atLeast: level)
    guard !paths.isEmpty else { throw Failure(.outcome, "nobody who is known may act on \(id)") }
    options.print(paths, of: evaluation, title: "Who may act on \(id)")
  }
}

struct ExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Why an identity may or may not do something.",
    discussion: "Statements stand in the order in which the platform evaluates them.")

  @OptionGroup var options: AuthorityOptions

  @Argument(help: "A defined name, or a unique suffix of one: role/deploy.")
  var identity: String

  @Argument(help: "As the platform spells it: s3:GetObject.")
  var action: String

  @Argument(help: "An ARN, or *.")
  var resource: String

  func run() async throws {
    let evaluation = try await options.evaluation()
    let id = try PathCommand.resolve(identity, among: evaluation.names)
    guard let explanation = evaluation.explain(id, action, on: resource) else {
      throw Failure(.usage, "\(id) is no identity with policies; name a role or a user")
    }
    let format = options.output.output
    if let picture = explanation.picture.drawn(as: format) {
      Terminal.print(picture, terminator: "")
    } else if format == .json {
      Terminal.print(explanation.json.text)
    } else {
      for line in explanation.text { Terminal.print(line) }
    }
  }
}

extension AuthorityPath {
  /// `allowed (readData: hr) via escalation: role/a -canEscalateTo-> role/c -reaches-> bucket`.
  func line(_ domains: [DataDomain]) -> String {
    let way = hops.map { " -\($0.kind)-> \($0.to)" }.joined()
    return "\(decision.level)\(end(domains)) via \(via): \(hops.first?.from ?? "")\(way)"
  }

  /// How far access goes at the end, and to which data: ` (readData: hr)`.
  func end(_ domains: [DataDomain]) -> String {
    guard let level else { return "" }
    let held = domains.map(\.rawValue).joined(separator: ", ")
    return held.isEmpty ? " (\(level.name))" : " (\(level.name): \(held))"
  }
}
