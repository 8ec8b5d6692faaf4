import Authentication
import Extraction
import Model

/// A connector whose work is whatever a test says.
struct FakeConnector: Connector {
  let platform = Platform.aws
  let version = "fake/1"
  var units: [ExtractionUnit] = []

  var catalog: Catalog { Catalog(collections: []) }
  var normalizer: any Normalizer { Nothing() }

  func problems(settings: JSON, credentials: JSON) -> [ConfigurationProblem] { [] }

  func prepare(
    _ dispatch: Dispatch, in context: AttemptContext
  ) throws(ConfigurationError) -> PreparedScan {
    PreparedScan(authenticate: { _ in }, units: units)
  }

  private struct Nothing: Normalizer {
    func assertions(of record: RawRecord) throws -> Assertions { Assertions() }
  }
}

extension ExtractionUnit {
  /// One collection that publishes these keys, a batch each.
  static func publishing(_ name: String, _ keys: String...) -> ExtractionUnit {
    ExtractionUnit(collections: [name]) { output in
      for key in keys {
        try await output.collections[0].publish([
          Record(key: key, bytes: Array("{}".utf8), call: 0)
        ])
      }
    }
  }
}
