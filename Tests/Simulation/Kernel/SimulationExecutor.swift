internal import Glibc
internal import Synchronization

/// Runs every job of a simulation on one thread, in the order in which jobs became ready.
///
/// Invariants:
/// 1. Jobs run only inside `drain`, on the thread that made the executor.
/// 2. A job that another thread hands in is a leak of the simulation into real concurrency: it is
///    counted in `foreignJobs`, and the run that sees one fails.
/// 3. Unstructured tasks do not inherit an executor preference. While an executor is current, what
///    its thread would hand to the global executor comes here instead (`GlobalExecutorHook`).
public final class SimulationExecutor: TaskExecutor {
  private struct Queue {
    var jobs: [UnownedJob] = []
    var next = 0
    var foreign = 0
  }

  private let thread = ThreadIdentity.current
  private let queue = Mutex(Queue())

  public init() {}

  public func enqueue(_ job: consuming ExecutorJob) { add(UnownedJob(job)) }

  func add(_ job: UnownedJob) {
    let isForeign = ThreadIdentity.current != thread
    queue.withLock { queue in
      queue.jobs.append(job)
      if isForeign { queue.foreign += 1 }
    }
  }

  /// Jobs that came from another thread.
  public var foreignJobs: Int { queue.withLock { $0.foreign } }

  /// Runs jobs until none is ready.
  ///
  /// - Parameter limit: more jobs than this without any waiting in between never end.
  /// - Returns: whether it ended by itself.
  func drain(limit: Int = 1_000_000) -> Bool {
    for _ in 0..<limit {
      let job: UnownedJob? = queue.withLock { queue in
        guard queue.next < queue.jobs.count else {
          queue.jobs.removeAll(keepingCapacity: true)
          queue.next = 0
          return nil
        }
        defer { queue.next += 1 }
        return queue.jobs[queue.next]
      }
      guard let job else { return true }
      unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }
    return false
  }

  /// Whether the caller is on the executor's thread.
  var isCurrentThread: Bool { ThreadIdentity.current == thread }

  /// Makes this the executor of everything that the thread starts, until `body` returns.
  func whileCurrent<Value>(_ body: () throws -> Value) rethrows -> Value {
    GlobalExecutorHook.install()
    let before = GlobalExecutorHook.executors.withLock { executors in
      executors.updateValue(self, forKey: thread)
    }
    defer { GlobalExecutorHook.executors.withLock { $0[thread] = before } }
    return try body()
  }
}

/// Names a thread of this process.
struct ThreadIdentity: Hashable, Sendable {
  private let number: UInt

  static var current: ThreadIdentity { ThreadIdentity(number: UInt(pthread_self())) }
}

/// Sends what a simulation's thread hands to the global executor to the simulation's own.
///
/// Other threads are not concerned. Source: swift/include/swift/Runtime/Concurrency.h, "Hooks".
private enum GlobalExecutorHook {
  static let executors = Mutex<[ThreadIdentity: SimulationExecutor]>([:])

  private typealias Original = @convention(thin) (UnownedJob) -> Void
  private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void

  static func install() { _ = isInstalled }

  private static let isInstalled: Bool = {
    guard let program = unsafe dlopen(nil, RTLD_LAZY),
      let symbol = unsafe dlsym(program, "swift_task_enqueueGlobal_hook")
    else { return false }
    unsafe symbol.assumingMemoryBound(to: Hook?.self).pointee = { job, original in
      let executor = executors.withLock { $0[ThreadIdentity.current] }
      if let executor { executor.add(job) } else { original(job) }
    }
    return true
  }()
}
