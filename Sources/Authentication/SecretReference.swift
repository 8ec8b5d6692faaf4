public import Cryptography
internal import Foundation

/// Where a secret is kept; the only form in which settings may name one.
public enum SecretReference: Sendable, Hashable {
  /// `env:NAME`: an environment variable of the worker.
  case environment(String)
  /// `file:/absolute/path`: a file of the worker's machine, without its last line break.
  case file(String)

  /// What a reference may look like, for messages.
  public static let accepted = "env:NAME or file:/absolute/path"

  /// Reads a reference. A text that is none may be a secret in clear, so errors never repeat it.
  ///
  /// - Throws: `AuthenticationError` of kind `unresolved`.
  public init(_ text: String) throws(AuthenticationError) {
    if let name = text.dropping("env:"), Self.isVariableName(name) {
      self = .environment(String(name))
    } else if let path = text.dropping("file:"), path.hasPrefix("/"), !path.contains("\0") {
      self = .file(String(path))
    } else if text.hasPrefix("vault:") {
      throw AuthenticationError(
        .unresolved, "vault: references are not supported yet; use \(Self.accepted)")
    } else {
      throw AuthenticationError(
        .unresolved, "not a reference to a secret; use \(Self.accepted), never the secret itself")
    }
  }

  private static func isVariableName(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x5F
    }
  }
}

/// Reads secrets where the worker runs.
public struct SecretResolver: Sendable {
  /// The largest secret that is read from a file, in bytes.
  public static let maximumBytes = 64 << 10

  private let variable: @Sendable (String) -> String?
  private let file: @Sendable (String) -> [UInt8]?

  /// - Parameters:
  ///   - variable: the value of an environment variable.
  ///   - file: at most `maximumBytes` + 1 bytes of a file; `nil` when it cannot be read.
  public init(
    variable: @escaping @Sendable (String) -> String?,
    file: @escaping @Sendable (String) -> [UInt8]?
  ) {
    self.variable = variable
    self.file = file
  }

  /// The environment and files of this process.
  public static let process = SecretResolver(
    variable: { ProcessInfo.processInfo.environment[$0] },
    file: { path in
      guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
      defer { try? handle.close() }
      return (try? handle.read(upToCount: maximumBytes + 1)).map { Array($0) }
    })

  /// - Throws: `AuthenticationError` of kind `unresolved` when it is absent, empty or too large.
  public func secret(_ reference: SecretReference) throws(AuthenticationError) -> Secret {
    switch reference {
    case .environment(let name): return Secret(try text(ofVariable: name))
    case .file(let path):
      guard var bytes = file(path) else {
        throw AuthenticationError(
          .unresolved, "the file \(path) cannot be read; check that it exists and its mode")
      }
      guard bytes.count <= Self.maximumBytes else {
        throw AuthenticationError(
          .unresolved, "the file \(path) is larger than \(Self.maximumBytes) bytes: no secret is")
      }
      if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
      if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
      guard !bytes.isEmpty else {
        throw AuthenticationError(.unresolved, "the file \(path) is empty")
      }
      return Secret(bytes)
    }
  }

  /// The secret as text, for a request's field. Keep it out of messages.
  ///
  /// - Throws: `AuthenticationError` of kind `unresolved`, also when it is not UTF-8.
  public func text(of reference: SecretReference) throws(AuthenticationError) -> String {
    guard let text = try secret(reference).text else {
      throw AuthenticationError(.unresolved, "a secret that must be text is not UTF-8")
    }
    return text
  }

  /// The value of a variable that must be set.
  ///
  /// - Throws: `AuthenticationError` of kind `unresolved` when it is not set or empty.
  public func text(ofVariable name: String) throws(AuthenticationError) -> String {
    guard let value = variable(name), !value.isEmpty else {
      throw AuthenticationError(
        .unresolved, "the environment variable \(name) is not set where the worker runs")
    }
    return value
  }

  /// The value of a variable that may be absent; `nil` also when it is empty.
  public func optionalText(ofVariable name: String) -> String? {
    variable(name).flatMap { $0.isEmpty ? nil : $0 }
  }
}

extension String {
  fileprivate func dropping(_ prefix: String) -> Substring? {
    hasPrefix(prefix) ? dropFirst(prefix.count) : nil
  }
}
