/// The Kafka-protocol broker `noida-db`, alone and on loopback.
struct Broker: Server {
  let program: String
  let data: String
  let log: String

  func initialize() {}

  func launch(port: UInt16) -> Launch {
    Launch(
      command: [
        program, "start", "--only", "kafka", "--kafka-port", String(port), "--data-dir", data,
      ], log: log)
  }

  func answers(port: UInt16) -> Bool { Probe.kafka(host: "127.0.0.1", port: port) }

  func prepare(port: UInt16) -> [String: String] { ["SV0_KAFKA": "127.0.0.1:\(port)"] }
}
