import Cryptography
import Testing

@Suite struct SecretTests {
  struct Account {
    var name: String
    var password: Secret
  }

  @Test func neverPrints() {
    let secret = Secret("hunter2")
    var dumped = ""
    dump(Account(name: "ann", password: secret), to: &dumped)
    dump(secret, to: &dumped)
    let texts = [
      "\(secret)", String(reflecting: secret), "\([secret])", "\(Optional(secret) as Any)",
      "\(Account(name: "ann", password: secret))", "\(["key": secret])", dumped,
    ]
    for text in texts {
      #expect(!text.contains("hunter2"))
      #expect(!text.contains("104"), "104 is the first byte of the text")
      #expect(text.contains("<secret>"))
    }
  }

  @Test func givesBackWhatItHolds() {
    #expect(Secret("hunter2").text == "hunter2")
    #expect(Secret([0xff]).text == nil)
    #expect(Secret("a") == Secret("a"))
    #expect(Secret("a") != Secret("b"))
  }
}
