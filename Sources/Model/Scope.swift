/// The unit that is scanned and ordered: one account of a platform behind one connection.
///
/// Written `tenant/connection/platform/account` (`acme/aws-prod/aws/111122223333`); this text is
/// the key of every message about the scope, and of its rows.
public struct Scope: Sendable, Hashable, CustomStringConvertible {
  public var tenant: String
  public var connection: String
  public var platform: Platform
  public var account: String

  public init(tenant: String, connection: String, platform: Platform, account: String) {
    self.tenant = tenant
    self.connection = connection
    self.platform = platform
    self.account = account
  }

  /// Reads `tenant/connection/platform/account`; `nil` unless it is exactly that.
  public init?(_ key: String) {
    let parts = key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    guard parts.count == 4, let platform = Platform(rawValue: parts[2]),
      Scope.isName(parts[0]), Scope.isName(parts[1]), Scope.isName(parts[3])
    else { return nil }
    self.init(tenant: parts[0], connection: parts[1], platform: platform, account: parts[3])
  }

  public var description: String { "\(tenant)/\(connection)/\(platform.rawValue)/\(account)" }

  /// Names of tenants, connections and accounts: 1 to 128 of `A-Z a-z 0-9 . _ - :`.
  public static func isName(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: "-"), UInt8(ascii: ":"):
          true
        default: false
        }
      }
  }
}

/// The platforms that have a connector.
public enum Platform: String, Sendable, Hashable, CaseIterable {
  case aws
}
