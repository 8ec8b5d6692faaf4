import Extraction
import Foundation
import JSONReader
import Model
import PipelineTesting
import Testing

@testable import AWSConnector

/// The whole fake account: every collection is read, every call is needed, every record understood.
@Suite struct AccountTests {
  static let collections = FakeAWS.connector.catalog.collections
  static let names = collections.map { $0.isRegional ? $0.name + "@eu-west-1" : $0.name }
  /// Kinds whose records have fixtures of their own.
  private static let fixed = Set(
    RecordFixture.files.map { String($0.collection.prefix { $0 != "@" }) })
  /// Of which the fake account has nothing.
  private static let empty: Set<String> = ["aws.iam.group"]

  /// Of which an account has one at most.
  static let single: Set<String> = [
    "aws.bedrock.invocationLogging", "aws.ecr.registryPolicy",
    "aws.organizations.resourcePolicy", "aws.s3.accessGrantsInstance",
    "aws.s3.accountPublicAccessBlock",
  ]

  @Test func everyCollectionIsRead() async {
    let attempt = FakeAWS().attempt(collections: Self.collections.map(\.name))
    let published = await attempt.run()
    #expect(
      ConnectorConformance.violations(
        of: published, by: FakeAWS.connector, dispatch: attempt.dispatch, secrets: FakeAWS.secrets)
        == [])
    for name in Self.names {
      let end = published.end(of: name)
      #expect(end?.outcome == .complete, "\(name): \(end?.message ?? "")")
      let isEmpty = published.records(of: name).isEmpty
      #expect(isEmpty == Self.empty.contains(name), "\(name)")
    }
  }

  @Test func whatTheRoadmapHoldsIsReadOnlyWhereItIsNamed() async {
    let roadmap = Set(Self.collections.filter(\.isRoadmap).map(\.name))
    for patterns in [[], ["aws.*"]] {
      let published = await FakeAWS().attempt(collections: patterns).run()
      let read = Set(published.outcomes.keys.map { String($0.prefix { $0 != "@" }) })
      #expect(read.isDisjoint(with: roadmap))
      #expect(read.union(roadmap) == Set(Self.collections.map(\.name)))
    }
  }

  /// For each operation, denying its action changes only the collections that the catalog says it
  /// feeds, and names the action; the others' records are the same to the byte.
  @Test(arguments: CatalogMatch.all.map(\.fullName).filter { !$0.hasPrefix("sts:") })
  func aDeniedCallEndsOnlyWhatTheCatalogSays(_ operation: String) async {
    // Units do not know of each other, so one that has nothing to do with it stands for all.
    let units = AWSUnit.all.filter { unit in
      unit.collections.contains { $0.operations.contains { $0.name == operation } }
        || unit.kinds.contains { $0.kind.name == "aws.lambda.eventSourceMapping" }
    }
    let collections = units.flatMap(\.collections)
    let attempt = FakeAWS.answering(operation, FakeAWS.denial(operation))
      .attempt(collections: collections.map(\.name))
    let published = await attempt.run()
    let unconcerned = Set(
      collections.filter { !$0.operations.contains { $0.name == operation } }.map(\.name))
    func isUnconcerned(_ name: String) -> Bool {
      unconcerned.contains(String(name.prefix { $0 != "@" }))
    }
    #expect(
      await FaultTests.contents(published, where: isUnconcerned)
        == FaultTests.contents(FaultTests.undisturbed.value, where: isUnconcerned))
    for collection in collections {
      let name = collection.isRegional ? collection.name + "@eu-west-1" : collection.name
      let end = published.end(of: name)
      guard let call = collection.operations.first(where: { $0.name == operation }) else {
        #expect(end?.outcome == .complete, "\(name): \(end?.message ?? "")")
        continue
      }
      #expect([.denied, .partial].contains(end?.outcome), "\(name)")
      #expect(end?.missing == [call.permission], "\(name)")
    }
    #expect(
      ConnectorConformance.violations(
        of: published, by: FakeAWS.connector, dispatch: attempt.dispatch, secrets: FakeAWS.secrets)
        == [])
  }

  /// Records and what they mean, beside the answers, in `Golden/account.<collection>.json`.
  /// `SV0_UPDATE_GOLDEN=1` renews them; then read the difference.
  @Test func everyRecordMeansWhatTheGoldenFilesSay() async throws {
    let published = await FakeAWS().attempt(collections: Self.collections.map(\.name)).run()
    for (collection, name) in zip(Self.collections, Self.names)
    where !Self.fixed.contains(collection.name) {
      let records = published.records(of: name)
      let minimum = Self.single.contains(collection.name) ? 1 : 2
      #expect(records.count >= minimum, "\(name): answer with a rich and a lesser object")
      var lines: [JSON] = []
      for record in records.sorted(by: { $0.key.precedes($1.key) }) {
        let root = try JSONDocument(parsing: Array(record.text.utf8)).root
        let fixture = RecordFixture(name, key: record.key, record: Array(record.text.utf8))
        do {
          lines.append([
            "key": .string(record.key), "record": JSON(root), "fragment": try fixture.fragment(),
          ])
        } catch {
          Issue.record("\(name) \(record.key): \(error)")
        }
      }
      try expectGolden(
        ["collection": .string(name), "records": .array(lines)],
        "account.\(collection.name).json")
    }
  }
}

func expectGolden(_ json: JSON, _ name: String) throws {
  let file = RecordFixture.folder.appending(path: name)
  let actual = json.lines() + "\n"
  if ProcessInfo.processInfo.environment["SV0_UPDATE_GOLDEN"] == "1" {
    try Data(actual.utf8).write(to: file)
  }
  let golden = try? String(contentsOf: file, encoding: .utf8)
  #expect(actual == golden, "differs from \(name); if intended, renew with SV0_UPDATE_GOLDEN=1")
}
