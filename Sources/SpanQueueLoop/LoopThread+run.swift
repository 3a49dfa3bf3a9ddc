// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension LoopThread {
    /// Watches a descriptor until ``remove(_:)``. On the loop's thread only.
    package func add(_ source: any LoopSource) {
        checkIsolated()
        sources.append(source)
    }

    /// After this the source is not called again, also not for what `poll` already reported in this turn; its
    /// descriptor may be closed. On the loop's thread only.
    package func remove(_ source: any LoopSource) {
        checkIsolated()
        sources.removeAll { $0 === source }
    }

    /// How often a turn looks at its inbox before it goes on, while there is something in it.
    private static let roundsPerTurn = 8

    /// Turns, until ``stop()`` was called and nothing is left.
    func run() {
        let serialExecutor = asUnownedSerialExecutor()
        let taskExecutor = asUnownedTaskExecutor()
        var batch: [Work] = []
        var descriptors: [pollfd] = []
        while true {
            // What jobs of this thread have for each other, as answers, needs no look at the descriptors in between.
            for _ in 0..<Self.roundsPerTurn {
                inbox.withLockedValue { swap(&$0.work, &batch) }
                guard !batch.isEmpty else { break }
                for work in batch {
                    switch work {
                    // Both roles at once: an actor's job needs the isolation, a task's with this as its preferred executor
                    // must stay here when it leaves an actor.
                    case .job(let job): job.runSynchronously(isolatedTo: serialExecutor, taskExecutor: taskExecutor)
                    case .closure(let closure): closure()
                    }
                }
                batch.removeAll(keepingCapacity: true)
            }
            fireTimers()
            for source in sources { source.beforePoll() }
            guard let timeout = decideSleep() else { return }
            poll(&descriptors, timeoutMilliseconds: timeout)
        }
    }

    private func fireTimers() {
        guard timers.nextDeadline() != nil else { return }
        // Read once: a timer set by a callback for "now" waits for the next turn, and so cannot keep the others out.
        let now = ContinuousClock.now
        while let callback = timers.takeDue(at: now) { callback() }
    }

    /// How long to sleep (-1: until woken), or nil to end the thread.
    private func decideSleep() -> Int32? {
        let deadline = timers.nextDeadline()
        return inbox.withLockedValue { inbox in
            guard inbox.work.isEmpty else { return 0 }
            if inbox.isStopping, deadline == nil, sources.isEmpty {
                inbox.hasThread = false
                // Under the lock: whoever starts the next thread does so after it.
                forgetThread()
                return nil
            }
            inbox.isAsleep = true
            guard let deadline else { return -1 }
            return Self.milliseconds(until: deadline)
        }
    }

    /// Rounded up, since a wake-up before the time would only turn once more.
    private static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { return 0 }
        guard left < .seconds(3600) else { return 3_600_000 }
        let (seconds, attoseconds) = left.components
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    private func poll(_ descriptors: inout [pollfd], timeoutMilliseconds: Int32) {
        descriptors.removeAll(keepingCapacity: true)
        descriptors.append(pollfd(fd: wakePipe.readEnd, events: Int16(POLLIN), revents: 0))
        let polled = sources
        for source in polled {
            let interest = source.interest
            var events: Int32 = 0
            if interest.contains(.read) { events |= Int32(POLLIN) }
            if interest.contains(.write) { events |= Int32(POLLOUT) }
            #if os(Linux)
                if interest.contains(.hangUp) { events |= pollHangUp }
            #endif
            descriptors.append(pollfd(fd: source.descriptor, events: Int16(events), revents: 0))
        }
        let count = pollDescriptors(&descriptors, timeoutMilliseconds)
        // From here on this thread looks at its inbox before it sleeps again, so nobody needs to write to the pipe.
        if timeoutMilliseconds != 0 { inbox.withLockedValue { $0.isAsleep = false } }
        guard count > 0 else { return }
        if descriptors[0].revents != 0 { wakePipe.drain() }
        for (index, source) in polled.enumerated() {
            let events = Int32(descriptors[index + 1].revents)
            // One source may have removed another, whose descriptor's number may by now mean something else.
            guard events != 0, sources.contains(where: { $0 === source }) else { continue }
            let failed = events & (Int32(POLLERR | POLLHUP | POLLNVAL) | pollHangUp) != 0
            source.ready(
                readable: failed || events & Int32(POLLIN) != 0,
                writable: failed || events & Int32(POLLOUT) != 0
            )
        }
    }
}

#if os(Linux)
    /// `POLLRDHUP`, which Swift does not see.
    private let pollHangUp: Int32 = 0x2000
#else
    private let pollHangUp: Int32 = 0
#endif

/// The system's `poll`, out of reach inside a type that has one of its own.
private func pollDescriptors(_ descriptors: inout [pollfd], _ timeoutMilliseconds: Int32) -> Int32 {
    poll(&descriptors, nfds_t(descriptors.count), timeoutMilliseconds)
}

/// Wakes a thread that sleeps in `poll`. A pipe and not an eventfd, because every platform has it and only a sleeping
/// thread is ever woken, so its cost is not on the path of a busy loop.
struct WakePipe: ~Copyable {
    let readEnd: Int32
    private let writeEnd: Int32

    init() {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { pipe($0.assumingMemoryBound(to: Int32.self).baseAddress) }
        // Only a process out of descriptors or memory comes here, and a thread that cannot be woken is of no use to it.
        precondition(result == 0, "cannot make a pipe: out of file descriptors (see `ulimit -n`)")
        (readEnd, writeEnd) = ends
        for end in [readEnd, writeEnd] {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            // Programs that workers start must not inherit it.
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    /// A full pipe is as good as a written one: the reader will wake up.
    borrowing func wake() {
        var byte: UInt8 = 0
        _ = write(writeEnd, &byte, 1)
    }

    borrowing func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(readEnd, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }
}
