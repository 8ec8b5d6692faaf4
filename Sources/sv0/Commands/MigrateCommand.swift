internal import ArgumentParser
internal import PostgresClient
internal import Schema

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Brings the database to this version's schema, as its owner.")

  @OptionGroup var common: CommonOptions

  func run() async throws {
    let pool = try common.context().ownerPool()
    defer { pool.close() }
    let applied = try await Schema.migrate(pool, at: Context.now())
    for migration in applied {
      Terminal.print("applied \(migration.number) \(migration.name)")
    }
    if applied.isEmpty { Terminal.print("nothing to do") }
  }
}
