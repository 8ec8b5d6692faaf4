import Authentication
import Extraction
import Foundation
import HTTPTransport
import Model
import Notification
import Pipeline
import PipelineTesting
import Synchronization
import Testing

@Suite("Webhooks")
struct WebhookTests {
  private let wallClock = ManualClock(
    Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)))

  @Test("The reference library finds the signature right, and the body is the event's bytes")
  func verified() async throws {
    let receiver = try Receiver()
    let transport = try ClientTransport()
    let handler = try Fixture.handler(
      Fixture.sink(url: "http://127.0.0.1:\(receiver.port)/ok"), transport, wallClock)
    let message = Fixture.message(version: 7)
    try await handler.handle([message])
    #expect(
      try await receiver.taken() == [
        Receiver.Delivery(
          id: "\(Fixture.uid).7", body: String(decoding: message.value ?? [], as: UTF8.self))
      ])
    await transport.client.close()
  }

  @Test("A wrong secret is noticed by the receiver, and its refusal is a dead letter")
  func wrongSecret() async throws {
    let receiver = try Receiver()
    let transport = try ClientTransport()
    let document = try Fixture.sink(url: "http://127.0.0.1:\(receiver.port)/ok")
    let sink = try WebhookSink(
      document, transport: transport,
      resolver: Fixture.resolver("whsec_" + String(repeating: "QUJD", count: 8)),
      now: { [wallClock] in wallClock.now })
    let handler = NotificationHandler(document, sink: sink, now: { [wallClock] in wallClock.now })
    let error = await Fixture.error { try await handler.handle([Fixture.message()]) }
    #expect((error as? BadMessage)?.errorClass == "refused")
    #expect(try await receiver.taken().isEmpty)
    await transport.client.close()
  }

  @Test("A receiver that failed gets the same finding again, once it said to come back")
  func comesBack() async throws {
    let receiver = try Receiver()
    let transport = try ClientTransport()
    let handler = try Fixture.handler(
      Fixture.sink(url: "http://127.0.0.1:\(receiver.port)/flaky"), transport, wallClock)
    let before = wallClock.now
    let messages = [Fixture.message(), Fixture.message(uid: "other", offset: 1)]
    var failures = 0
    while await Fixture.error({ try await handler.handle(messages) }) != nil, failures < 10 {
      failures += 1
    }
    #expect(failures == 2)
    // Seven seconds asked for by each finding's first refusal; the test's clock waited them.
    #expect(wallClock.now - before == .seconds(14))
    #expect(try await receiver.taken().map(\.id) == ["\(Fixture.uid).1", "other.1"])
    await transport.client.close()
  }

  @Test("A dropped connection and a closed port are tried again")
  func noAnswer() async throws {
    let receiver = try Receiver()
    let transport = try ClientTransport()
    // Port 1 is reserved and nothing listens on it.
    for url in ["http://127.0.0.1:\(receiver.port)/drop", "http://127.0.0.1:1/x?token=hunter2"] {
      let handler = try Fixture.handler(Fixture.sink(url: url), transport, wallClock)
      let error = await Fixture.error { try await handler.handle([Fixture.message()]) }
      #expect((error as? NotificationError)?.isRetriable == true)
      #expect(!String(describing: error).contains("hunter2"))
    }
    await transport.client.close()
  }

  @Test("408, 429 and 5xx are tried again", arguments: [408, 429, 500, 502, 503, 599])
  func triedAgain(status: Int) async throws {
    let transport = ScriptedTransport { _ in ScriptedTransport.Answer(status, "body-hunter2") }
    let handler = try Fixture.handler(
      Fixture.sink(url: "https://hooks.example.com/path-hunter2"), transport)
    let error = await Fixture.error { try await handler.handle([Fixture.message()]) }
    let notification = try #require(error as? NotificationError)
    #expect(notification.isRetriable)
    #expect(notification.message.contains("hooks.example.com answered \(status)"))
    #expect(!notification.message.contains("hunter2"))
  }

  @Test("Other answers are dead letters", arguments: [302, 400, 401, 404, 410, 422])
  func deadLetter(status: Int) async throws {
    let transport = ScriptedTransport { _ in
      ScriptedTransport.Answer(status, headers: ["location": "https://elsewhere.example"], "")
    }
    let handler = try Fixture.handler(Fixture.sink(), transport)
    let error = await Fixture.error { try await handler.handle([Fixture.message()]) }
    let bad = try #require(error as? BadMessage)
    #expect(bad.errorClass == "refused" && bad.reason.contains("\(status)"))
    #expect(transport.calls.count == 1)
  }

  @Test("Time-outs and refused TLS lose nothing")
  func transportErrors() async throws {
    for kind in [TransportError.Kind.interrupted, .nameNotResolved, .refused] {
      let transport = ScriptedTransport { _ in throw TransportError(kind, "hooks: no luck") }
      let handler = try Fixture.handler(Fixture.sink(), transport)
      let error = await Fixture.error { try await handler.handle([Fixture.message()]) }
      #expect((error as? NotificationError)?.isRetriable == true)
    }
  }

  @Test("Nobody can make a sink wait for longer than a minute")
  func boundedRetryAfter() async throws {
    let clock = ManualClock()
    let transport = ScriptedTransport { call in
      call.index == 0 ? .init(429, headers: ["retry-after": "86400"], "") : .init(200, "")
    }
    let handler = try Fixture.handler(Fixture.sink(), transport, clock)
    let before = clock.now
    let error = await Fixture.error { try await handler.handle([Fixture.message()]) }
    #expect((error as? NotificationError)?.retryAfter == .seconds(60))
    try await handler.handle([Fixture.message()])
    #expect(clock.now - before == .seconds(60))
  }

  @Test(
    "A secret that is none is refused without being shown",
    arguments: ["hunter2", "whsec_hunter2!!", "whsec_aHVudGVyMg==", "whsec_"])
  func badSecrets(secret: String) throws {
    let document = try Fixture.sink()
    let transport = ScriptedTransport { _ in .init("") }
    let error = #expect(throws: NotificationError.self) {
      try WebhookSink(
        document, transport: transport, resolver: Fixture.resolver(secret),
        now: { Timestamp(milliseconds: 0) })
    }
    let text = String(reflecting: error)
    #expect(text.contains("soc") && !text.contains("hunter2") && !text.contains("aHVudGVyMg"))
    let missing = SecretMissing.error(document, transport)
    #expect(missing?.message.contains("SOC_SECRET") == true)
  }
}

private enum SecretMissing {
  static func error(_ document: SinkDocument, _ transport: any Transport) -> NotificationError? {
    do throws(NotificationError) {
      _ = try WebhookSink(
        document, transport: transport, resolver: .init(variable: { _ in nil }, file: { _ in nil }),
        now: { Timestamp(milliseconds: 0) })
      return nil
    } catch {
      return error
    }
  }
}
