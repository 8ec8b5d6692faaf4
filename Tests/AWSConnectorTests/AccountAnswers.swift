import Foundation
import JSONReader
import Model
import PipelineTesting

@testable import AWSConnector

/// The answers of the fake account, from `Golden/answers.<family>.json`: by operation, or by
/// operation and a text that the request has (`events:ListTargetsByRule nightly`).
///
/// `PLANTED` stands for a value that must never leave the worker.
enum AccountAnswers {
  private static let all: [String: JSON] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: RecordFixture.folder.path))
    var all: [String: JSON] = [:]
    for name in (names ?? []).sorted() where name.hasPrefix("answers.") {
      guard let data = try? Data(contentsOf: RecordFixture.folder.appending(path: name)),
        let root = try? JSONDocument(parsing: Array(data)).root, let members = root.members
      else { continue }
      for member in members { all[member.key] = JSON(member.value) }
    }
    return all
  }()

  static func answer(_ operation: String, _ call: ScriptedTransport.Call) -> Answer {
    let request = call.path.removingPercentEncoding ?? call.path
    let text = request + (call.body.removingPercentEncoding ?? call.body)
    let keys = all.keys.filter { key in
      key == operation
        || key.hasPrefix(operation + " ") && text.contains(key.dropFirst(operation.count + 1))
    }
    guard let key = keys.max(by: { $0.utf8.count < $1.utf8.count }), let json = all[key] else {
      return Answer(404, "no answer for \(operation)")
    }
    if let code = json["Error"]?.string {
      return FakeAWS.refusal(operation, code: code, status: 404)
    }
    let wire = CatalogMatch.operation(operation)?.service.wire
    if let member = CatalogMatch.operation(operation)?.textMember {
      return Answer(json[member]?.string ?? "")
    }
    let answer =
      switch wire {
      case .query: FakeAWS.xml(operation, xml(json, item: "member"))
      case .ec2:
        Answer(
          "<\(name(operation))Response>\(xml(json, item: "item"))</\(name(operation))Response>")
      case .restXML: Answer("<Result>\(xml(json, item: nil))</Result>")
      default: Answer(json.text)
      }
    return Answer(
      answer.status, headers: answer.headers,
      answer.body.replacing("PLANTED", with: FakeAWS.secret))
  }

  private static func name(_ operation: String) -> String {
    String(operation.split(separator: ":").last ?? "")
  }

  /// - Parameter item: the name of a list's elements; `nil` repeats the list's own name.
  private static func xml(_ json: JSON, item: String?) -> String {
    switch json {
    case .object(let members):
      members.sorted { $0.key < $1.key }.map { name, value in
        if item == nil || name == "entry", case .array(let elements) = value {
          return elements.map { "<\(name)>\(xml($0, item: item))</\(name)>" }.joined()
        }
        return "<\(name)>\(xml(value, item: item))</\(name)>"
      }.joined()
    case .array(let elements):
      elements.map { "<\(item ?? "")>\(xml($0, item: item))</\(item ?? "")>" }.joined()
    default:
      (json.string ?? json.text).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    }
  }
}
