internal import Model

/// The shipped classifier: which data a system holds, by what is known of it.
///
/// It is one table, and has a version: whoever compares two evaluations can tell a change of the
/// estate from a change of the classifier.
enum DataClassifier {
  /// Grows with every change of what follows.
  static let version = 1

  /// A type of system that holds data.
  struct SystemType: Sendable {
    var name: String
    /// What all of its kind hold.
    var domain: DataDomain?
    /// A reader's words for the kind.
    var words: String
    /// A state that it must have: a parameter is only a secret if it is encrypted.
    var only: (member: String, value: JSON)?
  }

  static let types: [SystemType] = [
    SystemType(name: "aws.cloudtrail.eventDataStore", domain: .logs, words: "an event data store"),
    SystemType(name: "aws.cognito.userPool", domain: .identity, words: "a pool of users"),
    SystemType(name: "aws.dynamodb.table", words: "a table"),
    SystemType(name: "aws.ecr.repository", domain: .sourceCode, words: "a repository of images"),
    SystemType(name: "aws.kms.key", domain: .secrets, words: "a key"),
    SystemType(name: "aws.opensearch.collection", words: "a search collection"),
    SystemType(name: "aws.rds.cluster", words: "a database"),
    SystemType(name: "aws.rds.instance", words: "a database"),
    SystemType(name: "aws.redshift.cluster", words: "a data warehouse"),
    SystemType(name: "aws.s3.bucket", words: "a bucket"),
    SystemType(name: "aws.s3vectors.bucket", words: "a bucket of vectors"),
    SystemType(name: "aws.secretsmanager.secret", domain: .secrets, words: "a secret"),
    SystemType(name: "aws.sns.topic", words: "a topic"),
    SystemType(name: "aws.sqs.queue", words: "a queue"),
    SystemType(
      name: "aws.ssm.parameter", domain: .secrets, words: "an encrypted parameter",
      only: ("type", "SecureString")),
    SystemType(name: "aws.sso.instance", domain: .identity, words: "an identity centre"),
  ]

  /// Automation whose records somebody keeps: what it writes to holds them.
  private static let writers: [String: DataDomain] = ["aws.cloudtrail.trail": .logs]

  /// Tags that name a domain; their values are words as in names.
  private static let domainTags: Set = ["data-domain", "data-type", "data-category"]

  /// Tags that say how sensitive the data is, whatever it is.
  private static let classTags: Set = [
    "classification", "confidentiality", "data-class", "data-classification", "data-sensitivity",
    "sensitivity",
  ]

  /// What a classification says; `nil` says that it is nothing to protect.
  private static let classes: [String: DataDomain?] = [
    "confidential": .confidential, "critical": .confidential, "high": .confidential,
    "highly-confidential": .confidential, "restricted": .confidential, "secret": .confidential,
    "sensitive": .confidential, "strictly-confidential": .confidential,
    "top-secret": .confidential, "gdpr": .customer, "pci": .finance, "personal": .customer,
    "phi": .health, "hipaa": .health, "pii": .customer,
    "internal": nil, "low": nil, "non-sensitive": nil, "none": nil,
    "open": nil, "public": nil, "unclassified": nil,
  ]

  /// Words of names and of tags that name a domain, in the singular. Words with a second meaning in
  /// an estate's names (`user`, `client`, `token`, `health`, `source`) are left out.
  private static let words: [String: DataDomain] = {
    let lists: [DataDomain: String] = [
      .customer: "consumer crm customer gdpr pii shopper subscriber",
      .finance: """
      accounting bank banking billing finance financial iban invoice ledger payable payment pci
      receivable revenue tax treasury
      """,
      .health: "clinical diagnosis ehr hipaa medical patient phi",
      .hr: """
      bamboohr employee hr hris payroll personnel recruiting recruitment salary workday
      """,
      .identity: "activedirectory entra identity idp kerberos ldap okta saml sso",
      .logs: "audit cloudtrail flowlog log logging siem",
      .secrets: "credential keystore password secret tfstate vault",
      .sourceCode: "codecommit git github gitlab repo repository sourcecode",
    ]
    var words: [String: DataDomain] = [:]
    for (domain, list) in lists {
      for word in list.split(whereSeparator: \.isWhitespace) {
        words[singular(String(word))] = domain
      }
    }
    return words
  }()

