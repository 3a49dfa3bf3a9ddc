import NIOConcurrencyHelpers
public import SpanQueueTelemetry

/// Collects items and exports them in batches. Submitting never waits: a dead or slow other side costs its items and nothing
/// else.
public final class BatchProcessor<Item: Sendable>: ExportPipeline {
    private struct State: Sendable {
        var queue: BatchQueue<Item>
        var statistics: ExportStatistics
        var isShutDown = false
    }

    /// What wakes ``run()``.
    private enum Wake: Sendable {
        case full
        case delay
    }

    private let limits: BatchLimits
    private let exporter: any BatchExporter<Item>
    private let state: NIOLockedValueBox<State>
    private let turn = ExportTurn()
    private let wakes: AsyncStream<Wake>
    private let waker: AsyncStream<Wake>.Continuation

    /// Makes a processor. It exports while someone is in ``run()``, and at a flush.
    public init(_ limits: BatchLimits = BatchLimits(), exporter: any BatchExporter<Item>) {
        self.limits = limits
        self.exporter = exporter
        self.state = NIOLockedValueBox(
            State(queue: BatchQueue(limits), statistics: ExportStatistics(queueCapacity: limits.queueSize)))
        // One is enough of each kind: a wake says that there is something to do, not how much.
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(2))
    }

    /// Queues an item, or drops and counts it where there is no room. Never waits, but for the lock of the queue.
    public func submit(_ item: Item) {
        let isComplete = state.withLockedValue { state in
            guard !state.isShutDown else {
                state.statistics.processed["shutdown", default: 0] += 1
                return false
            }
            switch state.queue.append(item) {
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
    public func run() async {
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
    public func flush(within limit: Duration) async -> FlushResult {
        let result = await TimeLimit.run(limit) { await self.drain(evenPartial: true) }
        return result ?? .timedOut
    }

    /// Takes no more, exports what is queued, and drops and counts what is left at the limit.
    public func shutdown(within limit: Duration) async -> FlushResult {
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
    public var statistics: ExportStatistics {
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
            let batch = state.withLockedValue { state -> [Item]? in
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

extension BatchProcessor: SpanProcessor where Item == SpanData {}
