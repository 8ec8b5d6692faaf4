internal import Glibc

/// What is read while something is worked out.
///
/// Whoever gives out what may change notes it here; `recorded` collects what was noted on its
/// thread. So what a result depends on is known without anybody having to declare it. A recording
/// inside of another counts for both.
enum Reads {
  static func note(_ aspect: @autoclosure () -> Aspect, _ name: @autoclosure () -> String) {
    guard let recorder = Recorder.current, recorder.isRecording else { return }
    recorder.add(Cell(aspect(), name()))
  }

  static func note(_ aspect: @autoclosure () -> Aspect, hash: @autoclosure () -> UInt32) {
    guard let recorder = Recorder.current, recorder.isRecording else { return }
    recorder.add(Cell(aspect(), hash: hash()))
  }

  /// Work on other threads would not be noted.
  static var isRecording: Bool { Recorder.current?.isRecording ?? false }

  static func note(_ cells: [Cell]) {
    guard let recorder = Recorder.current, recorder.isRecording else { return }
    for cell in cells { recorder.add(cell) }
  }

  /// - Parameter isKept: without it nothing is recorded.
  static func recorded<Value>(
    if isKept: Bool = true, _ work: () -> Value
  ) -> (value: Value, cells: [Cell]) {
    guard isKept else { return (work(), []) }
    let recorder = Recorder.ofThread
    let outer = recorder.begin(isRecording: true)
    let value = work()
    return (value, recorder.end(outer))
  }

  /// Work whose reads somebody else accounts for.
  static func apart<Value>(_ work: () -> Value) -> Value {
    guard let recorder = Recorder.current, recorder.isRecording else { return work() }
    let outer = recorder.begin(isRecording: false)
    let value = work()
    _ = recorder.end(outer)
    return value
  }
}

/// A thread's. It is only ever touched by its thread.
private final class Recorder {
  struct Outer {
    var cells: [Cell]
    var isRecording: Bool
  }

  private(set) var isRecording = false
  private var cells: [Cell] = []
  /// Cells that were noted lately, each with the recording it was noted in, so that most are noted
  /// once.
  private var recent = [UInt64](repeating: 0, count: 512)
  private var recording: UInt32 = 0

  func add(_ cell: Cell) {
    let entry = UInt64(recording) << 32 | UInt64(cell.bits)
    let slot = Int(cell.bits >> 7 & 511)
    guard recent[slot] != entry else { return }
    recent[slot] = entry
    cells.append(cell)
  }

  func begin(isRecording: Bool) -> Outer {
    let outer = Outer(cells: cells, isRecording: self.isRecording)
    cells = []
    recording &+= 1
    self.isRecording = isRecording
    return outer
  }

  /// - Returns: what was noted since `begin`.
  func end(_ outer: Outer) -> [Cell] {
    let own = cells
    let counts = outer.isRecording && isRecording
    cells = outer.cells
    recording &+= 1
    isRecording = outer.isRecording
    if counts { for cell in own { add(cell) } }
    return own
  }

  /// `nil` on a thread that never recorded.
  static var current: Recorder? {
    guard let pointer = unsafe pthread_getspecific(slot) else { return nil }
    return unsafe Unmanaged<Recorder>.fromOpaque(pointer).takeUnretainedValue()
  }

  static var ofThread: Recorder {
    if let current { return current }
    let new = Recorder()
    unsafe pthread_setspecific(slot, Unmanaged.passRetained(new).toOpaque())
    return new
  }

  private static let slot: pthread_key_t = {
    var key = pthread_key_t()
    unsafe pthread_key_create(&key) { pointer in
      guard let pointer = unsafe pointer else { return }
      unsafe Unmanaged<Recorder>.fromOpaque(pointer).release()
    }
    return key
  }()
}
