import Testing
@testable import Evaluation
@Test func perf() throws {
  var e = Estate()
  var last = "lambda.amazonaws.com"
  _ = last
  for i in 0..<2000 {
    let arn = e.role("r\(i)", trust: Policy.document(Policy.trust(i % 4 == 0 ? #"{"AWS":"\#(Estate.account)"}"# : #"{"Service":"lambda.amazonaws.com"}"#)),
      policies: [Policy.document(Policy.allow("s3:Get*", on: "arn:aws:s3:::b\(i)/*"), Policy.allow("logs:*", on: "arn:aws:logs:*:*:*")), Policy.document(Policy.allow(i % 20 == 0 ? "*" : "dynamodb:Query"))])
    last = arn
    if i % 2 == 0 { e.function("f\(i)", role: arn, url: "NONE", policy: PublicTriggerTests.urlPolicy) }
  }
  let c = ContinuousClock()
  var g = e.graph
  print("graph", c.measure { g = e.graph })
  var ev = e.evaluation
  print("evaluation", c.measure { ev = Evaluation(of: g, at: Estate.now) })
  var n = 0
  print("changes", c.measure { n = ev.changes(since: []).count }, n)
}
