internal import Glibc
internal import Model

/// Type numbers of PostgreSQL's catalog that this target knows.
///
/// Source: https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat
enum TypeOID {
  static let unspecified: UInt32 = 0
  static let bool: UInt32 = 16
  static let bytea: UInt32 = 17
  static let char: UInt32 = 18
  static let name: UInt32 = 19
  static let int8: UInt32 = 20
  static let int2: UInt32 = 21
  static let int4: UInt32 = 23
  static let text: UInt32 = 25
  static let oid: UInt32 = 26
  static let json: UInt32 = 114
  static let unknown: UInt32 = 705
  static let byteaArray: UInt32 = 1001
  static let nameArray: UInt32 = 1003
  static let textArray: UInt32 = 1009
  static let varcharArray: UInt32 = 1015
  static let int8Array: UInt32 = 1016
  static let bpchar: UInt32 = 1042
  static let varchar: UInt32 = 1043
  static let timestamptz: UInt32 = 1184
  static let jsonb: UInt32 = 3802
  /// Types created in the database (enums) begin here; their binary form is text.
  static let firstOfDatabase: UInt32 = 16384

  static func isText(_ type: UInt32) -> Bool {
    switch type {
    case text, varchar, bpchar, name, char, unknown, json, jsonb: true
    default: type >= firstOfDatabase
    }
  }
}

/// `timestamptz` on the wire: microseconds since 2000-01-01T00:00:00Z.
enum TimestampWire {
  private static let epochMilliseconds: Int64 = 946_684_800_000

  /// A time outside of Int64 microseconds becomes one that the server refuses (22008): the largest
  /// number would mean `infinity`.
  static func microseconds(_ timestamp: Timestamp) -> Int64 {
    let (shifted, underflow) = timestamp.milliseconds.subtractingReportingOverflow(
      epochMilliseconds)
    let (wire, overflow) = shifted.multipliedReportingOverflow(by: 1000)
    if !underflow && !overflow { return wire }
    return timestamp.milliseconds < 0 ? Int64.min + 1 : Int64.max - 1
  }

  /// Anything finer than a millisecond is cut towards the past; `nil` for infinity.
  static func timestamp(_ microseconds: Int64) -> Timestamp? {
    guard microseconds != .max, microseconds != .min else { return nil }
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1000)
    return Timestamp(
      milliseconds: (remainder < 0 ? quotient - 1 : quotient) + epochMilliseconds)
  }
}

/// A growing byte buffer that is written in network order and reused.
struct ByteBuffer: ~Copyable {
  private(set) var start: UnsafeMutableRawPointer
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
    start = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit {
    start.deallocate()
  }

  mutating func removeAll() {
    count = 0
  }

  @inline(__always)
  mutating func integer<Value: FixedWidthInteger>(_ value: Value) {
    let size = MemoryLayout<Value>.size
    reserve(size)
    (start + count).storeBytes(of: value.bigEndian, as: Value.self)
    count += size
  }

  @inline(__always)
  mutating func bytes(_ value: UnsafeRawBufferPointer) {
    reserve(value.count)
    if let source = value.baseAddress { memcpy(start + count, source, value.count) }
    count += value.count
  }

  @inline(__always)
  private mutating func reserve(_ size: Int) {
    if count + size > capacity { grow(size) }
  }

  @inline(never)
  private mutating func grow(_ size: Int) {
    capacity = max(capacity * 2, count + size)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    memcpy(larger, start, count)
    start.deallocate()
    start = larger
  }
}

extension UnsafeRawBufferPointer {
  /// The integer in network order at an offset; `nil` beyond the end.
  @inline(__always)
  func integer<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int = 0) -> Value? {
    guard offset >= 0, offset + MemoryLayout<Value>.size <= count else { return nil }
    return Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  /// The bytes of a range; `nil` beyond the end.
  @inline(__always)
  func slice(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer? {
    guard offset >= 0, length >= 0, offset + length <= count else { return nil }
    return UnsafeRawBufferPointer(rebasing: self[offset..<(offset + length)])
  }

  /// Elements of a one-dimensional array without nulls; `nil` when it is anything else.
  ///
  /// Source: `array_recv` in src/backend/utils/adt/arrayfuncs.c
  func arrayElements<Element>(_ read: (UnsafeRawBufferPointer) -> Element?) -> [Element]? {
    guard let dimensions = integer(Int32.self) else { return nil }
    if dimensions == 0 { return [] }
    guard dimensions == 1, let size = integer(Int32.self, at: 12), size >= 0 else { return nil }
    var elements: [Element] = []
    elements.reserveCapacity(Swift.min(Int(size), count / 4))
    var offset = 20
    for _ in 0..<size {
      guard let length = integer(Int32.self, at: offset),
        let bytes = slice(offset + 4, Int(length)), let element = read(bytes)
      else { return nil }
      elements.append(element)
      offset += 4 + Int(length)
    }
    return elements
  }
}
