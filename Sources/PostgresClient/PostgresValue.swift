public import Model

/// A statement's parameter, sent in binary with its type, so nothing is quoted or parsed.
///
/// Every factory takes an optional and keeps the type of a null. The server does not guess: cast in
/// SQL where another type is meant (`$1::uuid`). `json` is assigned to `jsonb` columns by itself.
public struct PostgresValue: Sendable, Equatable {
  let type: UInt32
  /// `nil` is NULL.
  let bytes: [UInt8]?

  private init(_ type: UInt32, _ bytes: [UInt8]?) {
    self.type = type
    self.bytes = bytes
  }

  /// NULL of the type that the statement expects there.
  public static let null = Self(TypeOID.unspecified, nil)

  public static func text(_ value: String?) -> Self {
    Self(TypeOID.text, value.map { Array($0.utf8) })
  }

  public static func int8(_ value: Int64?) -> Self {
    Self(TypeOID.int8, value.map(bigEndian))
  }

  public static func int4(_ value: Int32?) -> Self {
    Self(TypeOID.int4, value.map(bigEndian))
  }

  public static func bool(_ value: Bool?) -> Self {
    Self(TypeOID.bool, value.map { [$0 ? 1 : 0] })
  }

  public static func bytea(_ value: [UInt8]?) -> Self {
    Self(TypeOID.bytea, value)
  }

  /// A `timestamptz`; what PostgreSQL cannot hold is refused by the server with 22008.
  public static func timestamp(_ value: Timestamp?) -> Self {
    Self(TypeOID.timestamptz, value.map { bigEndian(TimestampWire.microseconds($0)) })
  }

  /// JSON text in UTF-8.
  public static func json(_ value: [UInt8]?) -> Self {
    Self(TypeOID.json, value)
  }

  /// JSON text.
  public static func json(_ value: String?) -> Self {
    Self(TypeOID.json, value.map { Array($0.utf8) })
  }

  /// A `text[]`, for `unnest($1)` or `= ANY($1)`.
  public static func texts(_ values: [String?]?) -> Self {
    Self(
      TypeOID.textArray, values.map { array(TypeOID.text, $0.map { $0.map { Array($0.utf8) } }) })
  }

  /// An `int8[]`.
  public static func int8s(_ values: [Int64?]?) -> Self {
    Self(TypeOID.int8Array, values.map { array(TypeOID.int8, $0.map { $0.map(bigEndian) }) })
  }

  /// A `bytea[]`.
  public static func byteas(_ values: [[UInt8]?]?) -> Self {
    Self(TypeOID.byteaArray, values.map { array(TypeOID.bytea, $0) })
  }

  private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  private static func array(_ element: UInt32, _ values: [[UInt8]?]) -> [UInt8] {
    var bytes = bigEndian(Int32(values.isEmpty ? 0 : 1))
    bytes += bigEndian(Int32(values.contains(nil) ? 1 : 0))
    bytes += bigEndian(element)
    guard !values.isEmpty else { return bytes }
    bytes += bigEndian(Int32(clamping: values.count))
    bytes += bigEndian(Int32(1))
    for value in values {
      bytes += bigEndian(Int32(clamping: value?.count ?? -1))
      bytes += value ?? []
    }
    return bytes
  }
}

/// One statement of a pipeline.
public struct PostgresStatement: Sendable {
  public var sql: String
  public var values: [PostgresValue]

  public init(_ sql: String, _ values: [PostgresValue] = []) {
    self.sql = sql
    self.values = values
  }
}
