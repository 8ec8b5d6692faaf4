internal import JSONReader
internal import Model
internal import Pipeline

/// What the headers and key of a finding's message say.
struct FindingEnvelope: Sendable, Equatable {
  static let evaluator = "/evaluator"

  let tenant: String
  /// `<uid>.<version>`: the CloudEvent's id, and the webhook's.
  let id: String
  let uid: String
  let version: Int64
  /// When the finding changed.
  let time: Timestamp?

  init(_ message: Message) throws(BadMessage) {
    guard let source = message.header("ce_source"), source.hasPrefix("sv0://"),
      source.hasSuffix(Self.evaluator)
    else {
      throw BadMessage("malformed", "the header ce_source is not sv0://<tenant>/evaluator")
    }
    tenant = String(source.dropFirst("sv0://".count).dropLast(Self.evaluator.count))
    guard Scope.isName(tenant) else {
      throw BadMessage("tenant", "the header ce_source names no tenant")
    }
    guard let id = message.header("ce_id"), let dot = id.lastIndex(of: "."), dot > id.startIndex,
      let version = Int64(id[id.index(after: dot)...]), version > 0,
      id.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), id.utf8.count <= 256
    else { throw BadMessage("malformed", "the header ce_id is not <uid>.<version>") }
    self.id = id
    uid = String(id[..<dot])
    self.version = version
    guard message.key == Array(uid.utf8) else {
      throw BadMessage("schema", "the key is not the uid that ce_id begins with")
    }
    time = message.header("ce_time").flatMap { Timestamp($0) }
  }
}

/// What filters look at in a finding: an OCSF Detection Finding with the cloud profile.
struct FindingEvent: Sendable, Equatable {
  let severity: Severity
  let rule: String
  let state: String
  /// `nil` where the event is about no platform.
  let platform: String?

  init(reading value: [UInt8], in envelope: FindingEnvelope) throws(BadMessage) {
    do {
      let event = try JSONDocument(parsing: value).root
      guard try event.string(at: "metadata", "tenant_uid") == envelope.tenant else {
        throw BadMessage("tenant", "the event is of another tenant than its ce_source")
      }
      guard try event.string(at: "finding_info", "uid") == envelope.uid else {
        throw BadMessage("schema", "$.finding_info.uid is not the uid of ce_id")
      }
      guard let severity = Severity(rawValue: Int(try event.int64(at: "severity_id"))) else {
        throw BadMessage("schema", "$.severity_id: expected 1 to 5")
      }
      self.severity = severity
      rule = try event.string(at: "finding_info", "analytic", "uid")
      state = try event.string(at: "unmapped", "state")
      platform = try event.optionalString(at: "unmapped", "scope").flatMap { Scope($0) }?
        .platform.rawValue
    } catch let bad as BadMessage {
      throw bad
    } catch let error as JSONError {
      throw BadMessage("schema", "a finding: \(error)")
    } catch {
      throw BadMessage("malformed", "a finding cannot be read")
    }
  }
}
