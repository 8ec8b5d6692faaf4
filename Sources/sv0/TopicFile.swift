internal import KafkaClient
internal import Model

/// A topic as `topics/` declares it. The files are in the binary.
struct TopicFile {
  let definition: TopicDefinition

  /// Every file of `topics/` that declares a topic; a test compares the list with the folder.
  static let sources: [(name: String, bytes: [UInt8])] = [
    (Topic.scanRequest, PackageResources.sv0_scan_request_v1_yaml),
    (Topic.scanDispatch(.aws), PackageResources.sv0_scan_dispatch_aws_v1_yaml),
    (Topic.scanProgress, PackageResources.sv0_scan_progress_v1_yaml),
    (Topic.scanStatus, PackageResources.sv0_scan_status_v1_yaml),
    (Topic.raw(.aws), PackageResources.sv0_raw_aws_v1_yaml),
    (Topic.graph, PackageResources.sv0_graph_v1_yaml),
    (Topic.snapshot, PackageResources.sv0_snapshot_v1_yaml),
    (Topic.findings, PackageResources.sv0_findings_v1_yaml),
    (Topic.deadLetter, PackageResources.sv0_deadletter_v1_yaml),
  ]

  static func all() throws(Failure) -> [TopicFile] {
    var files: [TopicFile] = []
    for source in sources { files.append(try TopicFile(source.name, source.bytes)) }
    return files
  }

  /// How many partitions the raw and graph topics have: they are the same.
  static func rawPartitions(_ platform: Platform) throws(Failure) -> Int32 {
    let name = Topic.raw(platform)
    guard let file = try all().first(where: { $0.definition.name == name }) else {
      throw Failure(.bug, "\(name) is not declared in topics/")
    }
    return file.definition.partitions
  }

  private init(_ name: String, _ bytes: [UInt8]) throws(Failure) {
    let file = try YAMLFile(
      path: "topics/\(name).yaml", text: String(decoding: bytes, as: UTF8.self))
    guard file.value["name"]?.string == name,
      case .integer(let partitions)? = file.value["partitions"],
      case .integer(let replication)? = file.value["replication"],
      case .object(let configuration)? = file.value["configuration"]
    else {
      throw Failure(
        .bug, "\(file.path): expected name, partitions, replication and configuration")
    }
    definition = TopicDefinition(
      name: name, partitions: Int32(clamping: partitions),
      replication: Int16(clamping: replication),
      configuration: configuration.compactMapValues(\.string))
  }
}
