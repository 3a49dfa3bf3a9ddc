// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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

/// Does what the first process of a container must: it waits for the children that it did not start. What a program leaves behind
/// becomes a child of process 1, and stays a zombie until that looks after it; in the end no process can be started any more.
package enum OrphanReaper {
    /// How often it looks.
    private static let interval = Duration.seconds(1)
    private static let atOnce = 1024

    /// Begins where this is process 1, and does nothing elsewhere. Programs that were started for jobs are left to those who wait
    /// for them.
    ///
    /// - Parameter spared: other children of ours, which someone waits for.
    package static func startIfFirstProcess(sparing spared: Set<Int32> = []) {
        guard getpid() == 1 else { return }
        lookLater(sparing: spared)
    }

    private static func lookLater(sparing spared: Set<Int32>) {
        let loop = ExecLoop.shared
        loop.thread.execute {
            _ = loop.thread.schedule(at: .now + interval) {
                look(sparing: spared)
                lookLater(sparing: spared)
            }
        }
    }

    /// On the loop's thread, where programs are started and reaped: none of them is mistaken for an orphan.
    private static func look(sparing spared: Set<Int32>) {
        let isOrphan = { (pid: pid_t) in !spared.contains(pid) && !ExecLoop.shared.isOurs(pid) }
        while true {
            let pid = spanqueue_ended_child()
            guard pid > 0 else { return }
            guard isOrphan(pid) else { break }
            spanqueue_reap(pid)
        }
        // The first in line is ours and stays there for now: look past it.
        var found = [pid_t](repeating: 0, count: atOnce)
        let count = spanqueue_zombies(&found, Int32(found.count))
        for pid in found.prefix(Int(count)) where isOrphan(pid) { spanqueue_reap(pid) }
    }
}
