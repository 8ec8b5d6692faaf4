internal import CKafka
internal import Glibc
internal import Synchronization

/// A thread of its own for calls that block inside librdkafka, so that Swift's cooperative
/// threads never do.
enum DedicatedThread {
  /// Starts `body` on a new detached thread.
  ///
  /// - Throws: `.outOfResources` when the system refuses another thread.
  static func start(_ body: @escaping @Sendable () -> Void) throws(KafkaError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    defer { pthread_attr_destroy(&attributes) }
    let box = Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, box.toOpaque())
    guard status == 0 else {
      box.release()
      throw .outOfResources("a thread for the Kafka client (errno \(status))")
    }
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }
  }
}

/// A thread that does one piece of work after another.
final class SerialThread: Sendable {
  private let wakeUp: WakeUp
  /// `nil` once nothing more is taken.
  private let work = Mutex<[@Sendable () -> Void]?>([])

  /// - Parameter finally: runs last, after `stop`.
  init(finally: @escaping @Sendable () -> Void) throws(KafkaError) {
    wakeUp = try WakeUp()
    try DedicatedThread.start { [work = self] in
      work.run()
      finally()
    }
  }

  /// - Returns: false when the thread is stopping and the work will not be done.
  func perform(_ piece: @escaping @Sendable () -> Void) -> Bool {
    let isTaken = work.withLock { $0?.append(piece) != nil }
    wakeUp.signal()
    return isTaken
  }

  /// Lets the thread end after what it was given so far.
  func stop() {
    _ = perform { [self] in work.withLock { $0 = nil } }
  }

  private func run() {
    while true {
      let pieces = work.withLock { work in
        defer { work = work == nil ? nil : [] }
        return work
      }
      guard let pieces else { return }
      for piece in pieces { piece() }
      if pieces.isEmpty { wakeUp.wait(milliseconds: -1) }
    }
  }
}

/// An event file descriptor: librdkafka and other threads write to it, one thread sleeps on it.
final class WakeUp: Sendable {
  let descriptor: Int32

  init() throws(KafkaError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard descriptor >= 0 else {
      throw .outOfResources("an event descriptor for the Kafka client (errno \(errno))")
    }
  }

  deinit { close(descriptor) }

  /// Ends the current or the next `wait`.
  func signal() {
    eventfd_write(descriptor, 1)
  }

  /// Sleeps until signalled or the time is up, and takes the signal.
  func wait(milliseconds: Int32) {
    var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, milliseconds) > 0 else { return }
    var count: eventfd_t = 0
    eventfd_read(descriptor, &count)
  }
}
