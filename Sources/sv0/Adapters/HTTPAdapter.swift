internal import Extraction
internal import HTTPTransport
internal import HTTPTypes

/// The HTTP client as connectors and sinks see it.
struct HTTPClientTransport: Transport {
  let client: HTTPClient

  func execute(
    _ request: HTTPRequest, body: [UInt8], limits: TransportLimits
  ) async throws -> (HTTPResponse, [UInt8]) {
    var bounds = HTTPLimits()
    bounds.responseBytes = limits.responseBytes
    bounds.total = limits.total
    do {
      return try await client.execute(request, body: body, limits: bounds)
    } catch let error where error.kind == .cancelled {
      throw CancellationError()
    } catch let error where error.kind == .nameNotResolved {
      throw TransportError(.nameNotResolved, "\(error)")
    } catch {
      throw TransportError(error.isRetriable ? .interrupted : .refused, "\(error)")
    }
  }
}
