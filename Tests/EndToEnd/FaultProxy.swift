import Foundation
import Model

/// An AWS endpoint that passes calls on to moto unless a rule says otherwise; see `fault_proxy.py`.
struct FaultProxy: Sendable {
  enum Fault: String {
    /// 403 AccessDenied.
    case deny
    /// The connection is closed without an answer.
    case cut
    /// The call waits until the rule is gone.
    case hold
  }

  /// What a listing of functions looks like to the proxy.
  static let listFunctions = "^lambda GET /2015-03-31/functions/?([?]|$)"
  static let getFunctionPolicy = "^lambda GET /2015-03-31/functions/.*/policy"

  /// How the files end into which the proxies write the keys and tokens that they saw.
  static let issued = ".issued"

  let endpoint: String
  private let rules: String
  private let process: Child

  init(_ name: String, before moto: String, in folder: String) async throws {
    rules = "\(folder)/\(name).rules.json"
    try "[]".write(toFile: rules, atomically: true, encoding: .utf8)
    process = try Child(
      "\(name)-proxy", Place.python,
      ["\(Place.tests)/fault_proxy.py", moto, rules, "\(folder)/\(name)\(Self.issued)"], [:],
      in: folder)
    endpoint = try await process.firstLine()
  }

  /// From now on: calls whose name matches fail like this, all others pass.
  func fail(_ faults: [String: Fault] = [:]) throws {
    let list = JSON.array(
      faults.map { ["match": .string($0.key), "do": .string($0.value.rawValue)] })
    try list.text.write(toFile: rules, atomically: true, encoding: .utf8)
  }

  func stop() async throws { try await process.stop() }
}

/// A TCP connection that can be cut, frozen and restored; see `tcp_proxy.py`.
struct Cable: Sendable {
  let port: String
  private let process: Child

  init(_ name: String, to address: String, isKafka: Bool = false, in folder: String) async throws {
    process = try Child(
      "cable-\(name)", Place.python,
      ["\(Place.tests)/tcp_proxy.py", address] + (isKafka ? ["kafka"] : []), [:], in: folder)
    port = try await process.firstLine()
  }

  func cut() async throws { try await tell(SIGUSR1, "cut") }
  func restore() async throws { try await tell(SIGUSR2, "restored") }
  /// From now on what producers send is kept back, until the cable is restored.
  func holdProducers() async throws { try await tell(SIGHUP, "held") }
  /// Whether something was kept back.
  var keptSomething: Bool { process.written.count(of: "kept") > 0 }
  /// Passes on what was kept back, whoever has ended meanwhile, until the broker has answered.
  func release() async throws {
    try await restore()
    try await wait(until: "answers to what was kept back") {
      process.written.count(of: "answered") == process.written.count(of: "kept")
    }
  }
  /// Nothing passes any more, and nobody is told.
  func freeze() { process.signal(SIGSTOP) }
  func thaw() { process.signal(SIGCONT) }

  private func tell(_ signal: Int32, _ answer: String) async throws {
    let count = process.written.count(of: answer)
    process.signal(signal)
    try await wait(until: "the cable to be \(answer)") { process.written.count(of: answer) > count }
  }

  func stop() async throws {
    thaw()
    try await process.stop()
  }
}

extension String {
  fileprivate func count(of line: String) -> Int { split(separator: "\n").count { $0 == line } }
}
