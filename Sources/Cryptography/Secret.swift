/// A credential's bytes, which never print.
///
/// Interpolation, `print`, `dump`, a debugger's summary and a failed test's message all show
/// `<secret>`, also when the value sits inside another one. It is not `Codable` and not
/// `Hashable`, so no message, row or dictionary dump takes it along by accident. Reading `bytes`
/// or `text` is the one way out, and easy to search for.
///
/// Two secrets compare in constant time. The memory is not wiped: text in Swift is copied freely,
/// and a wiped buffer would only suggest otherwise.
public struct Secret: Sendable, Equatable {
  /// The bytes themselves. Pass them to a key or a header, never to a message.
  public let bytes: [UInt8]

  /// A secret of any bytes.
  public init(_ bytes: some Collection<UInt8>) {
    self.bytes = Array(bytes)
  }

  /// A secret of the text's UTF-8 bytes.
  public init(_ text: String) {
    self.init(text.utf8)
  }

  /// The bytes as text; `nil` when they are not UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }

  public static func == (left: Self, right: Self) -> Bool {
    isEqualInConstantTime(left.bytes, right.bytes)
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "<secret>" }
  public var debugDescription: String { "<secret>" }
  public var customMirror: Mirror { Mirror(self, children: [Mirror.Child]()) }
}
