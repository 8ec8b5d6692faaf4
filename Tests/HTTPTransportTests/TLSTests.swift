import Foundation
import HTTPTransport
import HTTPTypes
import Testing

@Suite struct TLSTests {
  /// A certificate for `localhost` and 127.0.0.1 that is its own authority.
  private func certificateForHere() throws -> Certificate {
    try Certificate("subjectAltName=DNS:localhost,IP:127.0.0.1")
  }

  @Test func unknownAuthorityIsRefused() async throws {
    let server = try certificateForHere().server()
    try await withClient { client in
      let error = try await failure(client, server.request("/echo?hunter2", scheme: "https"))
      #expect(error.kind == .tlsRefused)
      #expect(!error.isRetriable)
      #expect(error.description.contains("certificate"))
      #expect(!error.description.contains("hunter2"))
    }
  }

  @Test(arguments: ["localhost", "127.0.0.1"])
  func trustedAuthorityIsAccepted(host: String) async throws {
    let certificate = try certificateForHere()
    let server = try certificate.server()
    try await withClient(certificate.trusted) { client in
      let request = server.request("/echo", scheme: "https", host: host)
      let first = try Echo(try await client.execute(request).1)
      let second = try Echo(try await client.execute(request).1)
      #expect(first.peer == second.peer)
    }
  }

  @Test func wrongHostNameIsRefused() async throws {
    let certificate = try Certificate("subjectAltName=DNS:other.example")
    let server = try certificate.server()
    try await withClient(certificate.trusted) { client in
      let request = server.request("/echo", scheme: "https", host: "localhost")
      let error = try await failure(client, request)
      #expect(error.kind == .tlsRefused)
    }
  }

  @Test func serverWithoutTLSIsRefused() async throws {
    let server = try TestServer.shared.get()
    try await withClient { client in
      let error = try await failure(client, server.request("/echo", scheme: "https"))
      #expect(error.kind == .tlsRefused)
    }
  }

  @Test func hangingUpInTheHandshakeIsRetriable() async throws {
    let server = try TestServer("hang-up")
    try await withClient { client in
      let error = try await failure(client, server.request("/echo", scheme: "https"))
      #expect(error.kind == .connectionLost)
    }
  }

  @Test func silenceInTheHandshakeReachesTheConnectLimit() async throws {
    let server = try TestServer("silent")
    try await withClient { client in
      let error = try await failure(
        client, server.request("/echo", scheme: "https"),
        limits: HTTPLimits(connect: .milliseconds(200)))
      #expect(error.kind == .timedOut(.connect))
    }
  }

  @Test(arguments: ["/no/such/file.pem", #filePath])
  func unusableAuthoritiesAreRefusedAtOnce(path: String) {
    let error = #expect(throws: HTTPError.self) {
      try HTTPClient(HTTPConfiguration(extraCertificateAuthoritiesFile: path))
    }
    #expect(error?.kind == .invalidConfiguration)
    #expect(error?.description.contains(path) == true)
  }

  @Test func environmentsProxyIsUsedOnlyWhenAsked() async throws {
    let certificate = try certificateForHere()
    let server = try certificate.server()
    let port = server.port
    let file = certificate.file
    // Waiting for a test's own process never ends while another child waits to be collected.
    try #require(endedChildren() == [], "an earlier test left them behind")
    // In a process of its own: changing the environment is not safe beside other threads.
    await #expect(processExitsWith: .success) { [port = port as Int, file = file as String] in
      unsafe setenv("https_proxy", "http://127.0.0.1:1", 1)
      let request = HTTPRequest(
        method: .get, scheme: "https", authority: "127.0.0.1:\(port)", path: "/echo")
      var configuration = HTTPConfiguration(extraCertificateAuthoritiesFile: file)
      let direct = try await HTTPClient(configuration).execute(request)
      #expect(direct.0.status == .ok)
      configuration.proxy = .environment
      let error = await #expect(throws: HTTPError.self) {
        try await HTTPClient(configuration).execute(request)
      }
      #expect(error?.kind == .unreachable)
    }
    withExtendedLifetime((server, certificate)) {}
  }
}

/// Processes that this one started, that have ended, and that nobody has asked about.
private func endedChildren() throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
    guard Int(name) != nil,
      let status = try? String(contentsOfFile: "/proc/\(name)/status", encoding: .utf8)
    else { return false }
    return status.contains("\nState:\tZ") && status.contains("\nPPid:\t\(getpid())\n")
  }
}

/// A key and a certificate made by the `openssl` command, in a directory that goes with it.
final class Certificate: Sendable {
  let file: String
  private let directory: URL

  /// Trusts this certificate.
  var trusted: HTTPConfiguration { HTTPConfiguration(extraCertificateAuthoritiesFile: file) }

  init(_ extension: String) throws {
    directory = FileManager.default.temporaryDirectory
      .appending(path: "sv0-certificate-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    file = directory.appending(path: "certificate.pem").path
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
      "-nodes", "-days", "2", "-subj", "/CN=sv0 test", "-addext", `extension`, "-out", file,
      "-keyout", directory.appending(path: "key.pem").path,
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "the tests need the openssl command")
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  func server() throws -> TestServer {
    try TestServer(file, directory.appending(path: "key.pem").path)
  }
}
