internal import JSONReader
public import Model

extension Fragment {
  /// Reads the value of a graph message that carries a record's fragment.
  public init(reading bytes: [UInt8]?) throws(BadMessage) {
    self = try BadMessage.reading("a fragment", bytes) { view in
      Fragment(
        object: try view.string(at: "object"),
        nodes: try view.array(at: "nodes").map(Node.init(reading:)),
        edges: try view.array(at: "edges").map(Edge.init(reading:)),
        documents: try view.array(at: "documents").map {
          PolicyDocument(
            digest: try $0.string(at: "digest"), body: JSON(try $0.value(at: "body")))
        },
        activity: try view.optionalArray(at: "activity")?.map(Activity.init(reading:)) ?? [],
        receipt: Receipt(
          sha256: try view.string(at: "receipt", "sha256"),
          partition: try partition(try view.value(at: "receipt"), "partition"),
          offset: try view.int64(at: "receipt", "offset")),
        isRemoval: try view.optionalBool(at: "removed") ?? false,
        taint: try view.optionalString(at: "taint"))
    }
  }
}

extension Node {
  init(reading view: JSONView) throws {
    self.init(
      id: try view.string(at: "id"), kind: try view.word("kind", as: NodeKind.self),
      type: try view.string(at: "type"), name: try view.string(at: "name"),
      defines: try view.texts("defines"), state: try members(view, "state"),
      observed: try members(view, "observed").compactMapValues(\.string))
  }
}

extension Edge {
  init(reading view: JSONView) throws {
    self.init(
      try view.word("kind", as: EdgeKind.self), from: try view.string(at: "from"),
      to: try view.string(at: "to"),
      discriminator: try view.optionalString(at: "discriminator") ?? "",
      basis: try view.word("basis", as: Basis.self), state: try members(view, "state"))
  }
}

extension Activity {
  init(reading view: JSONView) throws {
    self.init(
      subject: try view.string(at: "subject"), action: try view.string(at: "action"),
      target: try view.string(at: "target"), at: try view.timestamp("at"))
  }
}

func members(_ view: JSONView, _ name: String) throws -> [String: JSON] {
  guard let value = try view.optionalValue(at: name) else { return [:] }
  guard case .object(let members) = JSON(value) else {
    throw BadMessage("schema", "$.\(name): expected an object")
  }
  return members
}
