import SpanQueueLoop

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

    private init() {
        // A write to a program that has closed its standard input is EPIPE here, and not the end of the worker.
        thread.execute {
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
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
