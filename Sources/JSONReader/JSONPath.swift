import CSimdJSON

/// Paths for error texts, such as `$.RoleDetailList[3].Arn`, found only when an error is made.
extension JSONView {
  /// The path of this value from the document's root.
  public var path: String {
    var path = "$"
    var ancestor = JSONView(document: document, index: 0)
    while ancestor.index < index, let step = ancestor.step(towards: index) {
      path += step.component
      ancestor = step.child
    }
    return path
  }

  /// A name as a path component: `.Arn`, or quoted when it is not a plain identifier.
  ///
  /// Names can come from a customer (tags, policy conditions), so they are escaped and cut.
  static func component(_ name: String) -> String {
    let isPlain = name.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
    if isPlain, !name.isEmpty, name.utf8.count <= 64 { return "." + name }
    let shown = name.unicodeScalars.prefix(64).map { $0.escaped(asASCII: true) }.joined()
    return "[\"" + shown + (name.unicodeScalars.count > 64 ? "…" : "") + "\"]"
  }

  private func step(towards target: Int) -> (component: String, child: JSONView)? {
    if let members {
      for member in members where target < Int(member.value.node.next) {
        return (
          Self.component(member.key), target == member.name.index ? member.name : member.value
        )
      }
    } else if let elements {
      for (position, element) in elements.enumerated() where target < Int(element.node.next) {
        return ("[\(position)]", element)
      }
    }
    return nil
  }
}
