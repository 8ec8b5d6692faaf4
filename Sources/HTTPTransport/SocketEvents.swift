import CCurl
import Glibc

/// A libcurl multi handle with what it waits for.
///
/// libcurl names each socket and the one timer it has an interest in, and is told which of them is
/// due: a turn costs as much as what happened in it. With `curl_multi_poll` and
/// `curl_multi_perform` every turn goes through all transfers.
///
/// `@unchecked Sendable`: once the transfers' thread has started, it is the only one that uses it.
///
/// Source: https://curl.se/libcurl/c/curl_multi_socket_action.html
final class SocketEvents: @unchecked Sendable {
  let multi: UnsafeMutableRawPointer
  private let wakeup: Wakeup
  private let epoll: Int32
  /// When libcurl wants to be called though no socket is ready.
  private var timer: ContinuousClock.Instant?
  private var ready = [epoll_event](repeating: epoll_event(), count: 64)

  /// Whoever makes it calls `close()`; libcurl calls it until then.
  ///
  /// - Throws: `failed`.
  init(wakeup: Wakeup, maximumConnections: Int) throws(HTTPError) {
    guard let multi = curl_multi_init() else {
      throw HTTPError(.failed, detail: "libcurl does not start")
    }
    self.multi = multi
    self.wakeup = wakeup
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0, watch(wakeup.descriptor, EPOLLIN.rawValue | EPOLLET.rawValue) else {
      let reason = String(cString: strerror(errno))
      close()
      throw HTTPError(.failed, detail: "no epoll: \(reason)")
    }
    sv0_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maximumConnections)
    let context = Unmanaged.passUnretained(self).toOpaque()
    sv0_curl_multi_set_socket_callback(
      multi,
      { _, socket, interest, context, _ in
        guard let context else { return -1 }
        let events = Unmanaged<SocketEvents>.fromOpaque(context).takeUnretainedValue()
        return events.follow(socket, interest) ? 0 : -1
      }, context)
    sv0_curl_multi_set_timer_callback(
      multi,
      { _, milliseconds, context in
        guard let context else { return -1 }
        let events = Unmanaged<SocketEvents>.fromOpaque(context).takeUnretainedValue()
        events.timer = milliseconds < 0 ? nil : .now + .milliseconds(milliseconds)
        return 0
      }, context)
  }

  /// Closes all connections. No transfer may be left, and nothing is called afterwards.
  func close() {
    curl_multi_cleanup(multi)
    Glibc.close(epoll)
  }

  /// Waits until something happens or the deadline passes, and lets libcurl act on what has.
  ///
  /// - Returns: anything but `CURLM_OK` means that no transfer under way can go on.
  func turn(deadline: ContinuousClock.Instant?) -> CURLMcode {
    let isDue = timer.map { $0 <= .now } ?? false
    if isDue {
      timer = nil
      let code = act(CURL_SOCKET_TIMEOUT, 0)
      guard code == CURLM_OK else { return code }
    }
    // What the timer was for may have ended a transfer, so the caller looks before it waits.
    let count = epoll_wait(epoll, &ready, Int32(ready.count), isDue ? 0 : patience(deadline))
    for event in ready.prefix(max(0, Int(count))) where event.data.fd != wakeup.descriptor {
      let flags = event.events
      let code = act(
        event.data.fd,
        (flags & EPOLLIN.rawValue != 0 ? CURL_CSELECT_IN : 0)
          | (flags & EPOLLOUT.rawValue != 0 ? CURL_CSELECT_OUT : 0)
          | (flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 ? CURL_CSELECT_ERR : 0))
      guard code == CURLM_OK else { return code }
    }
    return CURLM_OK
  }

  private func act(_ socket: curl_socket_t, _ flags: Int32) -> CURLMcode {
    var running: Int32 = 0
    return curl_multi_socket_action(multi, socket, flags, &running)
  }

  /// Milliseconds until the timer or the deadline, rounded up; at most a minute.
  private func patience(_ deadline: ContinuousClock.Instant?) -> Int32 {
    guard let first = [timer, deadline].compactMap({ $0 }).min() else { return 60_000 }
    return Int32(min(60_000, max(0, milliseconds(first - .now) + 1)))
  }

  /// Takes libcurl's interest in a socket over; false when epoll refuses.
  private func follow(_ socket: curl_socket_t, _ interest: Int32) -> Bool {
    guard interest != CURL_POLL_REMOVE else {
      // A socket that is closed already is forgotten already.
      epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nil)
      return true
    }
    return watch(
      socket,
      (interest & CURL_POLL_IN != 0 ? EPOLLIN.rawValue : 0)
        | (interest & CURL_POLL_OUT != 0 ? EPOLLOUT.rawValue : 0))
  }

  private func watch(_ socket: Int32, _ flags: UInt32) -> Bool {
    var event = epoll_event()
    event.events = flags
    event.data.fd = socket
    return epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0
      || (errno == EEXIST && epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) == 0)
  }
}

/// Interrupts the wait of a `SocketEvents`, from any thread.
final class Wakeup: Sendable {
  let descriptor: Int32

  /// - Throws: `failed`.
  init() throws(HTTPError) {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard descriptor >= 0 else {
      throw HTTPError(.failed, detail: "no eventfd: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Each call counts, because epoll watches for the change: the count is never read.
  func signal() { eventfd_write(descriptor, 1) }
}