  /// What a system of a type holds, in order of domains.
  static func classify(
    _ node: GraphNode, _ type: SystemType, in graph: Graph
  ) -> [Classification] {
    if let only = type.only, node.state(only.member) != only.value { return [] }
    var tags: [(key: String, value: String)] = []
    if case .object(let members)? = node.state("tags") {
      tags = members.sorted { $0.key.precedes($1.key) }.compactMap { key, value in
        value.string.map { (key, $0) }
      }
    }
    func said(_ reason: String) -> (DataDomain) -> Classification {
      let sentence = "\(node.name) is \(type.words); \(reason)"
      return { Classification(domain: $0, reason: reason, fact: Fact(.node(node.id), sentence)) }
    }
    for (key, value) in tags where domainTags.contains(hyphened(key)) {
      let reason = said("its tag \(key) is \(value)")
      let named = Set(tokens(value).compactMap { words[$0] })
        .union([DataDomain(rawValue: hyphened(value))].compactMap(\.self))
      if !named.isEmpty || classes[hyphened(value)] == .some(nil) {
        return named.sorted { $0.rawValue < $1.rawValue }.map(reason)
      }
    }
    if let domain = type.domain { return [said("all of its kind hold that")(domain)] }
    for edge in graph.edges(.invokes, to: node) {
      guard let domain = graph.nodes[edge.from].flatMap({ writers[$0.type] }) else { continue }
      let reason = "\(graph.label(edge.from)) writes to it"
      return [Classification(domain: domain, reason: reason, fact: edge.fact(in: graph))]
    }
    let byName = named(node.name, said)
    for (key, value) in tags where classTags.contains(hyphened(key)) {
      guard let domain = classes[hyphened(value)] else { continue }
      guard let domain else { return [] }
      // A name that says what it is says more than that it is something.
      return domain == .confidential && !byName.isEmpty
        ? byName : [said("its tag \(key) is \(value)")(domain)]
    }
    return byName
  }

  private static func named(
    _ name: String, _ said: (String) -> (DataDomain) -> Classification
  ) -> [Classification] {
    var found: [DataDomain: Classification] = [:]
    for word in tokens(name) {
      guard let domain = words[word], found[domain] == nil else { continue }
      found[domain] = said("its name says \(word)")(domain)
    }
    return found.sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value)
  }

  /// `Data_Classification` as `data-classification`.
  private static func hyphened(_ text: String) -> String {
    String(text.lowercased().map { " _:./".contains($0) ? "-" : $0 })
  }

  /// Whole words of a name, in lower case and in the singular: of `acme-hrPayrolls2` these are
  /// `acme`, `hr`, `payroll`.
  static func tokens(_ name: String) -> [String] {
    name.utf8.allSatisfy { $0 < 0x80 } ? tokens(ofASCII: name) : tokens(ofAny: name)
  }

  private static func tokens(ofASCII name: String) -> [String] {
    var words: [String] = []
    var word = ""
    var wasLower = false
    for byte in name.utf8 {
      let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
      let isLower = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      if !isUpper && !isLower || isUpper && wasLower, !word.isEmpty {
        words.append(singular(word))
        word = ""
      }
      if isUpper || isLower {
        word.unicodeScalars.append(Unicode.Scalar(isUpper ? byte | 0x20 : byte))
      }
      wasLower = isLower
    }
    return word.isEmpty ? words : words + [singular(word)]
  }

  private static func tokens(ofAny name: String) -> [String] {
    var words: [String] = []
    var word = ""
    var last: Character = " "
    for character in name {
      let begins = character.isUppercase && last.isLowercase
      if !character.isLetter || begins, !word.isEmpty {
        words.append(singular(word))
        word = ""
      }
      if character.isLetter { word += character.lowercased() }
      last = character
    }
    return word.isEmpty ? words : words + [singular(word)]
  }

  private static func singular(_ word: String) -> String {
    if word.count > 4, word.hasSuffix("ies") { return word.dropLast(3) + "y" }
    let isPlural = word.count > 3 && word.hasSuffix("s") && !word.hasSuffix("ss")
    return isPlural ? String(word.dropLast()) : word
  }
}
