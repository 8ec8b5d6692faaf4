/// Writes an `XMLTree` as JSON by the table of `AWSXML`.
struct XMLTreeWriter {
  private let tree: XMLTree
  private var output: [UInt8] = []
  /// Scratch for one object at a time: how often each name occurs in it.
  private var occurrences: [Int32]

  init(tree: XMLTree) {
    self.tree = tree
    self.occurrences = Array(repeating: 0, count: tree.names.count)
    output.reserveCapacity(tree.text.count + tree.elements.count * 16)
  }

  /// The JSON of the tree, which has at least a root.
  mutating func json() -> [UInt8] {
    writeObject([0])
    return output
  }

  private mutating func write(_ index: Int32) {
    let element = tree.elements[Int(index)]
    if element.isNull {
      output.append(contentsOf: "null".utf8)
    } else if element.firstChild < 0 {
      JSONEscapes.append(text(of: element), to: &output)
    } else {
      writeParent(tree.children(of: index))
    }
  }

  private mutating func writeParent(_ children: [Int32]) {
    let name = tree.elements[Int(children[0])].name
    let isUniform = children.allSatisfy { tree.elements[Int($0)].name == name }
    switch isUniform ? tree.names[Int(name)] : "" {
    case "member", "item":
      writeArray(children)
    case "entry":
      if let pairs = mapPairs(children) {
        writeMap(pairs)
      } else {
        writeArray(children)
      }
    default:
      writeObject(children)
    }
  }

  private mutating func writeArray(_ elements: [Int32]) {
    output.append(UInt8(ascii: "["))
    for (position, element) in elements.enumerated() {
      if position > 0 { output.append(UInt8(ascii: ",")) }
      write(element)
    }
    output.append(UInt8(ascii: "]"))
  }

  private mutating func writeMap(_ pairs: [(key: XMLTree.Element, value: Int32)]) {
    output.append(UInt8(ascii: "{"))
    for (position, pair) in pairs.enumerated() {
      if position > 0 { output.append(UInt8(ascii: ",")) }
      JSONEscapes.append(text(of: pair.key), to: &output)
      output.append(UInt8(ascii: ":"))
      write(pair.value)
    }
    output.append(UInt8(ascii: "}"))
  }

  private mutating func writeObject(_ children: [Int32]) {
    let groups = grouped(children)
    output.append(UInt8(ascii: "{"))
    for (position, group) in groups.enumerated() {
      if position > 0 { output.append(UInt8(ascii: ",")) }
      // Nothing that JSON escapes can stand in a name.
      output.append(UInt8(ascii: "\""))
      output.append(contentsOf: tree.names[Int(tree.elements[Int(group.first)].name)].utf8)
      output.append(contentsOf: "\":".utf8)
      if group.all.isEmpty {
        write(group.first)
      } else {
        writeArray(group.all)
      }
    }
    output.append(UInt8(ascii: "}"))
  }

  /// Children by name, in the order of first occurrence; `all` is empty for a name that is alone.
  private mutating func grouped(_ children: [Int32]) -> [(first: Int32, all: [Int32])] {
    for child in children { occurrences[Int(tree.elements[Int(child)].name)] += 1 }
    var groups: [(first: Int32, all: [Int32])] = []
    groups.reserveCapacity(children.count)
    var groupOfName: [Int32: Int] = [:]
    for child in children {
      let name = tree.elements[Int(child)].name
      if occurrences[Int(name)] == 1 {
        groups.append((child, []))
      } else if let group = groupOfName[name] {
        groups[group].all.append(child)
      } else {
        groupOfName[name] = groups.count
        groups.append((child, [child]))
      }
    }
    // Cleared before any child is written, since writing a child counts its own children.
    for child in children { occurrences[Int(tree.elements[Int(child)].name)] = 0 }
    return groups
  }

  /// The members of a map, when every entry is exactly a text `key` and then a `value`.
  private func mapPairs(_ entries: [Int32]) -> [(key: XMLTree.Element, value: Int32)]? {
    var pairs: [(key: XMLTree.Element, value: Int32)] = []
    for entry in entries {
      let parts = tree.children(of: entry)
      guard parts.count == 2 else { return nil }
      let key = tree.elements[Int(parts[0])]
      let value = tree.elements[Int(parts[1])]
      guard
        tree.names[Int(key.name)] == "key", tree.names[Int(value.name)] == "value",
        key.firstChild < 0
      else { return nil }
      pairs.append((key, parts[1]))
    }
    return pairs
  }

  private func text(of element: XMLTree.Element) -> ArraySlice<UInt8> {
    tree.text[Int(element.textStart)..<Int(element.textEnd)]
  }
}
