public import Model

extension JSON {
  /// The value of a view, for writing canonically.
  ///
  /// Numbers keep their digits; of members that occur twice the last counts, as in look-ups.
  public init(_ view: JSONView) {
    switch view.kind {
    case .null: self = .null
    case .boolean: self = .bool(view.bool ?? false)
    case .number: self = view.int64.map { .integer($0) } ?? .number(view.numberText ?? "0")
    case .string: self = .string(view.string ?? "")
    case .array: self = .array(view.elements?.map { JSON($0) } ?? [])
    case .object:
      let members = view.members?.map { ($0.key, JSON($0.value)) } ?? []
      self = .object(Dictionary(members) { _, last in last })
    }
  }
}
