/// An XML document as a flat list of elements; the shape of each is known only at its end tag.
struct XMLTree {
  /// Index 0 is the root; -1 means none.
  struct Element {
    /// Index into `names`.
    var name: Int32
    var firstChild: Int32 = -1
    var nextSibling: Int32 = -1
    var lastChild: Int32 = -1
    /// Byte range in `text`; an element with children has none.
    var textStart: Int32
    var textEnd: Int32
    var isNull: Bool
  }

  var elements: [Element] = []
  /// Local names, each once.
  var names: [String] = []
  /// The text of all leaves, one after another.
  var text: [UInt8] = []

  func children(of element: Int32) -> [Int32] {
    var children: [Int32] = []
    var next = elements[Int(element)].firstChild
    while next >= 0 {
      children.append(next)
      next = elements[Int(next)].nextSibling
    }
    return children
  }
}
