internal import Extraction
internal import JSONReader
internal import Model

// CloudTrail's own stores of events, and the channels by which others put events into them.

extension AWSOperation {
  private static let pages = Paging("NextToken", limit: ("MaxResults", 1000))

  static let listChannels = AWSOperation(.cloudTrail, "ListChannels", paging: pages)
  static let getChannel = AWSOperation(.cloudTrail, "GetChannel")
  static let listEventDataStores = AWSOperation(.cloudTrail, "ListEventDataStores", paging: pages)
  static let getEventDataStore = AWSOperation(.cloudTrail, "GetEventDataStore")
  static let getTrailResourcePolicy = AWSOperation(.cloudTrail, "GetResourcePolicy")
}

extension AWSUnit {
  /// - Parameter arn: where the listing has it.
  private static func policy(_ name: String, of arn: String) -> AWSListing {
    AWSListing(
      .getTrailResourcePolicy, ["ResourceArn": .item(arn)],
      [
        AWSKind(
          name, key: .parent(arn),
          members: [("Arn", .parent(arn)), ("Policy", .item("ResourcePolicy"))],
          AWSNormalizer.resourcePolicy(name, of: "Arn", "Policy"))
      ])
  }

  static let cloudTrailLake: [AWSUnit] = [
    .tree(
      AWSListing(
        .listChannels, items: ["Channels"],
        each: [
          AWSListing(
            .getChannel, ["Channel": .item("ChannelArn")],
            [
              AWSKind(
                "aws.cloudtrail.channel", key: .item("ChannelArn"),
                redaction: Redaction(
                  "what was ingested last: dropped", removed: ["IngestionStatus"]),
                AWSNormalizer.channel)
            ]),
          policy("aws.cloudtrail.channelPolicy", of: "ChannelArn"),
        ])),
    .tree(
      AWSListing(
        .listEventDataStores, items: ["EventDataStores"],
        each: [
          AWSListing(
            .getEventDataStore, ["EventDataStore": .item("EventDataStoreArn")],
            [
              AWSKind(
                "aws.cloudtrail.eventDataStore", key: .item("EventDataStoreArn"),
                AWSNormalizer.eventDataStore)
            ]),
          policy("aws.cloudtrail.eventDataStorePolicy", of: "EventDataStoreArn"),
        ])),
  ]
}

extension AWSNormalizer {
  static func channel(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    var (id, assertions) = try record.thing(
      .automation, "aws.cloudtrail.channel", arn: "ChannelArn", name: root.name("Name"),
      [
        "source": root.json("Source"),
        "allRegions": root.inner("SourceConfig")?.flag("ApplyToAllRegions"),
      ])
    for destination in try root.list("Destinations") {
      let isStore = try destination.name("Type") == "EVENT_DATA_STORE"
      let location = try destination.name("Location")
      assertions.link(.invokes, id, isStore ? location : "aws:service:\(location)")
    }
    return assertions
  }

  /// A store that is shared with Athena is read as its federation role.
  static func eventDataStore(_ record: AWSRecord) throws(JSONError) -> Assertions {
    let root = record.root
    let selectors = try root.optionalValue(at: "AdvancedEventSelectors")
    var (id, assertions) = try record.thing(
      .system, "aws.cloudtrail.eventDataStore", arn: "EventDataStoreArn", name: root.name("Name"),
      [
        "status": root.json("Status"), "multiRegion": root.flag("MultiRegionEnabled"),
        "organization": root.flag("OrganizationEnabled"), "key": root.json("KmsKeyId"),
        "federation": root.json("FederationStatus"), "created": root.time("CreatedTimestamp"),
        "selectors": selectors.map { JSON($0).ordered },
      ])
    if try root.text("FederationStatus") != "DISABLED" {
      assertions.link(.runsAs, id, try root.text("FederationRoleArn"), "federation")
    }
    return assertions
  }
}
