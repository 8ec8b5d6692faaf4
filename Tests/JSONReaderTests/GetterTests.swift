import JSONReader
import Testing

/// What a connector sees when a platform's answer is not what it expects.
@Suite struct GetterTests {
  static let text = """
    {"RoleDetailList":[{"Arn":"a"},{"Arn":null,"Tags":""},{},{"Arn":4711,"Size":"12","On":"true",
    "Deep":{"er":{"x":true}},"a.b":{"c\\n":"s3cret"},"Half":1.5,"Blank":" \\n ","Empty":""}]}
    """

  let roles: [JSONView]

  init() throws {
    roles = try Array(JSONDocument(parsing: Array(Self.text.utf8)).root.array(at: "RoleDetailList"))
  }

  private func text(_ body: () throws -> Void) -> String {
    let error = #expect(throws: JSONError.self) { try body() }
    return error?.description ?? ""
  }

  @Test func errorsNameThePathAndTheKinds() {
    #expect(
      text { _ = try roles[3].string(at: "Arn") }
        == "\"$.RoleDetailList[3].Arn\": expected a string, found a number")
    #expect(
      text { _ = try roles[1].string(at: "Arn") }
        == "\"$.RoleDetailList[1].Arn\": expected a string, found null")
    #expect(
      text { _ = try roles[2].string(at: "Role", "Arn") }
        == "\"$.RoleDetailList[2].Role.Arn\": expected a string, found nothing")
    #expect(
      text { _ = try roles[3].bool(at: "Deep", "er") }
        == "\"$.RoleDetailList[3].Deep.er\": expected a boolean, found an object")
    #expect(
      text { _ = try roles[3].array(at: "Deep", "er", "x", "y") }
        == "\"$.RoleDetailList[3].Deep.er.x\": expected an object, found a boolean")
    #expect(
      text { _ = try roles[3].int64(at: "Half") }
        == "\"$.RoleDetailList[3].Half\": expected a 64-bit integer, found another number")
  }

  @Test func errorsNeverHoldValuesAndEscapeStrangeNames() {
    let message = text { _ = try roles[3].int64(at: "a.b", "c\n", lenient: true) }
    #expect(
      message == "\"$.RoleDetailList[3][\"a.b\"][\"c\\n\"]\": "
        + "expected a 64-bit integer, found a string")
    #expect(!message.contains("s3cret"))
  }

  @Test func requiredValues() throws {
    #expect(try roles[0].string(at: "Arn") == "a")
    #expect(try roles[3].int64(at: "Arn") == 4711)
    #expect(try roles[3].bool(at: "Deep", "er", "x"))
    #expect(try roles[1].value(at: "Arn").isNull)
    #expect(try roles[0].value(at: "Arn").string() == "a")
  }

  @Test func lenientScalarsAreReadFromStrings() throws {
    #expect(try roles[3].int64(at: "Size", lenient: true) == 12)
    #expect(try roles[3].bool(at: "On", lenient: true))
    #expect(try roles[3].optionalInt64(at: "Blank", lenient: true) == nil)
    #expect(try roles[3].optionalBool(at: "Empty", lenient: true) == nil)
    #expect(throws: JSONError.self) { try roles[3].int64(at: "Size") }
    #expect(throws: JSONError.self) { try roles[3].bool(at: "On") }
    #expect(throws: JSONError.self) { try roles[3].optionalInt64(at: "On", lenient: true) }
  }

  @Test func optionalsAreNilForMissingAndNullOnly() throws {
    #expect(try roles[2].optionalString(at: "Arn") == nil)
    #expect(try roles[1].optionalString(at: "Arn") == nil)
    #expect(try roles[1].optionalString(at: "Arn", "deeper") == nil)
    #expect(try roles[2].optionalInt64(at: "a", "b") == nil)
    #expect(try roles[2].optionalBool(at: "a") == nil)
    #expect(try roles[2].optionalArray(at: "a") == nil)
    #expect(try roles[2].optionalObject(at: "a") == nil)
    #expect(try roles[1].optionalValue(at: "Arn") == nil)
    #expect(try roles[3].optionalString(at: "Empty") == "")
    #expect(throws: JSONError.self) { try roles[3].optionalString(at: "Arn") }
    #expect(throws: JSONError.self) { try roles[3].optionalString(at: "Arn", "x") }
  }

  @Test func blankStringsAreEmptyContainers() throws {
    #expect(try roles[1].array(at: "Tags").isEmpty)
    #expect(try roles[1].object(at: "Tags").isEmpty)
    #expect(try Array(roles[3].array(at: "Blank").map(\.kind)).isEmpty)
    #expect(try roles[3].optionalArray(at: "Empty")?.count == 0)
    #expect(try roles[3].optionalObject(at: "Empty")?.count == 0)
    #expect(try roles[3].optionalString(at: "Empty", "x") == nil)
    #expect(
      text { _ = try roles[3].string(at: "Empty", "x") }
        == "\"$.RoleDetailList[3].Empty.x\": expected a string, found nothing")
    #expect(throws: JSONError.self) { try roles[3].array(at: "Size") }
  }
}
