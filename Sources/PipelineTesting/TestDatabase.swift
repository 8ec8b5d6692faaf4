internal import Cryptography
internal import Foundation
internal import Model
public import PostgresClient
internal import Schema

/// A migrated database of its own for one test, dropped at the end.
public enum TestDatabase {
  /// What a test without servers fails with.
  public struct Missing: Error, CustomStringConvertible {
    let variable: String
    public var description: String {
      "\(variable) is not set: no server to test with. Run `make test`, or in this shell "
        + "`eval \"$(make -s services)\"`."
    }
  }

  /// Creates the database, runs the body with a pool on it, and drops it.
  ///
  /// The pool connects as the owner, who may act under every role of the workers; transactions that
  /// pick a role (`TransactionOptions.tenant`, …) see what that role sees.
  public static func with(
    _ body: @Sendable (PostgresPool) async throws -> Void
  ) async throws {
    guard let text = ProcessInfo.processInfo.environment["SV0_POSTGRES_OWNER"],
      var url = URLComponents(string: text)
    else { throw Missing(variable: "SV0_POSTGRES_OWNER") }
    let name = "test_" + Hex.encode(try SecureRandom.bytes(8))
    try await statement("CREATE DATABASE \(name)", at: url)
    url.path = "/" + name
    let pool = PostgresPool(try PostgresConfiguration(url.string ?? text))
    let result: Result<Void, any Error>
    do {
      _ = try await Schema.migrate(pool, at: Timestamp(milliseconds: 0))
      try await body(pool)
      result = .success(())
    } catch {
      result = .failure(error)
    }
    pool.close()
    url.path = "/postgres"
    try await statement("DROP DATABASE \(name) WITH (FORCE)", at: url)
    try result.get()
  }

  /// CREATE and DROP DATABASE refuse a transaction block, and a pool knows nothing else.
  private static func statement(_ sql: String, at url: URLComponents) async throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["psql", "--quiet", "--no-psqlrc", "--command", sql]
    process.environment = [
      "PATH": "/usr/bin:/bin", "PGHOST": url.host ?? "127.0.0.1",
      "PGPORT": String(url.port ?? 5432), "PGUSER": url.user ?? "postgres",
      "PGPASSWORD": url.password ?? "", "PGDATABASE": "postgres",
    ]
    // `waitUntilExit` would block one of the few threads that all tests share.
    let status: Int32 = try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    guard status == 0 else { throw Refused(sql: sql) }
  }

  private struct Refused: Error, CustomStringConvertible {
    let sql: String
    var description: String { "psql could not run: \(sql)" }
  }
}
