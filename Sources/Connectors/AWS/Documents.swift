internal import Extraction
internal import JSONReader
internal import Model

extension JSONView {
  /// The policy document at `field`: a text, percent-encoded by IAM, plain elsewhere (and in the
  /// trust policies of moto); or an object.
  ///
  /// Its canonical form orders the names; lists stay as given. What a statement says is the
  /// evaluator's to read; here it must only be clear that there are statements, and that each has
  /// one meaning: an `Effect` that is known, and no name twice, as readers would differ in which
  /// counts.
  ///
  /// - Throws: `.missing` or `.mismatch`, with the path into the document.
  ///
  /// Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_PolicyVersion.html (RFC 3986)
  func policyDocument(_ field: String) throws(JSONError) -> PolicyDocument {
    let view = try value(at: field)
    if view.kind == .object {
      try view.checkStatements()
      try view.checkNames()
      return PolicyDocument(canonical: JSON(view))
    }
    let text = try view.string()
    let first = text.utf8.first { $0 > 0x20 }
    guard let bytes = first == UInt8(ascii: "{") ? Array(text.utf8) : percentDecoded(text) else {
      throw view.mismatch("percent-encoded text", "a % without two hexadecimal digits")
    }
    do throws(JSONError) {
      let document = try JSONDocument(parsing: bytes).root
      try document.checkStatements()
      try document.checkNames()
      return PolicyDocument(canonical: JSON(document))
    } catch {
      throw error.inDocument(at: view.path)
    }
  }

  private func checkStatements() throws(JSONError) {
    guard kind == .object else { throw mismatch("a policy document", "another value") }
    let statement = try value(at: "Statement")
    for statement in statement.elements.map({ Array($0) }) ?? [statement] {
      guard statement.kind == .object else {
        throw statement.mismatch("a statement", "another value")
      }
      let effect = try statement.value(at: "Effect")
      guard ["Allow", "Deny"].contains(effect.string) else {
        throw effect.mismatch("Allow or Deny", "another value")
      }
    }
  }

  private func checkNames() throws(JSONError) {
    if let members {
      var names: Set<String> = []
      for member in members {
        guard names.insert(member.key).inserted else {
          throw mismatch("each name once", "a repeated one")
        }
        try member.value.checkNames()
      }
    } else if let elements {
      for element in elements { try element.checkNames() }
    }
  }
}

extension JSONError {
  /// The same error, seen from the record that holds the document as a text.
  fileprivate func inDocument(at path: String) -> JSONError {
    switch self {
    case .missing(let inner, let expected): .missing(path: path + inner, expected: expected)
    case .mismatch(let inner, let expected, let found):
      .mismatch(path: path + inner, expected: expected, found: found)
    default: .mismatch(path: path, expected: "a policy document in JSON", found: "\(self)")
    }
  }
}

/// The bytes that percent-encoded text stands for; `+` stands for itself. `nil` where it is wrong.
private func percentDecoded(_ text: String) -> [UInt8]? {
  var output: [UInt8] = []
  output.reserveCapacity(text.utf8.count)
  var bytes = text.utf8.makeIterator()
  while let byte = bytes.next() {
    guard byte == UInt8(ascii: "%") else {
      output.append(byte)
      continue
    }
    guard let high = bytes.next().flatMap(hexadecimal), let low = bytes.next().flatMap(hexadecimal)
    else { return nil }
    output.append(high << 4 | low)
  }
  return output
}

private func hexadecimal(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
  default: nil
  }
}
