import HTTPTypes
import PipelineTesting

@testable import AWSConnector

/// Finds the catalog's operation that a request is, as a server of all of AWS would.
enum CatalogMatch {
  static let all: [AWSOperation] = {
    let reads = AWSUnit.all.flatMap { $0.kinds.flatMap(\.operations) }
    var seen: Set<String> = []
    return (reads + [.assumeRole, .getCallerIdentity, .describeRegions])
      .filter { seen.insert($0.fullName).inserted }
  }()
  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.fullName, $0) })

  static func operation(_ name: String) -> AWSOperation? { byName[name] }

  static func operation(of call: ScriptedTransport.Call) -> AWSOperation? {
    let scope = call.header("authorization")?.split(separator: ",").first?.split(separator: "/")
    let service = scope?.dropFirst(3).first.map(String.init)
    return all.filter { $0.service.signingName == service }
      .map { ($0, score($0, call)) }.filter { $0.1 > 0 }.max { $0.1 < $1.1 }?.0
  }

  /// How much of the request the operation explains; 0 where it is another.
  private static func score(_ operation: AWSOperation, _ call: ScriptedTransport.Call) -> Int {
    switch operation.service.wire {
    case .json(let target, _):
      return call.header("x-amz-target") == "\(target).\(operation.name)" ? 1 : 0
    case .query, .ec2:
      return call.body.split(separator: "&").contains("Action=\(operation.name)") ? 1 : 0
    case .restJSON, .restXML:
      let method = operation.method == .get ? "GET" : "POST"
      guard call.request.method.rawValue == method, hostFits(operation, call) else { return 0 }
      let parts = call.path.split(separator: "?")
      let path = call.path.prefix { $0 != "?" }.split(separator: "/")
      let template = operation.path.split(separator: "/")
      let takesTheRest = template.last?.hasSuffix("+}") == true
      guard path.count == template.count || takesTheRest && path.count > template.count else {
        return 0
      }
      let literals = zip(path, template).map { $1.hasPrefix("{") ? 0 : $0 == $1 ? 1 : -1000 }
      let query = parts.count > 1 ? parts[1].split(separator: "&") : []
      let given = Set(query.map { $0.prefix { $0 != "=" } })
      guard operation.fixed.keys.allSatisfy({ given.contains($0[...]) || method == "POST" })
      else { return 0 }
      return max(0, 1 + literals.reduce(0, +) * 10 + operation.fixed.count)
    }
  }

  private static func hostFits(
    _ operation: AWSOperation, _ call: ScriptedTransport.Call
  ) -> Bool {
    guard case .regional = operation.service.reach else { return true }
    let host = call.request.authority ?? ""
    let own = operation.service.prefix.split(separator: "}").last.map(String.init) ?? ""
    return host.contains(own + ".")
  }
}
