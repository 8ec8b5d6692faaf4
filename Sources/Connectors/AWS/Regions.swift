internal import Extraction
internal import JSONReader
internal import Model
internal import Synchronization

extension AWSService {
  /// Here for the list of regions; its resources are in `Services/EC2.swift`.
  static let ec2 = AWSService(
    "ec2", .ec2, version: "2016-11-15", perSecond: 10, pages: "AWSEC2/latest/APIReference/API_")
}

extension AWSOperation {
  static let describeRegions = AWSOperation(
    .ec2, "DescribeRegions", fixed: ["AllRegions": "true"])
}

/// The regions that the account has not switched on, as far as that is known.
///
/// A call to such a region fails with the same errors as wrong credentials do. So it is decided
/// before, by AWS's own list; where that may not be read, by whether the home region takes the
/// credentials that this one refuses. Source: AWS General Reference, "Specify which AWS Regions your account
/// can use".
final class AWSRegions: Sendable {
  /// On in every account; any other must be switched on.
  static let byDefault: Set<String> = [
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-west-1",
    "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "ap-south-1", "ap-northeast-1",
    "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2",
  ]

  private let off = Mutex<Set<String>>([])

  func contains(_ region: String) -> Bool { off.withLock { $0.contains(region) } }
  func add(_ regions: Set<String>) { off.withLock { $0.formUnion(regions) } }
}

extension AWSScan {
  /// Asks which regions are on, if any of those to read may be off. Not being allowed to ask is no
  /// failure: then the regions themselves answer.
  func readRegions(_ regions: [String], in region: String, _ log: CallLog) async throws {
    guard regions.contains(where: { !AWSRegions.byDefault.contains($0) }) else { return }
    do {
      let answer = try await client.call(.describeRegions, in: region, logs: [log])
      var off: Set<String> = []
      for item in try answer.result.array(at: "regionInfo")
      where try item.string(at: "optInStatus") == "not-opted-in" {
        off.insert(try item.string(at: "regionName"))
      }
      self.regions.add(off)
    } catch let error as AWSError where error.isDenied {
      return
    }
  }

  /// Reads collections of a region; `nil` where they have none.
  ///
  /// - Throws: `CollectionFailure` with outcome `unsupported` where the region is off.
  func inRegion(
    _ region: String?, _ output: UnitOutput, _ body: () async throws -> Void
  ) async throws {
    guard let region, region != home, !AWSRegions.byDefault.contains(region) else {
      return try await body()
    }
    try checkRegion(region)
    do {
      try await body()
    } catch let error as AWSError where error.isUnknownCredential {
      // Those of the home region were good when the attempt began; whether they are still.
      guard (try? await client.call(.getCallerIdentity, in: home, logs: output.logs)) != nil else {
        throw error
      }
      regions.add([region])
      try checkRegion(region)
    }
  }

  private func checkRegion(_ region: String) throws {
    guard !regions.contains(region) else {
      throw CollectionFailure(
        .unsupported,
        "The region \(region) is not switched on for account \(account). Switch it on, or take it "
          + "out of settings.regions.")
    }
  }
}
