import Foundation
import Synchronization
import Testing

/// Several small AWS accounts that one connection lists, in a moto of their own; see `accounts.py`.
///
/// Of their own because AWS's managed policies, which the other moto serves, take a second of every
/// scan, and here there are many scans. The accounts are in their first state except while a test
/// scans the second.
final class Estate: Sendable {
  @TaskLocal static var shared: Estate?

  static var current: Estate {
    get throws { try #require(shared, "the suite has no .estate trait") }
  }

  let accounts: [String]
  fileprivate let moto: String
  private let folder: String
  private let process: Child
  /// What undisturbed scans of the first state and then the second come to.
  private let known = Mutex<Picture?>(nil)

  fileprivate init(in folder: String) async throws {
    self.folder = folder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    (process, moto) = try await Self.startMoto(in: folder)
    let prefix = "6" + (0..<10).map { _ in String(Int.random(in: 0...9)) }.joined()
    accounts = (1...3).map { prefix + String($0) }
  }

  /// A moto of its own, and its address.
  static func startMoto(in folder: String) async throws -> (Child, String) {
    let process = try Child(
      "moto", "\(Place.venv)/bin/moto_server", ["-H", "127.0.0.1", "-p", "0"], [:], in: folder)
    let address = try await wait(for: "moto's address") {
      guard process.isRunning else { throw Unmet("moto ended: \(process.logged.suffix(2000))") }
      return process.logged.firstMatch(of: /Running on (http:\S+)/).map { String($0.1) }
    }
    return (process, address)
  }

  fileprivate func build() async throws { try await python("build") }

  /// Does something while the accounts are in their second state.
  func altered(_ body: () async throws -> Void) async throws {
    try await python("alter")
    try await finally({ try await python("revert") }, body)
  }

  /// The picture that all others are compared with; made the first time.
  func undisturbed(by make: () async throws -> Picture) async throws -> Picture {
    if let picture = known.withLock({ $0 }) { return picture }
    let picture = try await make()
    known.withLock { $0 = picture }
    return picture
  }

  fileprivate func stop() async throws { try await process.stop() }

  private func python(_ command: String) async throws {
    _ = try await Outcome.of(
      "accounts", Place.python, ["\(Place.tests)/accounts.py", command] + accounts,
      ["SV0_MOTO": moto], in: folder
    ).succeeded("accounts.py \(command)")
  }
}

/// Makes the accounts around all suites inside; their stacks scan these.
struct EstateScope: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let outer = try #require(Account.shared, "the suite is not part of EndToEnd")
    let estate = try await Estate(in: "\(outer.folder)-estate")
    try await finally(estate.stop) {
      try await estate.build()
      let account = Account(id: estate.accounts[0], moto: estate.moto, folder: outer.folder)
      try await Account.$shared.withValue(account) {
        try await Estate.$shared.withValue(estate) { try await function() }
      }
    }
  }
}

extension Trait where Self == EstateScope {
  static var estate: Self { EstateScope() }
}
