import JSONReader
import Testing

@Suite struct ViewTests {
  private func root(_ text: String) throws -> JSONView {
    try JSONDocument(parsing: Array(text.utf8)).root
  }

  @Test func subValuesAreTheExactBytesOfTheInput() throws {
    let inner = "{ \"Arn\" : \"a\\u00e9\\/\" ,\n \"n\":1.50e0, \"l\" :[ ] }"
    let view = try root("  {\"x\": [1 , \(inner) , true ],\"y\":null}  ")
    let elements = try Array(view.array(at: "x"))
    #expect(elements.map { String(decoding: $0.verbatim, as: UTF8.self) } == ["1", inner, "true"])
    #expect(String(decoding: elements[1]["n"]?.verbatim ?? [], as: UTF8.self) == "1.50e0")
    #expect(String(decoding: elements[1]["l"]?.verbatim ?? [], as: UTF8.self) == "[ ]")
    #expect(try JSONDocument(parsing: Array(elements[1].verbatim)).root["Arn"]?.string == "aé/")
  }

  @Test func kindsAndScalars() throws {
    let view = try root("[null,true,false,12,-1.5,\"s\",[],{}]")
    let elements = Array(try #require(view.elements))
    #expect(
      elements.map(\.kind) == [
        .null, .boolean, .boolean, .number, .number, .string, .array, .object,
      ])
    #expect(elements.map(\.isNull) == [true] + Array(repeating: false, count: 7))
    #expect(elements.map(\.bool) == [nil, true, false, nil, nil, nil, nil, nil])
    #expect(elements.map(\.int64) == [nil, nil, nil, 12, nil, nil, nil, nil])
    #expect(elements.map(\.double) == [nil, nil, nil, 12, -1.5, nil, nil, nil])
    #expect(elements.map(\.string) == [nil, nil, nil, nil, nil, "s", nil, nil])
    #expect(elements.map { $0.elements != nil } == [6].reduce(into: flags()) { $0[$1] = true })
    #expect(elements.map { $0.members != nil } == [7].reduce(into: flags()) { $0[$1] = true })
  }

  private func flags() -> [Bool] { Array(repeating: false, count: 8) }

  @Test func numbersKeepEveryDigit() throws {
    let view = try root(
      "[9223372036854775807,-9223372036854775808,18446744073709551615,18446744073709551616,"
        + "0.10000000000000000000000001,1e400,-0]")
    let numbers = Array(try #require(view.elements))
    #expect(numbers.map(\.int64) == [.max, .min, nil, nil, nil, nil, 0])
    #expect(numbers.map(\.uint64) == [UInt64(Int64.max), nil, .max, nil, nil, nil, 0])
    #expect(numbers[3].numberText == "18446744073709551616")
    #expect(numbers[4].numberText == "0.10000000000000000000000001")
    #expect(numbers[4].double == 0.1)
    #expect(numbers[5].double == nil)
    #expect(numbers[5].numberText == "1e400")
  }

  @Test func escapesAndSurrogates() throws {
    let view = try root(
      "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00E9\\u20ac\\uD83D\\uDE00\",\"\\u0000\",\"é😀\","
        + "\"\\udbff\\udfff\",\"plain\"]")
    let strings = Array(try #require(view.elements))
    #expect(
      strings.map(\.string) == [
        "\"\\/\u{8}\u{C}\n\r\t", "Aé€😀", "\u{0}", "é😀", "\u{10FFFF}", "plain",
      ])
    #expect(
      strings.map { $0.stringBytes.map { Array($0) } } == strings.map { Array($0.string!.utf8) })
  }

  @Test func iterationKeepsOrderAndDuplicatesAndLookUpFindsTheLast() throws {
    let view = try root("{\"b\":1,\"a\":[2,{\"a\":9}],\"b\":{\"c\":3},\"\\u0061b\":4}")
    let members = try #require(view.members)
    #expect(members.map(\.key) == ["b", "a", "b", "ab"])
    #expect(members.count == 4)
    #expect(view["b"]?["c"]?.int64 == 3)
    #expect(view["ab"]?.int64 == 4)
    #expect(view["c"] == nil)
    #expect(view["a"]?["a"] == nil)
    #expect(view[""] == nil)
    #expect(String(decoding: members.map(\.name)[3].verbatim, as: UTF8.self) == "\"\\u0061b\"")
  }

  @Test func emptyContainers() throws {
    let view = try root("{\"a\":[],\"o\":{},\"n\":[[],{}]}")
    #expect(try view.array(at: "a").isEmpty)
    #expect(try view.object(at: "o").isEmpty)
    #expect(try view.array(at: "n").count == 2)
    #expect(try view.array(at: "n").map { $0.kind } == [.array, .object])
  }

  /// A view holds its document, so it stays valid after everything else is gone and other texts
  /// were parsed on the same thread.
  @Test func viewsOutliveTheirDocumentVariable() throws {
    func arn() throws -> JSONView? { try root("{\"r\":[{\"Arn\":\"first\"}]}")["r"] }
    let view = try #require(try arn())
    for number in 0..<1_000 { _ = try root("[\(number),{\"Arn\":\"other\"}]") }
    #expect(view.elements?.map { $0["Arn"]?.string } == ["first"])
  }

  @Test func threadsShareDocumentsAndParseAtOnce() async throws {
    let shared = try root("{\"list\":[\((0..<500).map(String.init).joined(separator: ","))]}")
    try await withThrowingTaskGroup(of: Int64.self) { group in
      for task in 0..<8 {
        group.addTask {
          var sum: Int64 = 0
          for round in 0..<200 {
            sum += try JSONDocument(parsing: Array("{\"v\":[\(task),\(round)]}".utf8)).root
              .array(at: "v").reduce(0) { $0 + ($1.int64 ?? 0) }
          }
          return try shared.array(at: "list").reduce(sum) { $0 + ($1.int64 ?? 0) }
        }
      }
      let sums = try await group.reduce(into: []) { $0.append($1) }.sorted()
      let expected = (0..<8).map { (task: Int64) -> Int64 in task * 200 + 19_900 + 124_750 }
      #expect(sums == expected)
    }
  }

  @Test func textsLargerThanTheKeptBuffers() throws {
    let record = "{\"Arn\":\"arn:aws:iam::123456789012:role/app\",\"n\":[1,2]}"
    let text = "[" + Array(repeating: record, count: 40_000).joined(separator: ",") + "]"
    for _ in 0..<2 {
      let elements = try root(text).array()
      #expect(elements.count == 40_000)
      #expect(elements.allSatisfy { Array($0.verbatim) == Array(record.utf8) })
    }
  }
}
