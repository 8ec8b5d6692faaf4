/// The names of the topics; what each holds is declared in `topics/`.
public enum Topic {
  public static let scanRequest = "sv0.scan.request.v1"
  public static let scanProgress = "sv0.scan.progress.v1"
  public static let scanStatus = "sv0.scan.status.v1"
  public static let graph = "sv0.graph.v1"
  public static let snapshot = "sv0.snapshot.v1"
  public static let findings = "sv0.findings.v1"
  public static let deadLetter = "sv0.deadletter.v1"

  public static func scanDispatch(_ platform: Platform) -> String {
    "sv0.scan.dispatch.\(platform.rawValue).v1"
  }

  public static func raw(_ platform: Platform) -> String { "sv0.raw.\(platform.rawValue).v1" }
}
