// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import NIOConcurrencyHelpers
internal import SpanQueueLoop

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Writes to a descriptor from a thread of its own: standard output and standard error may stall, fill up, close or break, and
/// none of that may stop those who have something to say.
///
/// What is submitted waits in a queue with a bound in bytes; what does not fit is dropped and counted, and so is what can't be
/// written. No lock is held while the thread writes. The descriptor stays as it is, blocking or not: it is shared with other
/// processes, which `O_NONBLOCK` would break.
///
/// Records leave whole, several in one write of at most `PIPE_BUF` bytes, so that the lines of several processes on one pipe do
/// not run into each other.
///
/// `@unchecked Sendable`: `state` is used under the lock; `unsaid` and `isTorn` are used by the one caller that drains
/// (`State.isDraining`), the thread or the caller that stands in for it.
package final class StreamWriter: @unchecked Sendable {
    /// Descriptor 1 of this process, for results: after the first failure nothing more is written, so that there are no holes.
    package static let standardOutput = StreamWriter(1, name: "spanq-stdout", stopsAtFailure: true)
    /// Descriptor 2 of this process, for the log and notes: what can't be written is lost, and the next record is tried again.
    package static let standardError = StreamWriter(2, name: "spanq-stderr", stopsAtFailure: false)

    /// What was not written.
    package struct Losses: Sendable, Hashable {
        /// Records that did not fit the queue.
        package var queueFull = 0
        /// Records that the descriptor did not take.
        package var writeFailed = 0

        package var total: Int { queueFull + writeFailed }
    }

    private struct Item {
        let bytes: [UInt8]
        /// Whether its loss counts: a progress bar's does not.
        let isRecord: Bool
    }

    private struct State {
        var waiting: [Item] = []
        /// Of what waits and what is being written.
        var bytes = 0
        var losses = Losses()
        /// Dropped since the thread last looked.
        var newlyDropped = 0
        var hasThread = false
        /// The first `errno` of a write.
        var problem: Int32?
        var notice: (@Sendable (Int) -> [UInt8])?
    }

    private enum Activity { case idle, busy }

    /// Linux' `PIPE_BUF`, in bytes: a write to a pipe of no more than this is not mixed with others'.
    private static let atomicBytes = 4096
    /// What an item costs beside its bytes, about.
    private static let itemBytes = 64

    private let descriptor: Int32
    private let name: String
    private let capacityBytes: Int
    private let stopsAtFailure: Bool
    /// Guards `state`; busy while something waits or is being written.
    private let lock = ConditionLock(value: Activity.idle)
    private var state = State()
    private var unsaid = 0
    private var isTorn = false

    /// - Parameters:
    ///   - descriptor: it must stay open.
    ///   - name: of the thread, which starts with the first item and then stays.
    ///   - capacityBytes: how much may wait; an item that is alone may be larger.
    ///   - stopsAtFailure: whether a write that fails is the last.
    package init(_ descriptor: Int32, name: String, capacityBytes: Int = 4 << 20, stopsAtFailure: Bool) {
        self.descriptor = descriptor
        self.name = name
        self.capacityBytes = capacityBytes
        self.stopsAtFailure = stopsAtFailure
    }

    /// How the loss of records is told, once there is room again; not at all unless set.
    package func setNotice(_ notice: @escaping @Sendable (_ lost: Int) -> [UInt8]) {
        lock.lock()
        defer { lock.unlock() }
        state.notice = notice
    }

    /// Queues something to write; never waits for the descriptor.
    ///
    /// - Returns: false where it was dropped.
    @discardableResult
    package func submit(_ bytes: [UInt8], isRecord: Bool = true) -> Bool {
        let cost = bytes.count + Self.itemBytes
        lock.lock()
        guard state.bytes == 0 || state.bytes + cost <= capacityBytes else {
            if isRecord {
                state.losses.queueFull += 1
                state.newlyDropped += 1
            }
            lock.unlock()
            return false
        }
        state.waiting.append(Item(bytes: bytes, isRecord: isRecord))
        state.bytes += cost
        let needsThread = !state.hasThread
        state.hasThread = true
        lock.unlock(withValue: .busy)
        if needsThread, !startThread() { drainHere() }
        return true
    }

    /// Waits until everything was written or given up.
    ///
    /// - Parameters:
    ///   - limit: how long at most; nil for as long as it takes.
    ///   - patience: how long at most while the descriptor would take more: then it is this process, or its machine, that is slow, and
    ///     not who reads.
    /// - Returns: whether nothing waits any more.
    @discardableResult
    package func flush(within limit: Duration?, whileReady patience: Duration = .zero) -> Bool {
        guard let limit else {
            lock.lock(whenValue: .idle)
            lock.unlock()
            return true
        }
        // Not `lock(whenValue:timeoutSeconds:)`, which goes by the wall clock: that may be set back in the meantime.
        let start = ContinuousClock.now
        while lock.value != .idle {
            let elapsed = ContinuousClock.now - start
            guard elapsed < limit || elapsed < patience && isReady else { return false }
            usleep(1000)
        }
        return true
    }

    /// Whether a write would not wait: for a file always, for a pipe while it has room. Also where it would fail.
    private var isReady: Bool {
        var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&place, 1, 0) > 0
    }

    /// Whether nothing waits or is being written.
    package var isIdle: Bool { lock.value == .idle }

    package var losses: Losses {
        lock.lock()
        defer { lock.unlock() }
        return state.losses
    }

    /// Why the first write that failed did, an `errno`.
    package var problem: Int32? {
        lock.lock()
        defer { lock.unlock() }
        return state.problem
    }

    // MARK: The thread

    private func startThread() -> Bool {
        DetachedThread.start(named: name) { [self] in work() } == 0
    }

    private func work() {
        // Signals are others' affair; but for SIGPIPE, which ends a program whose reader has gone away, unless it ignores that.
        var signals = sigset_t()
        sigfillset(&signals)
        sigdelset(&signals, SIGPIPE)
        pthread_sigmask(SIG_SETMASK, &signals, nil)
        while true {
            lock.lock(whenValue: .busy)
            lock.unlock()
            drain()
        }
    }

    /// No thread can be started: the caller writes itself, and the next one tries again.
    private func drainHere() {
        drain()
        lock.lock()
        state.hasThread = false
        lock.unlock()
    }

    /// Writes until nothing waits.
    private func drain() {
        while true {
            lock.lock()
            let items = state.waiting
            let dropped = state.newlyDropped
            guard !items.isEmpty || dropped > 0 else { return lock.unlock(withValue: .idle) }
            state.waiting = []
            state.newlyDropped = 0
            lock.unlock()
            write(items)
            // They were dropped because these were waiting.
            unsaid += dropped
            sayLosses()
        }
    }

    private func write(_ items: [Item]) {
        var chunk: [Item] = []
        var size = 0
        for item in items {
            if !chunk.isEmpty, size + item.bytes.count > Self.atomicBytes {
                writeChunk(chunk, size)
                (chunk, size) = ([], 0)
            }
            chunk.append(item)
            size += item.bytes.count
        }
        if !chunk.isEmpty { writeChunk(chunk, size) }
    }

    private func writeChunk(_ items: [Item], _ size: Int) {
        sayLosses()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        for item in items { bytes += item.bytes }
        let written = writeOut(bytes)
        var end = 0
        var lost = 0
        for item in items {
            end += item.bytes.count
            if end > written, item.isRecord { lost += 1 }
        }
        unsaid += lost
        lock.lock()
        state.losses.writeFailed += lost
        state.bytes -= size + items.count * Self.itemBytes
        lock.unlock()
    }

    /// In one line, before what comes next, once something can be written again.
    private func sayLosses() {
        guard unsaid > 0 else { return }
        lock.lock()
        let notice = state.notice
        lock.unlock()
        guard let line = notice?(unsaid) else { return }
        if writeOut(line) == line.count { unsaid = 0 }
    }

    /// Returns how many bytes were written: all of them, unless the descriptor failed.
    private func writeOut(_ bytes: [UInt8]) -> Int {
        if stopsAtFailure, problem != nil { return 0 }
        // What was cut off is ended first, so that the next record begins a line.
        let repair = isTorn ? 1 : 0
        let all = isTorn ? [UInt8(ascii: "\n")] + bytes : bytes
        var written = 0
        while written < all.count {
            let count = all.withUnsafeBytes { bytes in
                systemWrite(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count > 0 {
                written += count
            } else if count < 0, errno == EINTR {
                continue
            } else if count < 0, errno == EAGAIN {
                // Someone who shares it has made it non-blocking.
                var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&place, 1, -1)
            } else {
                note(count < 0 ? errno : EIO)
                isTorn = written > 0 ? written > repair : isTorn
                return max(0, written - repair)
            }
        }
        isTorn = false
        return bytes.count
    }

    private func note(_ problem: Int32) {
        lock.lock()
        if state.problem == nil { state.problem = problem }
        lock.unlock()
    }
}

/// `write(2)`, under a name that the writer's own methods do not hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

extension MetricsRegistry {
    /// Adds `spanq_log_records_dropped_total`, by `reason`: `queue_full` where standard error took too little, `write_failed` where a write
    /// to it failed, as on a full disk. Once for a registry. It counts what goes through `Telemetry.makeLogHandler(label:metadataProvider:)`.
    ///
    /// - Throws: `MetricsError` where the registry has it already.
    public func registerLogMetrics() throws(MetricsError) {
        try add(MetricsCollector(name: "log") { try LogMetrics.write(StreamWriter.standardError.losses, to: &$0) })
    }
}

/// Shows on /metrics how many records of the log were lost.
enum LogMetrics {
    static func write(
        _ losses: StreamWriter.Losses, to metrics: inout CollectedMetrics
    ) throws(MetricsError) {
        for (reason, count) in [("queue_full", losses.queueFull), ("write_failed", losses.writeFailed)] {
            try metrics.counter(
                "spanq_log_records_dropped", help: "Records of the log that did not reach standard error.",
                labels: [MetricLabel("reason", reason)], value: Double(count))
        }
    }
}
