internal import Authentication
internal import Evaluation
internal import Model

/// An owner file: the persons and teams that answer for what a tenant runs.
///
/// ```yaml
/// tenant: acme
/// owners:
///   - names: [team-billing, "github:acme"]          # what tags and federation call it
///     status: active                                # or disabled, deleted, departed
///     until: 2026-12-31                             # optional: the last day
/// ```
struct OwnerFile {
  let tenant: String
  let owners: [Owner]

  /// - Throws: everything that is wrong, each with its key and what is accepted.
  init(_ json: JSON) throws(ConfigurationError) {
    var reader = ConfigurationReader(json, at: "")
    let tenant = reader.text(
      "tenant", isRequired: true, accepted: "a name of 1 to 128 of A-Z a-z 0-9 . _ - :",
      where: Scope.isName)
    let accepted = "a list of owners"
    if reader.value("owners") == nil {
      reader.add("is missing; set it to \(accepted)", to: "owners")
    }
    var owners: [Owner] = []
    var places: [String: Int] = [:]
    for (place, value) in (reader.elements("owners", accepted: accepted) ?? []).enumerated() {
      var member = ConfigurationReader(value, at: ".owners[\(place)]")
      if let owner = Self.owner(&member) {
        for name in owner.names {
          if let other = places.updateValue(place, forKey: name) {
            member.add(
              other == place
                ? "names one name twice" : "has a name that owners[\(other)] has already",
              to: "names")
          }
        }
        owners.append(owner)
      }
      member.finish()
      reader.add(member.problems)
    }
    reader.finish()
    let problems = reader.problems.map { problem in
      ConfigurationProblem(
        key: problem.key.isEmpty ? "file" : String(problem.key.trimmingPrefix(".")),
        message: problem.message)
    }
    guard problems.isEmpty, let tenant else { throw ConfigurationError(problems) }
    self.tenant = tenant
    self.owners = owners
  }

  private static func owner(_ reader: inout ConfigurationReader) -> Owner? {
    let accepted = "a list of one or more names of at most 256 bytes"
    if reader.value("names") == nil {
      reader.add("is missing; set it to \(accepted)", to: "names")
    }
    var names: [String]?
    if let elements = reader.elements("names", accepted: accepted) {
      names = elements.compactMap(\.string).filter { (1...256).contains($0.utf8.count) }
      if elements.isEmpty || names?.count != elements.count {
        reader.add("must be \(accepted)", to: "names")
        names = nil
      }
    }
    let status = reader.choice("status", of: Owner.Status.allCases.map(\.rawValue))
      .flatMap(Owner.Status.init)
    let until = reader.text(
      "until", accepted: "a day such as 2026-12-31", where: { Timestamp(endOfDay: $0) != nil })
    guard let names, let status else { return nil }
    return Owner(names: names, status: status, until: until)
  }
}
