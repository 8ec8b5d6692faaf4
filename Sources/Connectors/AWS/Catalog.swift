internal import Extraction
internal import JSONReader

/// Collections that are read together, and how.
struct AWSUnit: Sendable {
  /// Each with the calls that feed it.
  var kinds: [(kind: AWSKind, operations: [AWSOperation])]
  var isRegional: Bool
  /// What its collections are known as together.
  var group: String?
  /// Reads them in a region, which is empty for global ones.
  var read: @Sendable (AWSScan, String, UnitOutput) async throws -> Void

  /// Every collection there is, by the files of `Services/`.
  static let all: [AWSUnit] =
    iam + organizations + lambda + stepFunctions + eventBridge + scheduler
    + ecs + ec2 + build + analytics + messaging + s3 + databases + secrets + ecr
    + iamCredentials + iamReports + kms + cloudTrail + eks + bedrock + agentCore + sageMaker
    + triggers + governance + bedrockFlows + bedrockModels + rolesAnywhere + resourceSharing
    + agentCoreIdentity + agentCoreTools + openSearch + s3Vectors + s3Access + cloudTrailLake
    + cloudTrailArchive + certificates + tags

  /// What hangs on one listing.
  static func tree(_ root: AWSListing) -> AWSUnit {
    let kinds = root.described()
    return AWSUnit(
      kinds: kinds, isRegional: root.operation.service.isRegional,
      group: kinds.count > 1 ? root.operation.fullName : nil,
      read: { scan, region, output in
        try await AWSReading(scan, in: region, output).read(root)
      })
  }

  var collections: [CollectionDescription] {
    kinds.map { $0.kind.description($0.operations, isRegional: isRegional, group: group) }
  }

  /// The unit once, or once per region, as far as its collections were asked for.
  func instances(
    _ regions: [String], _ selection: CollectionSelection, _ scan: AWSScan
  ) -> [ExtractionUnit] {
    (isRegional ? regions : [""]).compactMap { region in
      let names = kinds.compactMap { kind, _ in
        let name = isRegional ? "\(kind.name)@\(region)" : kind.name
        let isChosen = kind.isRoadmap ? selection.names(name) : selection.includes(name)
        return isChosen ? name : nil
      }
      guard !names.isEmpty else { return nil }
      return ExtractionUnit(collections: names) { output in
        try await scan.inRegion(isRegional ? region : nil, output) {
          try await read(scan, region, output)
        }
      }
    }
  }
}
