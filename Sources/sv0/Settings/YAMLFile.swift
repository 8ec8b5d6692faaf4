internal import Foundation
internal import Model
internal import Yams

/// A YAML file as a JSON value, and the line of every key in it.
struct YAMLFile {
  let path: String
  let value: JSON
  private var lines: [String: Int] = [:]

  /// - Throws: `Failure` 78 when the file cannot be read, is no YAML, or repeats a key.
  init(path: String) throws(Failure) {
    let text: String
    do {
      text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
    } catch {
      throw Failure(.configuration, "\(path): cannot be read. Check the path and its permissions.")
    }
    try self.init(path: path, text: text)
  }

  init(path: String, text: String) throws(Failure) {
    self.path = path
    let node: Yams.Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      // Yams quotes the offending line, which may hold a secret: only its place is repeated.
      let line = (error as? YamlError).flatMap(Self.line(of:)).map { ":\($0)" } ?? ""
      throw Failure(.configuration, "\(path)\(line): is not valid YAML.")
    }
    var lines: [String: Int] = [:]
    value = node.map { Self.json($0, at: "", into: &lines) } ?? .object([:])
    self.lines = lines
  }

  /// The line of a dotted key (`settings.accounts[0]`), or of its nearest parent.
  func line(of key: String) -> Int {
    var key = Substring(key)
    while !key.isEmpty {
      if let line = lines[String(key)] { return line }
      key = key[..<(key.lastIndex { $0 == "." || $0 == "[" } ?? key.startIndex)]
    }
    return 1
  }

  private static func json(_ node: Yams.Node, at key: String, into lines: inout [String: Int])
    -> JSON
  {
    if lines[key] == nil, let mark = node.mark { lines[key] = mark.line }
    switch node {
    case .mapping(let mapping):
      var members: [String: JSON] = [:]
      for (name, value) in mapping {
        let name = name.string ?? ""
        let path = key.isEmpty ? name : "\(key).\(name)"
        if let mark = value.mark { lines[path] = mark.line }
        members[name] = json(value, at: path, into: &lines)
      }
      return .object(members)
    case .sequence(let sequence):
      return .array(
        sequence.enumerated().map { json($1, at: "\(key)[\($0)]", into: &lines) })
    case .scalar(let scalar):
      // A quoted scalar is text, whatever it looks like: account ids have leading zeros.
      guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
      if node.null != nil { return .null }
      if let bool = node.bool { return .bool(bool) }
      if let integer = Int64(scalar.string) { return .integer(integer) }
      return .string(scalar.string)
    case .alias: return .null
    }
  }

  private static func line(of error: YamlError) -> Int? {
    switch error {
    case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
      mark.line
    default: nil
    }
  }
}
