/// The AWS API server moto, with AWS's own managed policies loaded.
struct Moto: Server {
  /// Answered without touching a service; `data.json` beside it fails once there are functions.
  static let readyPath = "/moto-api/"

  let program: String
  let log: String

  func initialize() {}

  func launch(port: UInt16) -> Launch {
    Launch(
      command: [program, "-H", "127.0.0.1", "-p", String(port)],
      environment: ["MOTO_IAM_LOAD_MANAGED_POLICIES": "true"], log: log)
  }

  func answers(port: UInt16) -> Bool {
    Probe.http(host: "127.0.0.1", port: port, path: Self.readyPath)
  }

  func prepare(port: UInt16) -> [String: String] { ["SV0_MOTO": "http://127.0.0.1:\(port)"] }
}
