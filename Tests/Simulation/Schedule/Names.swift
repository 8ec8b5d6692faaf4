internal import Model

/// The names of the simulated installation.
enum Names {
  static let raw = Topic.raw(.aws)
  static let graph = Topic.graph
  static let dispatch = Topic.scanDispatch(.aws)

  static let requests = "sv0.scheduler.requests"
  static let progress = "sv0.scheduler.progress"
  static let extractor = "sv0.extractor.aws"
  static let transformer = "sv0.transformer.aws"
  static let loader = "sv0.loader"
  static let groups = [requests, progress, extractor, transformer, loader]

  static let connection = "cloud"

  static func tenant(_ number: Int) -> String { "tenant-\(number)" }
  static func account(_ number: Int) -> String { "1000000000\(10 + number)" }
  static func object(_ number: Int) -> String { "object-\(number)" }

  static func scope(_ tenant: Int, _ account: Int) -> Scope {
    Scope(
      tenant: self.tenant(tenant), connection: connection, platform: .aws,
      account: self.account(account))
  }
}
