internal import CPostgres
internal import Glibc

extension Connection {
  /// Connects and authenticates without blocking a cooperative thread.
  ///
  /// The first host's name is looked up on a thread of its own, because that blocks.
  /// - Throws: `PostgresError` of kind `connect`, which names host and port; `CancellationError`.
  nonisolated(nonsending) static func open(
    _ configuration: PostgresConfiguration
  ) async throws -> Connection {
    let poller = try SocketPoller.shared()
    let deadline = ContinuousClock.now + configuration.connectTimeout
    let started = try await onOwnThread { StartedConnection(configuration.parameters) }
    guard let pointer = started.pointer else {
      throw PostgresError.outOfResources("libpq could not allocate a connection")
    }
    let connection = Connection(adopting: pointer, poller: poller)
    // Notices may quote row values, and libpq prints them to standard error unless told otherwise.
    PQsetNoticeReceiver(pointer, { _, _ in }, nil)
    // The verbose form carries the SQLSTATE, which libpq offers nowhere else this early.
    PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
    var interest = SocketInterest.write
    while PQstatus(pointer) != CONNECTION_BAD {
      let isReady = try await poller.wait(
        PQsocket(pointer), for: interest, until: deadline, cancellable: true)
      guard isReady else {
        throw PostgresError(
          .connect, .unableToConnect,
          "no connection to \(endpoint(pointer, configuration)) within "
            + "\(configuration.connectTimeout)")
      }
      switch PQconnectPoll(pointer) {
      case PGRES_POLLING_READING: interest = .read
      case PGRES_POLLING_WRITING: interest = .write
      case PGRES_POLLING_OK:
        guard PQsetnonblocking(pointer, 1) == 0 else { throw connection.lost() }
        return connection
      default: throw connectError(pointer, configuration)
      }
    }
    throw connectError(pointer, configuration)
  }

  private static func endpoint(
    _ pointer: OpaquePointer, _ configuration: PostgresConfiguration
  ) -> String {
    let host = PQhost(pointer).map { String(cString: $0) } ?? ""
    let port = PQport(pointer).map { String(cString: $0) } ?? ""
    return (host.isEmpty ? configuration.host : host) + ":"
      + (port.isEmpty ? configuration.port : port)
  }

  private static func connectError(
    _ pointer: OpaquePointer, _ configuration: PostgresConfiguration
  ) -> PostgresError {
    let text = PQerrorMessage(pointer).map { String(cString: $0) } ?? ""
    let (state, message) = ConnectMessage.read(text)
    let isPasswordMissing = PQconnectionNeedsPassword(pointer) == 1
    return PostgresError(
      .connect, state ?? (isPasswordMissing ? .invalidPassword : .unableToConnect),
      "no connection to \(endpoint(pointer, configuration)): \(message)")
  }
}

/// What `PQerrorMessage` says after a failed connection, in verbose form.
enum ConnectMessage {
  /// The server's code if it sent one, and the reason without prefixes, detail and source lines.
  ///
  /// `connection to server at "h", port 1 failed: FATAL:  28P01: no such user` gives `28P01` and
  /// `no such user`.
  static func read(_ text: String) -> (SQLState?, String) {
    let lines = text.split(separator: "\n")
    guard var reason = lines.last(where: { $0.contains(" failed: ") }) ?? lines.first else {
      return (nil, "libpq gave no reason")
    }
    if let range = firstRange(of: " failed: ", in: reason) { reason = reason[range.upperBound...] }
    // The severity's word depends on the server's language; its two blanks do not.
    guard let severity = firstRange(of: ":  ", in: reason) else { return (nil, String(reason)) }
    let rest = reason[severity.upperBound...]
    let code = rest.prefix(5)
    guard code.utf8.count == 5, code.allSatisfy({ $0.isASCII && ($0.isNumber || $0.isUppercase) }),
      rest.dropFirst(5).hasPrefix(": ")
    else { return (nil, String(rest)) }
    return (SQLState(rawValue: String(code)), String(rest.dropFirst(7)))
  }

  private static func firstRange(of pattern: String, in text: Substring) -> Range<String.Index>? {
    var start = text.startIndex
    while start < text.endIndex {
      if text[start...].hasPrefix(pattern) {
        return start..<text.index(start, offsetBy: pattern.count)
      }
      start = text.index(after: start)
    }
    return nil
  }
}

/// A connection attempt on its way between threads.
///
/// `@unchecked Sendable`: libpq allows a connection to be used from any thread, by one at a time,
/// and the thread that started this one hands it over and ends.
private struct StartedConnection: @unchecked Sendable {
  let pointer: OpaquePointer?

  init(_ parameters: [(String, String)]) {
    let copies = parameters.map { (strdup($0.0), strdup($0.1)) }
    defer {
      for (keyword, value) in copies {
        free(keyword)
        free(value)
      }
    }
    let keywords = copies.map { UnsafePointer($0.0) } + [nil]
    let values = copies.map { UnsafePointer($0.1) } + [nil]
    pointer = PQconnectStartParams(keywords, values, 1)
  }
}
