import Model
import PipelineTesting
import PostgresClient
import Scheduling
import Schema
import Testing

@Suite("What connections said")
struct ConnectionVersionTests {
  @Test("What a connection's file said is kept, with who applied it, and no worker changes it")
  func kept() async throws {
    try await Fixture.with { fixture in
      for enabled in [[], [], ["aws.kms.*"], []] as [[JSON]] {
        let file = Fixture.connection(collections: ["enable": .array(enabled), "disable": []])
        try await ConnectionDocument(file).store(
          in: fixture.pool, at: fixture.clock.now, by: "ana")
      }
      let said = try await fixture.pool.withTransaction(.tenant("acme", readOnly: true)) {
        try await $0.query(
          """
          SELECT version || ' ' || applied_by || ' ' || (document -> 'collections' ->> 'enable')
            AS said FROM sv0.connection_versions ORDER BY version
          """
        ).map { try $0.string("said") }
      }
      #expect(said == ["1 test []", "2 ana []", #"3 ana ["aws.kms.*"]"#, "4 ana []"])
      for change in [
        "DELETE FROM sv0.connection_versions",
        "UPDATE sv0.connection_versions SET applied_by = 'nobody'",
      ] {
        await #expect(throws: PostgresError.self) {
          try await fixture.pool.withTransaction(.tenant("acme")) { try await $0.execute(change) }
        }
      }
    }
  }
}
