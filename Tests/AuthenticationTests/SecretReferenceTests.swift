import Authentication
import Cryptography
import Foundation
import Testing

@Suite struct SecretReferenceTests {
  @Test func theEnvironmentAndFilesAreRead() throws {
    let resolver = SecretResolver(
      variable: { $0 == "TOKEN" ? "from the environment" : nil },
      file: { $0 == "/run/token" ? Array("from a file\n".utf8) : nil })
    #expect(try resolver.secret(SecretReference("env:TOKEN")) == Secret("from the environment"))
    #expect(try resolver.text(of: SecretReference("file:/run/token")) == "from a file")
  }

  @Test func aRealFileIsRead() throws {
    let path = NSTemporaryDirectory() + "sv0-secret-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("s3cret\r\n".utf8).write(to: URL(fileURLWithPath: path))
    #expect(try SecretResolver.process.text(of: .file(path)) == "s3cret")
  }

  @Test(arguments: [
    "hunter2", "env:", "env:A B", "env:1A", "file:relative", "vault:secret/x", "", "ENV:X",
  ])
  func anythingElseIsRefusedWithoutBeingRepeated(_ text: String) {
    let error = #expect(throws: AuthenticationError.self) { try SecretReference(text) }
    #expect(error?.message.contains("env:NAME or file:/absolute/path") == true)
    #expect(error?.message.contains("hunter2") == false)
  }

  @Test(arguments: ["env:ABSENT", "file:/absent", "env:EMPTY", "file:/empty", "file:/huge"])
  func whatCannotBeResolvedIsNamed(_ text: String) throws {
    let resolver = SecretResolver(
      variable: { $0 == "EMPTY" ? "" : nil },
      file: { path in
        switch path {
        case "/empty": Array("\n".utf8)
        case "/huge": [UInt8](repeating: 0x61, count: SecretResolver.maximumBytes + 1)
        default: nil
        }
      })
    let reference = try SecretReference(text)
    let error = #expect(throws: AuthenticationError.self) { try resolver.secret(reference) }
    let place = text.split(separator: ":").last ?? ""
    #expect(error?.message.contains(place) == true)
  }
}
