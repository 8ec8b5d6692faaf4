public import JSONReader
public import Model

/// A chain as text, one line a step: its sentence, its basis, and where it comes from.
///
///     1. function hello has the URL https://… with AuthType NONE
///        [direct; sha256 3f2a9c0d1b22 lambda:GetFunctionUrlConfig 2026-11-21T10:00:00Z request 8f]
public enum ChainText {
  /// The lines of a chain.
  public static func lines(_ steps: [EvidenceStep]) -> [String] {
    steps.enumerated().flatMap { index, step in
      line(
        index, step.sentence, step.basis.rawValue, step.isDerived,
        step.receipts.map {
          receipt($0.sha256, $0.operation, $0.at, $0.requestID, $0.collection)
        })
    }
  }

  /// The lines of a published finding's chain.
  ///
  /// - Throws: `JSONError` where the event is not one of ours.
  public static func lines(event: [UInt8]) throws(JSONError) -> [String] {
    var lines: [String] = []
    for (index, evidence) in try JSONDocument(parsing: event).root.array(at: "evidences")
      .enumerated()
    {
      var receipts: [String] = []
      for view in try evidence.array(at: "data", "receipts") {
        receipts.append(
          receipt(
            try view.optionalString(at: "sha256"), try view.optionalString(at: "operation"),
            try view.optionalString(at: "at"), try view.optionalString(at: "requestId"),
            try view.string(at: "collection")))
      }
      lines += line(
        index, try evidence.string(at: "data", "sentence"),
        try evidence.string(at: "data", "basis"),
        try evidence.optionalBool(at: "data", "derived") ?? false, receipts)
    }
    return lines
  }

  private static func line(
    _ index: Int, _ sentence: String, _ basis: String, _ isDerived: Bool, _ receipts: [String]
  ) -> [String] {
    let number = "\(index + 1)."
    let source = isDerived ? ["\(basis), derived"] : [basis] + receipts
    let margin = String(repeating: " ", count: number.count + 1)
    return ["\(number) \(sentence)", "\(margin)[\(source.joined(separator: "; "))]"]
  }

  private static func receipt(
    _ sha256: String?, _ operation: String?, _ at: String?, _ request: String?, _ collection: String
  ) -> String {
    let digest = sha256.map { "sha256 \($0.prefix(12))" } ?? "complete listing"
    return [digest, operation ?? collection, at, request.map { "request \($0)" }]
      .compactMap(\.self).joined(separator: " ")
  }
}
