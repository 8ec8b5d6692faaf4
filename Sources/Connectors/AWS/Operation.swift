internal import Authentication
internal import Extraction
internal import HTTPTypes
internal import Model

/// One read of a service, as data. Nothing else is called: `AWSClient.call` takes an
/// `AWSOperation`, and all of them are in the catalog.
struct AWSOperation: Sendable {
  struct Paging: Sendable {
    /// Name of the cursor in the request.
    var input: String
    /// Where the cursor is in the answer.
    var output: [String]
    /// Name of the flag that says whether there is more, where the service has one.
    var more: String?
    /// How many items to ask for, where asking helps.
    var limit: (name: String, value: Int64)?

    init(
      _ input: String, output: [String]? = nil, more: String? = nil,
      limit: (name: String, value: Int64)? = nil
    ) {
      self.input = input
      self.output = output ?? [input]
      self.more = more
      self.limit = limit
    }
  }

  var service: AWSService
  var name: String
  enum Method: Sendable { case get, post }

  /// Of REST services.
  var method: Method
  /// Of REST services; `{Name}` is replaced by the input of that name, `{Name+}` with its slashes,
  /// the rest goes into the query of a GET and the body of a POST.
  var path: String
  /// Of a POST whose input goes into the query all the same.
  var isWithoutBody: Bool
  /// Input that goes into a header: header name to input name.
  var headers: [String: String]
  /// Sent with every call.
  var fixed: [String: JSON]
  var paging: Paging?
  /// Where it differs from the service's: then it has a bucket of its own.
  var rate: Rate?
  /// The IAM action where it is not `service:Name`.
  var action: String
  /// Name to give to an answer whose whole body is one text, as a bucket's policy is.
  var textMember: String?

  /// - Parameters:
  ///   - get, post: the path of a REST service's operation, by its method.
  init(
    _ service: AWSService, _ name: String, get: String? = nil, post: String? = nil,
    isWithoutBody: Bool = false, headers: [String: String] = [:],
    fixed: [String: JSON] = [:], paging: Paging? = nil, rate: Rate? = nil,
    action: String? = nil, textMember: String? = nil
  ) {
    self.service = service
    self.name = name
    method = post == nil ? .get : .post
    path = get ?? post ?? "/"
    self.isWithoutBody = isWithoutBody
    self.headers = headers
    self.fixed = fixed
    self.paging = paging
    self.rate = rate
    self.action = action ?? "\(service.actionPrefix):\(name)"
    self.textMember = textMember
  }

  /// As in evidence.
  var fullName: String { "\(service.name):\(name)" }

  var description: OperationDescription {
    OperationDescription(
      service: service.name, operation: name, permission: action,
      source: "https://docs.aws.amazon.com/\(service.pages)\(name).html",
      isRegional: service.isRegional,
      pagination: paging.map {
        OperationDescription.Pagination(
          cursor: $0.input, next: $0.output.joined(separator: "."), limit: $0.limit?.value)
      })
  }

  /// The request in the service's protocol.
  func request(_ input: [String: JSON], to place: AWSEndpoint) -> UnsignedRequest {
    var parameters = fixed.merging(input) { _, given in given }
    var request = UnsignedRequest(
      method: .post, scheme: place.scheme, authority: place.authority, path: "/")
    for (name, value) in service.fields {
      if let name = HTTPField.Name(name) { request.fields[name] = value }
    }
    for (header, name) in headers {
      if let field = HTTPField.Name(header), let value = parameters.removeValue(forKey: name) {
        request.fields[field] = value.plainText
      }
    }
    switch service.wire {
    case .query, .ec2:
      request.fields[.contentType] = "application/x-www-form-urlencoded; charset=utf-8"
      request.body = form(parameters)
    case .json(let target, let version):
      request.fields[.contentType] = "application/x-amz-json-\(version)"
      if let header = HTTPField.Name("x-amz-target") {
        request.fields[header] = "\(target).\(name)"
      }
      request.body = JSON.object(parameters).bytes
    case .restJSON, .restXML:
      request.method = method == .post ? .post : .get
      request.path = Self.filled(path, parameters) { RequestSigner.percentEncoded($0) }
      let rest = parameters.filter {
        !path.contains("{\($0.key)}") && !path.contains("{\($0.key)+}")
      }
      if method == .post && !isWithoutBody {
        request.fields[.contentType] = "application/json"
        request.body = JSON.object(rest).bytes
      } else {
        request.query = rest.mapValues(\.plainText)
      }
    }
    return request
  }

  private func form(_ parameters: [String: JSON]) -> [UInt8] {
    var fields = ["Action": name, "Version": service.version]
    for (name, value) in parameters {
      guard case .array(let elements) = value else {
        fields[name] = value.plainText
        continue
      }
      for (index, element) in elements.enumerated() {
        let infix = service.wire == .ec2 ? "" : "member."
        fields["\(name).\(infix)\(index + 1)"] = element.plainText
      }
    }
    let pairs = fields.sorted { $0.key.precedes($1.key) }.map { field in
      "\(field.key)=\(RequestSigner.percentEncoded(field.value))"
    }
    return Array(pairs.joined(separator: "&").utf8)
  }

  /// The template with each `{Name}` and `{Name+}` replaced by the input of that name.
  static func filled(
    _ template: String, _ input: [String: JSON], encoding: (String) -> String = { $0 }
  ) -> String {
    guard template.contains("{") else { return template }
    var filled = template
    for (name, value) in input {
      filled.replace("{\(name)}", with: encoding(value.plainText))
      let parts = value.plainText.split(separator: "/", omittingEmptySubsequences: false)
      filled.replace("{\(name)+}", with: parts.map { encoding(String($0)) }.joined(separator: "/"))
    }
    return filled
  }
}

extension JSON {
  /// As it stands in a form, a path or a header.
  fileprivate var plainText: String { string ?? text }
}
