// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers
import SpanQueueTelemetry

/// Collects items and exports them in batches. Submitting never waits: a dead or slow other side costs its items and nothing
/// else.
package final class BatchProcessor<Batch: ItemBatch & Sendable>: ExportPipeline {
    private struct State: Sendable {
        var queue: BatchQueue<Batch>
        var statistics: ExportStatistics
        var isShutDown = false
    }

    /// What wakes ``run()``.
    private enum Wake: Sendable {
        case full
        case delay
    }

    private let limits: BatchLimits
    private let exporter: any BatchExporter<Batch>
    private let state: NIOLockedValueBox<State>
    private let turn = ExportTurn()
    private let wakes: AsyncStream<Wake>
    private let waker: AsyncStream<Wake>.Continuation

    /// Makes a processor. It exports while someone is in ``run()``, and at a flush.
    package init(_ limits: BatchLimits = BatchLimits(), exporter: any BatchExporter<Batch>) {
        self.limits = limits
        self.exporter = exporter
        self.state = NIOLockedValueBox(
            State(queue: BatchQueue(limits), statistics: ExportStatistics(queueCapacity: limits.queueSize)))
        // One is enough of each kind: a wake says that there is something to do, not how much.
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(2))
    }

    /// Queues an item, or drops and counts it where there is no room. Never waits, but for the lock of the queue.
    package func submit<Item>(_ item: Item) where Batch == [Item] {
        let size = min(limits.batchSize, 4096)
        submit { batch in
            if batch.capacity == 0 { batch.reserveCapacity(size) }
            batch.append(item)
        }
    }

    /// The same, for items that are made where they are put.
    ///
    /// - Parameter add: adds one item to the batch; called at once and under the lock, and not at all where there is no room.
    func submit(_ add: (inout Batch) -> Void) {
        let isComplete = state.withLockedValue { state in
            guard !state.isShutDown else {
                state.statistics.processed["shutdown", default: 0] += 1
                return false
            }
            switch state.queue.append(add) {
            case .admitted: return false
            case .completed: return true
            case .refused:
                state.statistics.processed["queue_full", default: 0] += 1
                return false
            }
        }
        if isComplete { waker.yield(.full) }
    }

    /// Exports full batches as they come and the rest after each delay, until its task is cancelled or the processor shut down.
    package func run() async {
        await withTaskGroup { group in
            group.addTask { [limits, waker] in
                while (try? await Task.sleep(for: limits.scheduleDelay)) != nil { waker.yield(.delay) }
            }
            for await wake in wakes {
                _ = await drain(evenPartial: wake == .delay)
            }
            group.cancelAll()
        }
    }

    /// Has ``run()`` export what is queued, soon.
    func requestFlush() { waker.yield(.delay) }

    /// Exports what is queued now.
    package func flush(within limit: Duration) async -> FlushResult {
        let result = await TimeLimit.run(limit) { await self.drain(evenPartial: true) }
        return result ?? .timedOut
    }

    /// Takes no more, exports what is queued, and drops and counts what is left at the limit.
    package func shutdown(within limit: Duration) async -> FlushResult {
        state.withLockedValue { $0.isShutDown = true }
        waker.finish()
        let result = await flush(within: limit)
        state.withLockedValue { state in
            while let batch = state.queue.next(evenPartial: true) {
                state.statistics.processed["shutdown", default: 0] += batch.count
            }
        }
        return result
    }

    /// What it has done so far.
    package var statistics: ExportStatistics {
        state.withLockedValue { state in
            var statistics = state.statistics
            statistics.queueSize = state.queue.count
            return statistics
        }
    }

    /// Exports what is there at the call, one batch after the other; not what comes meanwhile, or it might never end.
    private func drain(evenPartial: Bool) async -> FlushResult {
        guard await turn.take() else { return .timedOut }
        defer { turn.give() }
        var result = FlushResult.ok
        var left = state.withLockedValue { $0.queue.count }
        while left > 0, !Task.isCancelled {
            let batch = state.withLockedValue { state -> Batch? in
                guard let batch = state.queue.next(evenPartial: evenPartial) else { return nil }
                state.statistics.processed["", default: 0] += batch.count
                return batch
            }
            guard let batch else { return result }
            left -= batch.count
            let clock = ContinuousClock()
            let start = clock.now
            let outcome = await exporter.export(batch, by: start + limits.exportTimeout)
            state.withLockedValue { $0.statistics.count(outcome, of: batch.count, after: clock.now - start) }
            if !outcome.isSuccess { result = .failed }
        }
        return left > 0 ? .timedOut : result
    }
}

extension BatchProcessor: SpanProcessor where Batch == [SpanData] {}

/// How a batch processor collects: `OTEL_BSP_*` and `OTEL_BLRP_*`.
package struct BatchLimits: Sendable, Hashable {
    /// The most items that wait; those that come when it is full are dropped and counted.
    package var queueSize: Int
    /// The most items in one export; as soon as there are so many they are exported.
    package var batchSize: Int
    /// How long fewer of them wait.
    package var scheduleDelay: Duration
    /// How long one export may take, with its retries.
    package var exportTimeout: Duration

    /// Makes limits; those of OpenTelemetry unless others are given. Sizes are at least 1, and a batch is no more than the queue.
    package init(
        queueSize: Int = 2048, batchSize: Int = 512, scheduleDelay: Duration = .seconds(5),
        exportTimeout: Duration = .seconds(30)
    ) {
        self.queueSize = max(1, queueSize)
        self.batchSize = min(max(1, batchSize), self.queueSize)
        self.scheduleDelay = max(scheduleDelay, .milliseconds(1))
        self.exportTimeout = exportTimeout
    }
}

/// The bounded queue of a batch processor: full batches, and the one that is being filled. Every operation takes constant
/// time, but for one allocation a batch.
struct BatchQueue<Batch: ItemBatch & Sendable>: Sendable {
    private let limits: BatchLimits
    private var full: [Batch] = []
    private var filling = Batch()
    private(set) var count = 0

    init(_ limits: BatchLimits) {
        self.limits = limits
    }

    enum Admission {
        case refused
        case admitted
        /// It completed a batch: someone should export it.
        case completed
    }

    /// Has an item added, unless there is no room.
    mutating func append(_ add: (inout Batch) -> Void) -> Admission {
        guard count < limits.queueSize else { return .refused }
        add(&filling)
        count += 1
        guard filling.count >= limits.batchSize else { return .admitted }
        full.append(filling)
        filling = Batch()
        return .completed
    }

    /// The oldest batch; nil where there is none. One that is not full only if asked for.
    mutating func next(evenPartial: Bool) -> Batch? {
        if !full.isEmpty {
            // At most queueSize / batchSize of them: four, with the default limits.
            let batch = full.removeFirst()
            count -= batch.count
            return batch
        }
        guard evenPartial, filling.count > 0 else { return nil }
        defer { filling = Batch() }
        count -= filling.count
        return filling
    }
}
