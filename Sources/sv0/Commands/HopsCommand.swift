internal import ArgumentParser
internal import Evaluation
internal import Model

extension GraphCommand {
  struct Hops: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Who comes to act as, or on, what in one step, as policies decide it now.",
      discussion: """
        Derived edges, and asserted ones that carry authority; what is denied is left out. \
        `sv0 path` shows what a hop stands on.
        """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var tenant: TenantOption
    @OptionGroup var output: OutputOption

    @Option(help: "Only this kind, such as canAssume.")
    var kind: String?

    func run() async throws {
      for hop in try await common.evaluation(of: tenant).allHops
      where kind == nil || hop.kind == kind {
        switch output.output {
        case .text: Terminal.print("\(hop.decision.level)  \(hop.from)  \(hop.kind)  \(hop.to)")
        case .json:
          Terminal.print(
            JSON.object([
              "kind": .string(hop.kind), "from": .string(hop.from), "to": .string(hop.to),
              "transfer": .string("\(hop.transfer)"), "result": .string("\(hop.decision.level)"),
              "conditions": .strings(hop.decision.conditions),
              "missing": .strings(hop.decision.missing),
              "level": hop.level.map { .string($0.name) } ?? .null,
              "derived": .bool(hop.asserted == nil), "sentence": .string(hop.sentence),
            ]).text)
        }
      }
    }
  }
}
