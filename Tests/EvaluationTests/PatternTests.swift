import Testing

@testable import Evaluation

/// The specification itself, without any cleverness.
func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
  guard let first = pattern.first else { return text.isEmpty }
  if first == UInt8(ascii: "*") {
    return matches(pattern.dropFirst(), text)
      || (!text.isEmpty && matches(pattern, text.dropFirst()))
  }
  guard let character = text.first else { return false }
  return (first == UInt8(ascii: "?") || first == character)
    && matches(pattern.dropFirst(), text.dropFirst())
}

@Suite struct PatternTests {
  @Test func agreesWithTheSpecificationOnRandomTexts() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let pattern = (0..<Int.random(in: 0...8, using: &random)).map { _ in
        "aab*?".utf8.randomElement(using: &random)!
      }
      let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in
        "ab".utf8.randomElement(using: &random)!
      }
      let compiled = Pattern(String(decoding: pattern, as: UTF8.self))
      #expect(
        compiled.matches(text) == matches(pattern[...], text[...]),
        "\(compiled.text) on \(String(decoding: text, as: UTF8.self))")
    }
  }

  @Test func actionNamesCompareWithoutCase() {
    #expect(Pattern("IAM:Pass*", ignoringCase: true).matches("iam:passrole"))
    #expect(!Pattern("arn:aws:s3:::Bucket").matches("arn:aws:s3:::bucket"))
  }

  @Test func aQuestionMarkIsOneCharacter() {
    #expect(Pattern("a?c").matches("aéc"))
    #expect(!Pattern("a?c").matches("ac"))
  }

  /// A subject that stands for many is matched only if all of it is.
  @Test func aSetIsMatchedOnlyAsAWhole() {
    #expect(Pattern("s3:*").matches("s3:*"))
    #expect(Pattern("*").matches("s3:*"))
    #expect(!Pattern("s3:Get*").matches("s3:*"))
    #expect(!Pattern("s3:?").matches("s3:*"))
  }

  @Test func variablesAreReplacedByWhatIsKnown() {
    var context = RequestContext()
    context["aws:username"] = .known(["ann"])
    let home = Pattern("arn:aws:s3:::home/${aws:username}/*", withVariables: true)
    #expect(home.decision(for: Array("arn:aws:s3:::home/ann/x".utf8), in: context) == .allowed)
    #expect(home.decision(for: Array("arn:aws:s3:::home/bob/x".utf8), in: context) == .denied)
    let address = Pattern("arn:aws:s3:::by/${aws:SourceIp}", withVariables: true)
    #expect(
      address.decision(for: Array("arn:aws:s3:::by/1".utf8), in: context).level == .conditional)
    let team = Pattern("${aws:PrincipalTag/team, 'none'}", withVariables: true)
    #expect(team.decision(for: Array("none".utf8), in: context) == .allowed)
    let star = Pattern("a${*}", withVariables: true)
    #expect(star.matches("a*") && !star.matches("ab"))
  }

  /// Before version 2012-10-17 `${…}` is text.
  @Test func oldPoliciesHaveNoVariables() {
    #expect(Pattern("${aws:username}").matches("${aws:username}"))
  }
}
