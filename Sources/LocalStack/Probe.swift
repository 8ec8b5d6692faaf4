import Foundation
import Glibc

/// Finds out whether servers answer, each in its own protocol, by plain sockets.
enum Probe {
  /// True when a Kafka broker answers a metadata request with at least one broker.
  ///
  /// An accepted connection is not enough: the local broker accepts before its data is loaded.
  /// Source: https://kafka.apache.org/protocol#The_Messages_Metadata (version 1).
  static func kafka(host: String, port: UInt16) -> Bool {
    let client = Array("sv0-probe".utf8)
    let correlation: [UInt8] = [0x73, 0x76, 0x30, 0x21]
    var request: [UInt8] = [0, 3, 0, 1] + correlation + [0, UInt8(client.count)] + client
    request += [0, 0, 0, 0]  // no topics
    let size: [UInt8] = [0, 0, 0, UInt8(request.count)]
    guard let answer = exchange(host, port, send: size + request, atLeast: 12) else { return false }
    return Array(answer[4..<8]) == correlation && answer[8..<12].contains { $0 != 0 }
  }

  /// True when a web server answers `GET path` with a status below 400.
  static func http(host: String, port: UInt16, path: String) -> Bool {
    let request = "GET \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nConnection: close\r\n\r\n"
    guard let answer = exchange(host, port, send: Array(request.utf8), atLeast: 12) else {
      return false
    }
    let words = String(decoding: answer.prefix(12), as: UTF8.self).split(separator: " ")
    return words.count == 2 && words[0].hasPrefix("HTTP/1.") && (Int(words[1]) ?? 500) < 400
  }

  /// True when something accepts a connection.
  static func accepts(host: String, port: UInt16) -> Bool {
    exchange(host, port, send: [], atLeast: 0) != nil
  }

  /// Connects, sends, and reads until there are enough bytes; nil on any failure, or after two
  /// seconds without one.
  private static func exchange(
    _ host: String, _ port: UInt16, send bytes: [UInt8], atLeast count: Int
  ) -> [UInt8]? {
    guard let socket = connect(host, port) else { return nil }
    defer { close(socket) }
    let sent = unsafe bytes.withUnsafeBytes {
      unsafe Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    guard sent == bytes.count else { return nil }
    var answer: [UInt8] = []
    while answer.count < count {
      var part = [UInt8](repeating: 0, count: 4096)
      let read = unsafe recv(socket, &part, part.count, 0)
      guard read > 0 else { return nil }
      answer += part[..<read]
    }
    return answer
  }

  private static func connect(_ host: String, _ port: UInt16) -> Int32? {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, String(port), &hints, &list) == 0 else { return nil }
    defer { unsafe freeaddrinfo(list) }
    var next = unsafe list
    while let address = unsafe next?.pointee {
      unsafe next = address.ai_next
      let socket = unsafe Glibc.socket(
        address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
      guard socket >= 0 else { continue }
      var limit = timeval(tv_sec: 2, tv_usec: 0)
      let size = socklen_t(MemoryLayout<timeval>.size)
      unsafe setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, size)  // bounds connect too
      unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
      if unsafe Glibc.connect(socket, address.ai_addr, address.ai_addrlen) == 0 { return socket }
      close(socket)
    }
    return nil
  }
}

/// TCP ports of 127.0.0.1.
enum Port {
  /// A port that nobody listens on at this moment.
  static func free() throws(LocalStackError) -> UInt16 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { if socket >= 0 { close(socket) } }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
      }
    }
    guard bound else {
      throw .system("finding a free port", reason: unsafe String(cString: strerror(errno)))
    }
    return UInt16(bigEndian: address.sin_port)
  }

  /// Whether this very process listens on the port, so that the answer of a stranger that took
  /// the port first is not mistaken for our server's.
  ///
  /// Source: proc(5): `/proc/net/tcp` (local address, state 0A is listening, inode) and
  /// `/proc/pid/fd`.
  static func isHeld(_ port: UInt16, by process: ProcessIdentity) -> Bool {
    let table = (try? String(contentsOfFile: "/proc/\(process.pid)/net/tcp", encoding: .utf8)) ?? ""
    let suffix = ":" + String(format: "%04X", port)
    var sockets: Set<String> = []
    for line in table.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 9, fields[1].hasSuffix(suffix), fields[3] == "0A" else { continue }
      sockets.insert("socket:[\(fields[9])]")
    }
    let files = "/proc/\(process.pid)/fd"
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: files)) ?? []
    return descriptors.contains { descriptor in
      let link = "\(files)/\(descriptor)"
      guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link) else {
        return false
      }
      return sockets.contains(target)
    }
  }
}
