import CSpanQueueSpawn
import SpanQueueLoop
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The thread that starts programs, feeds and reads their pipes, and reaps them: one for the process, since programs
/// cost far more than what this thread does for them. It starts with the first program and then stays, asleep.
///
/// `@unchecked Sendable`: `scratch` is used on the thread only.
final class ExecLoop: @unchecked Sendable {
    static let shared = ExecLoop()

    let thread = LoopThread(name: "spanq-exec")
    /// What is read goes through here.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    /// The programs that were started and are not reaped: each leads a group that is ours.
    private let programs = Mutex<Set<pid_t>>([])

    private init() {
        // A write to a program that has closed its standard input is EPIPE here, and not the end of the worker.
        thread.execute {
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
        }
    }

    /// Notes a program that was started, and sees to it that its group ends with this process: the kernel kills the program itself,
    /// whose children it does not know.
    func started(_ pid: pid_t) {
        _ = Self.killsAtExit
        programs.withLock { _ = $0.insert(pid) }
    }

    /// Takes a program that has ended off the system's table.
    func reap(_ pid: pid_t) {
        programs.withLock { programs in
            var value: Int32 = 0
            _ = spanqueue_child_end(pid, 1, &value)
            programs.remove(pid)
        }
    }

    /// Whether it is the number of a program of ours.
    func isOurs(_ pid: pid_t) -> Bool { programs.withLock { $0.contains(pid) } }

    private static let killsAtExit: Bool = atexit { ExecLoop.shared.killAll() } == 0

    /// Under the lock: nobody reaps meanwhile, so the numbers are those of our programs.
    private func killAll() {
        programs.withLock { programs in
            var value: Int32 = 0
            for pid in programs where spanqueue_child_end(pid, 0, &value) != spanqueue_end_unknown {
                kill(-pid, SIGKILL)
            }
        }
    }

    deinit {
        // Never for the shared one.
        scratch.deallocate()
    }
}

/// A descriptor of a program that is being watched. On the loop's thread only.
final class WatchedDescriptor: LoopSource {
    let descriptor: Int32
    let interest: LoopInterest
    private let thread: LoopThread
    private var onReady: (() -> Void)?

    init(_ descriptor: Int32, _ interest: LoopInterest, on thread: LoopThread, onReady: @escaping () -> Void) {
        self.descriptor = descriptor
        self.interest = interest
        self.thread = thread
        self.onReady = onReady
        thread.add(self)
    }

    func ready(readable: Bool, writable: Bool) { onReady?() }

    func beforePoll() {}

    func stop() {
        guard onReady != nil else { return }
        onReady = nil
        thread.remove(self)
        close(descriptor)
    }
}
