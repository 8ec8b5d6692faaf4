import Foundation
import Testing

@testable import LocalStack

/// The pipeline as its users run it: the built `sv0`, a broker, Postgres, an AWS API server (moto)
/// behind a proxy that fails on demand, and a webhook receiver, all private.
///
/// The servers are private even where `SV0_KAFKA` names some, because the topics' names are fixed
/// and every message on them is looked at. Only moto may be given (`SV0_MOTO`): the tests use one
/// account of their own in it, which is built once for all of them.
///
/// Suites run one after another, and every test leaves the graph in agreement with the account.
/// What must hold whatever happened (`Audit`) is checked at the end of each stack.
@Suite(.serialized, .account) enum EndToEnd {}

/// An AWS account in moto.
struct Account: Sendable {
  static let region = "eu-west-1"
  /// What the estate puts into a function's environment.
  static let plantedSecret = "planted-value-that-must-never-appear"

  @TaskLocal static var shared: Account?

  let id: String
  let moto: String
  /// The prefix of every folder of this run.
  let folder: String

  func role(_ name: String) -> String { "arn:aws:iam::\(id):role/\(name)" }
  func function(_ name: String) -> String { "arn:aws:lambda:\(Self.region):\(id):function:\(name)" }

  /// Changes the account: `delete-role NAME`, `change-owner NAME TEAM`.
  func change(_ arguments: String...) async throws {
    _ = try await python("account.py", [id] + arguments)
  }

  /// What the graph must hold, as `listing.py` prints it.
  func listing() async throws -> Set<String> {
    Set(try await python("listing.py", [id, Self.region]).lines)
  }

  fileprivate func python(_ script: String, _ arguments: [String]) async throws -> Outcome {
    try await Outcome.of(
      script, Place.python, ["\(Place.tests)/\(script)"] + arguments, ["SV0_MOTO": moto],
      in: "\(folder)-moto"
    ).succeeded(script)
  }
}

/// Starts moto, if there is none, and builds the account around all suites.
struct AccountScope: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await Leftovers.remove()
    let folder = "\(Place.root)/\(Leftovers.prefix)\(getpid())"
    var settings = Place.serverSettings
    settings["SV0_MOTO"] = ProcessInfo.processInfo.environment["SV0_MOTO"]
    let environment = try await LocalStack.up(
      directory: "\(folder)-moto", services: [.moto], settings: settings)
    try await finally({ try await LocalStack.down(directory: "\(folder)-moto") }) {
      let id = "5" + (0..<11).map { _ in String(Int.random(in: 0...9)) }.joined()
      let account = Account(
        id: id, moto: environment.variables["SV0_MOTO"] ?? "", folder: folder)
      try await account.change("build")
      try await Account.$shared.withValue(account) { try await function() }
    }
  }
}

/// What a run left behind that was ended before it could clean up.
enum Leftovers {
  /// The start of the folders' names; the process id of their run follows.
  static let prefix = ".sv0-end-to-end-"
  private static let list = "processes"

  /// Notes a process that was started, so that a later run can end it.
  static func remember(_ pid: pid_t, in folder: String) throws {
    guard let process = ProcessIdentity(pid: pid),
      let file = fopen("\(folder)/\(list)", "a")
    else { return }
    fputs(String(decoding: try JSONEncoder().encode(process), as: UTF8.self) + "\n", file)
    fclose(file)
  }

  /// Ends the processes and servers of runs that have ended, and removes their folders. Until then
  /// their logs are kept.
  static func remove() async throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: Place.root)
    where name.hasPrefix(prefix) {
      let digits = name.dropFirst(prefix.count).prefix { $0.isNumber }
      guard let run = Int32(digits), kill(run, 0) != 0 else { continue }
      let folder = "\(Place.root)/\(name)"
      for line in (FileManager.default.contents(atPath: "\(folder)/\(list)") ?? Data())
        .split(separator: UInt8(ascii: "\n"))
      {
        await (try? JSONDecoder().decode(ProcessIdentity.self, from: line))?.stop(signal: SIGTERM)
      }
      try await LocalStack.down(directory: folder)
      try FileManager.default.removeItem(atPath: folder)
    }
  }
}

extension Trait where Self == AccountScope {
  static var account: Self { AccountScope() }
}

extension Place {
  /// Only where the programs are: servers that the environment names do not replace ours.
  static var serverSettings: [String: String] {
    ["SV0_VENV": venv, "SV0_POSTGRES_BIN": postgres]
  }
}
