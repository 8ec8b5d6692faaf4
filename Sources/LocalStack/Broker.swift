import Glibc

/// The Kafka-protocol broker `noida-db`, alone and on loopback.
struct Broker: Server {
  let program: String
  let data: String
  let log: String

  /// Its folder is made here, closed to others, because the broker would leave it open.
  func initialize() throws(LocalStackError) {
    guard unsafe mkdir(data, 0o700) == 0 else {
      throw .system("making \(data)", reason: lastReason())
    }
  }

  func launch(port: UInt16) -> Launch {
    Launch(
      command: [
        program, "start", "--only", "kafka", "--kafka-port", String(port), "--data-dir", data,
      ], log: log)
  }

  func answers(port: UInt16) -> Bool { Probe.kafka(host: "127.0.0.1", port: port) }

  func prepare(port: UInt16) -> [String: String] { ["SV0_KAFKA": "127.0.0.1:\(port)"] }
}
