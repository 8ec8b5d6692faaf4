internal import JSONReader
public import Model

extension ScanRequest {
  public init(reading bytes: [UInt8]?) throws(BadMessage) {
    self = try BadMessage.reading("a scan request", bytes) { view in
      try view.only([
        "tenant", "connection", "scopes", "collections", "reason", "priority", "requestedBy",
      ])
      let scopes = try view.texts("scopes")
      guard scopes.allSatisfy(Scope.isName) else {
        throw BadMessage("schema", "$.scopes: expected account names")
      }
      return ScanRequest(
        tenant: try view.name("tenant"), connection: try view.name("connection"), scopes: scopes,
        collections: try view.texts("collections"), reason: try view.string(at: "reason"),
        priority: try view.optionalString(at: "priority") == nil
          ? .normal : try view.word("priority", as: Priority.self),
        requestedBy: try view.string(at: "requestedBy"))
    }
  }
}

extension Dispatch {
  /// - Parameter platform: the platform of the topic; the message does not repeat it.
  public init(reading bytes: [UInt8]?, platform: Platform) throws(BadMessage) {
    self = try BadMessage.reading("a dispatch", bytes) { view in
      Dispatch(
        scan: try view.ulid("scan"), run: try view.ulid("run"),
        epoch: try view.count("epoch", from: 1), attempt: Int(try view.count("attempt", from: 1)),
        scope: Scope(
          tenant: try view.name("tenant"), connection: try view.name("connection"),
          platform: platform, account: try view.name("account")),
        settings: JSON(try view.value(at: "settings")),
        credentials: JSON(try view.value(at: "credentials")),
        collections: try view.array(at: "collections").map { try $0.string(at: "name") },
        tokens: try members(view, "tokens").compactMapValues(\.string),
        rawPartition: try partition(view, "rawPartition"), expires: try view.timestamp("expires"))
    }
  }
}

extension ScanStarted {
  public init(reading bytes: [UInt8]?) throws(BadMessage) {
    self = try BadMessage.reading("scan.started", bytes) { view in
      ScanStarted(
        scan: try view.ulid("scan"), epoch: try view.count("epoch", from: 1),
        scope: Scope(
          tenant: try view.name("tenant"), connection: try view.name("connection"),
          platform: try view.word("platform", as: Platform.self),
          account: try view.name("account")),
        connector: try view.string(at: "connector"), collections: try view.texts("collections"),
        at: try view.timestamp("at"))
    }
  }
}

extension CollectionEnded {
  public init(reading bytes: [UInt8]?) throws(BadMessage) {
    self = try BadMessage.reading("collection.ended", bytes) { view in
      CollectionEnded(
        collection: try view.string(at: "collection"),
        outcome: try view.word("outcome", as: Outcome.self),
        kind: try view.optionalString(at: "kind") == nil
          ? .full : try view.word("kind", as: CollectionKind.self),
        records: try view.count("records"), missing: try view.texts("missing"),
        message: try view.optionalString(at: "message"),
        from: try view.optionalString(at: "from"), token: try view.optionalString(at: "token"),
        asOf: try view.optionalString(at: "asOf") == nil ? nil : try view.timestamp("asOf"),
        calls: try view.array(at: "calls").map(APICall.init(reading:)))
    }
  }
}

extension APICall {
  init(reading view: JSONView) throws {
    self.init(
      number: Int(try view.count("n")), method: try view.string(at: "method"),
      operation: try view.string(at: "operation"), url: try view.string(at: "url"),
      status: Int(try view.count("status")), requestID: try view.string(at: "requestId"),
      at: try view.timestamp("at"))
  }
}

extension ScanEnded {
  public init(reading bytes: [UInt8]?) throws(BadMessage) {
    self = try BadMessage.reading("scan.ended", bytes) { view in
      ScanEnded(
        outcome: try view.word("outcome", as: Outcome.self), records: try view.count("records"),
        calls: try view.count("calls"), retries: try view.count("retries"),
        throttledMilliseconds: try view.count("throttledMilliseconds"),
        at: try view.timestamp("at"))
    }
  }
}

extension Progress {
  public init(reading bytes: [UInt8]?) throws(BadMessage) {
    self = try BadMessage.reading("progress", bytes) { view in
      Progress(
        run: try view.ulid("run"), attempt: Int(try view.count("attempt", from: 1)),
        phase: try readPhase(view), records: try view.count("records"),
        calls: try view.count("calls"), at: try view.timestamp("at"))
    }
  }
}

private func readPhase(_ view: JSONView) throws -> Progress.Phase {
  switch try view.string(at: "phase") {
  case "heartbeat": return .heartbeat
  case "collection":
    let collection = try view.value(at: "collection")
    return .collectionEnded(
      collection: try collection.string(at: "name"),
      outcome: try collection.word("outcome", as: Outcome.self),
      records: try collection.count("records"), missing: try collection.texts("missing"),
      message: try collection.optionalString(at: "message"))
  case "ended":
    return .ended(
      outcome: try view.word("outcome", as: Outcome.self),
      message: try view.optionalString(at: "message"))
  default: throw BadMessage("schema", "$.phase: expected one of heartbeat, collection, ended")
  }
}

func partition(_ view: JSONView, _ path: String) throws -> Int32 {
  guard let partition = Int32(exactly: try view.count(path)) else {
    throw BadMessage("schema", "$.\(path): expected a partition number")
  }
  return partition
}
