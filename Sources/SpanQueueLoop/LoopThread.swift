// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// One thread that runs jobs, timers and descriptors, in turns:
///
/// 1. run every job that was enqueued since the last turn, in order, and what they enqueue, for some rounds;
/// 2. fire the timers that are due;
/// 3. let every ``LoopSource`` send what the turn produced (``LoopSource/beforePoll()``);
/// 4. `poll`: sleep until a descriptor, a timer or a new job wants attention, and serve the descriptors.
///
/// It is the serial executor of the actors that own connections, so their state is confined to this thread without
/// a lock, and it can be the preferred executor of tasks that must run even when handlers of jobs block every thread of
/// the cooperative pool, as heartbeats must. (`Task.sleep` would not do for those: its wake-up runs on the pool. Use
/// ``sleep(until:)``.)
///
/// **Ownership.** The running thread keeps the object alive; whoever made it ends it with ``stop()``. Without that it
/// lives, asleep, as long as the process.
///
/// `@unchecked Sendable`: `inbox` is behind a lock and `threadIdentity` an atomic; `sources` and `timers` are touched by
/// nothing but the loop's thread, of which there is at most one at a time (`Inbox.hasThread`), each started after the
/// one before has left the lock for good.
package final class LoopThread: SerialExecutor, TaskExecutor, @unchecked Sendable {
    enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    struct Inbox {
        var work: [Work] = []
        /// The thread is in `poll`, or about to be, and must be woken through the pipe.
        var isAsleep = false
        var hasThread = false
        var isStopping = false
    }

    package let name: String
    /// On the path of every job. Not in a `Synchronization.Mutex`, which on Linux is a futex with priority inheritance, slow when
    /// contended, and which the thread sanitizer does not see.
    let inbox = NIOLockedValueBox(Inbox())
    let wakePipe = WakePipe()
    private let threadIdentity = Atomic<UInt>(0)

    // On the loop's thread only.
    var sources: [any LoopSource] = []
    var timers = TimerQueue()
    var sleepers: [ObjectIdentifier: Sleeper] = [:]

    /// Starts the thread. Linux shows the first 15 bytes of the name.
    package init(name: String) {
        self.name = name
        inbox.withLockedValue { $0.hasThread = true }
        Self.startThread(of: self)
    }

    /// Lets the thread end once it has nothing left: no job, no timer, no source. Sleeping tasks get a
    /// `CancellationError`. A job that is enqueued later still runs, on a thread started for it.
    package func stop() {
        execute { [self] in
            inbox.withLockedValue { $0.isStopping = true }
            for sleeper in Array(sleepers.values) { cancel(sleeper) }
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        submit(.job(UnownedJob(job)))
    }

    /// Runs `work` on the loop's thread in this or the next turn, after everything that was enqueued before.
    package func execute(_ work: @escaping @Sendable () -> Void) {
        submit(.closure(work))
    }

    /// Whether the caller is on the loop's thread.
    package var isCurrent: Bool {
        threadIdentity.load(ordering: .relaxed) == Self.currentIdentity()
    }

    /// What lets `assumeIsolated` work in a ``LoopSource`` or a timer, where no job is running.
    package func checkIsolated() {
        precondition(isCurrent, "not on the thread of the loop \(name)")
    }

    package func isIsolatingCurrentContext() -> Bool? {
        isCurrent
    }

    private func submit(_ work: Work) {
        // What is needed afterwards is taken while nobody can have run the work: it may let go of the last hold on this loop.
        let (sleeping, starting) = inbox.withLockedValue { inbox -> (Unmanaged<LoopThread>?, Unmanaged<LoopThread>?) in
            inbox.work.append(work)
            defer {
                inbox.isAsleep = false
                inbox.hasThread = true
            }
            return (inbox.isAsleep ? .passRetained(self) : nil, inbox.hasThread ? nil : .passRetained(self))
        }
        if let sleeping {
            sleeping.takeUnretainedValue().wakePipe.wake()
            sleeping.release()
        }
        if let starting { Self.startThread(of: starting.takeRetainedValue()) }
    }

    /// The thread keeps the loop alive until it ends.
    private static func startThread(of loop: LoopThread) {
        let result = DetachedThread.start(named: loop.name) {
            loop.threadIdentity.store(currentIdentity(), ordering: .relaxed)
            loop.run()
        }
        // As with the pipe: a process that cannot start one thread cannot go on.
        precondition(result == 0, "cannot start the thread \(loop.name): error \(result) (see `ulimit -u`)")
    }

    /// The thread is about to end: its number may be given to another one.
    func forgetThread() {
        threadIdentity.store(0, ordering: .relaxed)
    }

    private static func currentIdentity() -> UInt {
        #if canImport(Darwin)
            UInt(bitPattern: pthread_self())
        #else
            UInt(pthread_self())
        #endif
    }
}

/// What a ``LoopSource`` wants to be told about its descriptor.
package struct LoopInterest: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let read = LoopInterest(rawValue: 1)
    package static let write = LoopInterest(rawValue: 2)
    #if os(Linux)
        /// That the other side has hung up, whatever there is to be read before that. Darwin's `poll` can't tell.
        package static let hangUp = LoopInterest(rawValue: 4)
    #endif
}

/// A file descriptor that a ``LoopThread`` watches, and the code that serves it.
///
/// Everything here is called on the loop's thread and must return quickly: one slow source holds up all the others.
package protocol LoopSource: AnyObject {
    /// The descriptor to watch. It stays the same, and open, for as long as the source is registered.
    var descriptor: Int32 { get }

    /// What to wake up for, asked again in each turn. Empty means: only ``beforePoll()``, and errors on the descriptor.
    var interest: LoopInterest { get }

    /// The descriptor can be read or written. A hang-up or an error counts as both, so that the next call tells which.
    func ready(readable: Bool, writable: Bool)

    /// Called once a turn, when all jobs of the turn have run and before the loop may sleep. A connection sends
    /// here whatever the turn's jobs submitted, as one write.
    func beforePoll()
}
