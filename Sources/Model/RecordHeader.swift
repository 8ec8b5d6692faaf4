/// The one header, named `sv0`, of every raw and graph message.
///
/// A record: `run=01J…;attempt=2;exec=5f0c9a1e;collection=aws.iam.role;seq=41;call=0;key=<object key>`.
/// A control message: `run=01J…;attempt=2;exec=5f0c9a1e;kind=collection.ended;collection=aws.iam.role`.
/// In values, `%`, `;` and control characters are percent-encoded.
public struct RecordHeader: Sendable, Hashable {
  public static let name = "sv0"

  public var run: String
  public var attempt: Int
  /// Names one execution of the attempt: its dispatch may be delivered twice, to two processes, and
  /// what they say must not be counted together.
  public var execution: String
  public var content: Content

  public enum Content: Sendable, Hashable {
    /// `sequence` is dense per collection, from 0. `key` is the object key. `call` points into
    /// the request list of the collection's `collection.ended`.
    case record(collection: String, sequence: Int64, key: String, call: Int)
    case scanStarted
    case collectionEnded(collection: String)
    case scanEnded
  }

  public init(run: String, attempt: Int, execution: String, _ content: Content) {
    self.run = run
    self.attempt = attempt
    self.execution = execution
    self.content = content
  }

  public var text: String {
    let prefix = "run=\(escaped(run));attempt=\(attempt);exec=\(escaped(execution))"
    switch content {
    case .record(let collection, let sequence, let key, let call):
      return prefix + ";collection=\(escaped(collection));seq=\(sequence);call=\(call)"
        + ";key=\(escaped(key))"
    case .scanStarted: return prefix + ";kind=scan.started"
    case .collectionEnded(let collection):
      return prefix + ";kind=collection.ended;collection=\(escaped(collection))"
    case .scanEnded: return prefix + ";kind=scan.ended"
    }
  }

  public var header: MessageHeader { MessageHeader(Self.name, text) }

  /// Reads the header; `nil` unless every part that its kind needs is there and well formed.
  public init?(_ text: String) {
    var fields: [Substring: String] = [:]
    for part in text.utf8.split(separator: UInt8(ascii: ";")) {
      guard let equals = part.firstIndex(of: UInt8(ascii: "=")),
        let value = unescaped(text[part.index(after: equals)..<part.endIndex]),
        fields.updateValue(value, forKey: text[part.startIndex..<equals]) == nil
      else { return nil }
    }
    guard let run = fields["run"], ULID.isValid(run),
      let attempt = fields["attempt"].flatMap({ Int($0) }), attempt > 0,
      let execution = fields["exec"], !execution.isEmpty
    else { return nil }
    let content: Content
    switch fields["kind"] {
    case nil:
      guard let collection = fields["collection"], let key = fields["key"],
        let sequence = fields["seq"].flatMap({ Int64($0) }), sequence >= 0,
        let call = fields["call"].flatMap({ Int($0) }), call >= 0
      else { return nil }
      content = .record(collection: collection, sequence: sequence, key: key, call: call)
    case "scan.started": content = .scanStarted
    case "collection.ended":
      guard let collection = fields["collection"] else { return nil }
      content = .collectionEnded(collection: collection)
    case "scan.ended": content = .scanEnded
    default: return nil
    }
    self.init(run: run, attempt: attempt, execution: execution, content)
  }
}

private func escaped(_ text: String) -> String {
  func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: ";") || byte == UInt8(ascii: "%")
  }
  guard text.utf8.contains(where: needsEscape) else { return text }
  var output: [UInt8] = []
  let hexadecimal = Array("0123456789ABCDEF".utf8)
  for byte in text.utf8 {
    if needsEscape(byte) {
      output += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
    } else {
      output.append(byte)
    }
  }
  return String(decoding: output, as: UTF8.self)
}

private func unescaped(_ text: Substring) -> String? {
  guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
  var output: [UInt8] = []
  var bytes = text.utf8.makeIterator()
  while let byte = bytes.next() {
    guard byte == UInt8(ascii: "%") else {
      output.append(byte)
      continue
    }
    guard let high = bytes.next(), let low = bytes.next(),
      let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
    else { return nil }
    output.append(value)
  }
  return String(validating: output, as: UTF8.self)
}
