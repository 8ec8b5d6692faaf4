import Foundation
import Testing

/// What a formatter cannot see: who may import whom, and that lists match folders.
@Suite struct LayoutTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static let cLibraries = ["CKafka", "CCurl", "COpenSSL", "CPostgres", "CSimdJSON"]

  /// Each target, and what it may import of this package. C targets → clients → workers → sv0.
  static let allowed: [String: Set<String>] = {
    let shared: Set = ["JSONReader", "Model", "Pipeline"]
    let stored = shared.union(["PostgresClient", "Schema"])
    return [
      "Model": [],
      "KafkaClient": ["CKafka", "Model"],
      "HTTPTransport": ["CCurl"],
      "Cryptography": ["COpenSSL", "Model"],
      "PostgresClient": ["CPostgres", "Model"],
      "JSONReader": ["CSimdJSON", "Model"],
      "Pipeline": ["JSONReader", "Model"],
      "Schema": ["Cryptography", "Model", "PostgresClient"],
      "Authentication": ["Cryptography", "Model"],
      "Extraction": shared.union(["Authentication", "Cryptography"]),
      "Connectors/AWS": ["Authentication", "Extraction", "JSONReader", "Model"],
      "Scheduling": stored.union(["Authentication"]),
      "Transformation": shared.union(["Cryptography", "Extraction"]),
      "Loading": stored.union(["Cryptography"]),
      "Evaluation": stored.union(["Cryptography"]),
      "Notification": shared.union(["Authentication", "Cryptography", "Extraction"]),
      "Observability": ["Model", "Pipeline"],
      "LocalStack": [],
      "PipelineTesting": stored.union(["Cryptography", "Extraction"]),
    ]
  }()

  static let ownTargets = Set(allowed.keys.map { $0 == "Connectors/AWS" ? "AWSConnector" : $0 })
    .union(cLibraries).union(["sv0"])

  static func files(under folder: String, _ types: [String]) throws -> [URL] {
    let base = root.appending(path: folder)
    let paths = try FileManager.default.subpathsOfDirectory(atPath: base.path)
    return paths.filter { path in types.contains { path.hasSuffix($0) } }.sorted()
      .map { base.appending(path: $0) }
  }

  static func imports(of file: URL) throws -> [String] {
    try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard let keyword = words.firstIndex(of: "import"), keyword <= 2,
        words[..<keyword].allSatisfy({
          ["public", "package", "internal", "@testable"].contains($0)
        }),
        keyword + 1 < words.count
      else { return nil }
      return String(words[keyword + 1])
    }
  }

  @Test(arguments: allowed.keys.sorted())
  func targetsImportOnlyWhatIsBelowThem(_ target: String) throws {
    let permitted = try #require(Self.allowed[target])
    let files = try Self.files(under: "Sources/\(target)", [".swift"])
    #expect(!files.isEmpty)
    for file in files {
      for name in try Self.imports(of: file)
      where Self.ownTargets.contains(name) && !permitted.contains(name) {
        Issue.record("\(target)/\(file.lastPathComponent) imports \(name)")
      }
    }
  }

  @Test func everyFolderOfSourcesIsInTheTable() throws {
    let sources = try FileManager.default.contentsOfDirectory(
      atPath: Self.root.appending(path: "Sources").path)
    let known = Set(Self.allowed.keys.map { String($0.prefix { $0 != "/" }) })
      .union(Self.cLibraries).union(["sv0"])
    #expect(Set(sources).subtracting(known).isEmpty)
  }

  @Test func theTopLevelHoldsNothingElse() throws {
    let known: Set = [
      "Package.swift", "Makefile", "README.md", "LICENSE", "Sources", "Tests", "topics", "deploy",
      "docs", "Package.resolved",
    ]
    let top = try FileManager.default.contentsOfDirectory(atPath: Self.root.path)
    #expect(Set(top.filter { !$0.hasPrefix(".") }).subtracting(known).isEmpty)
  }

  @Test func filesHaveOnePurpose() throws {
    for file in try Self.files(under: "Sources", [".swift", ".cpp", ".h"]) {
      let lines = try String(contentsOf: file, encoding: .utf8).split(
        separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count <= 400, "\(file.lastPathComponent) has \(lines.count) lines")
    }
  }

  @Test func whatIsUncheckedSaysWhy() throws {
    for file in try Self.files(under: "Sources", [".swift"]) {
      let lines = try String(contentsOf: file, encoding: .utf8).split(
        separator: "\n", omittingEmptySubsequences: false)
      for (index, line) in lines.enumerated()
      where line.contains("@unchecked Sendable")
        && !line.trimmingCharacters(in: .whitespaces).hasPrefix("//")
      {
        let before = index > 0 ? lines[index - 1].trimmingCharacters(in: .whitespaces) : ""
        #expect(
          before.hasPrefix("//"),
          "\(file.lastPathComponent):\(index + 1): no sentence on the library's threading rule")
      }
    }
  }

  /// Both lists are in code because the files are embedded by name.
  @Test func everyTopicAndMigrationIsInTheBinary() throws {
    let topics = try String(
      contentsOf: Self.root.appending(path: "Sources/sv0/TopicFile.swift"), encoding: .utf8)
    for file in try Self.files(under: "topics", [".yaml"]) {
      let resource = file.lastPathComponent.replacing(".", with: "_")
      #expect(topics.contains("PackageResources.\(resource)"), "\(file.lastPathComponent)")
    }
    let schema = try String(
      contentsOf: Self.root.appending(path: "Sources/Schema/Schema.swift"), encoding: .utf8)
    for file in try Self.files(under: "Sources/Schema/migrations", [".sql"]) {
      let resource = "_" + file.lastPathComponent.dropFirst().replacing(".", with: "_")
      #expect(schema.contains("PackageResources.\(resource)"), "\(file.lastPathComponent)")
    }
  }

  @Test func everyTopicHasItsSchema() throws {
    for file in try Self.files(under: "topics", [".yaml"]) {
      let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      let schema = try #require(lines.first { $0.hasPrefix("schema: ") }).dropFirst(8)
      #expect(
        FileManager.default.fileExists(
          atPath: Self.root.appending(path: "topics/\(schema)").path))
    }
  }

  @Test func noPathOfOneMachineIsInTheSources() throws {
    // A path of somebody's machine would make a build depend on it.
    for folder in ["Sources", "deploy", "topics"] {
      for file in try Self.files(under: folder, [".swift", ".sh", ".py", ".yaml", ".sql"]) {
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(!text.contains("/work/"), "\(file.lastPathComponent)")
      }
    }
  }

  /// What the guide shows of a file, as "`path`:" and a block, is in that file.
  @Test func theWorkedExampleIsTheRepositorys() throws {
    let guide = try String(
      contentsOf: Self.root.appending(path: "docs/adding-a-connector.md"), encoding: .utf8)
    let excerpts = guide.matches(of: #/\n`([^`\n]+)`:\n\n```[a-z]+\n((?s).*?\n)```\n/#)
    #expect(excerpts.count >= 4)
    for excerpt in excerpts {
      let file = Self.root.appending(path: String(excerpt.1))
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.contains(excerpt.2), "\(excerpt.1) has not\n\(excerpt.2)")
    }
  }

  /// A promise without a test is none. Names are of functions, or what a test is displayed as.
  @Test func everyGuaranteeNamesTestsThatExist() throws {
    let tests = try Self.files(under: "Tests", [".swift"]).map {
      try String(contentsOf: $0, encoding: .utf8)
    }.joined()
    let text = try String(
      contentsOf: Self.root.appending(path: "docs/guarantees.md"), encoding: .utf8)
    let from = try #require(text.range(of: "\n1. "))
    let to = try #require(text.range(of: "## Not promised"))
    let promises = text[from.lowerBound..<to.lowerBound].split(separator: #/\n\d+\.\s/#)
    #expect(promises.count >= 30)
    for promise in promises {
      let parts = promise.split(separator: "`", omittingEmptySubsequences: false)
      let names = stride(from: 1, to: parts.count, by: 2).map { index in
        parts[index].split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
      #expect(!names.isEmpty, "\(promise)")
      for name in names {
        #expect(
          tests.contains("func \(name)(") || tests.contains("\"\(name)\""), "\(name)")
      }
    }
  }
}
