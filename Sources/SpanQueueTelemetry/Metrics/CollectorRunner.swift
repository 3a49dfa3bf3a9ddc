import NIOConcurrencyHelpers

/// Runs one collector for whoever scrapes, never twice at a time, and answers by the deadline whatever the collector does.
///
/// A collector that does not return cannot be killed, only cancelled and left behind, so its run is a task of its own and
/// not a child of the scrape, which would have to wait for it. There is at most one such task: while a run that overran
/// its deadline has not come back, scrapes fail at once instead of starting another.
final class CollectorRunner: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<CollectedMetrics?, Never>
        let timer: Task<Void, Never>
    }

    private struct State {
        var run: Task<Void, Never>?
        var isAbandoned = false
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        var last: CollectedMetrics?
    }

    let collector: MetricsCollector
    private let state = NIOLockedValueBox(State())

    init(_ collector: MetricsCollector) {
        self.collector = collector
    }

    /// What the collector finds now, or what the failure left. It runs on `executor`, or on the global one.
    func collect(on executor: (any TaskExecutor)?) async -> CollectorOutcome {
        let clock = ContinuousClock()
        let started = clock.now
        let found = await run(on: executor)
        let seconds = (clock.now - started) / .seconds(1)
        let fallback = collector.keepsLast ? state.withLockedValue { $0.last } : nil
        return CollectorOutcome(
            collector: collector, families: (found ?? fallback)?.families ?? [], succeeded: found != nil,
            seconds: seconds)
    }

    private func run(on executor: (any TaskExecutor)?) async -> CollectedMetrics? {
        await withCheckedContinuation { continuation in
            let isBusy = state.withLockedValue { state in
                if state.isAbandoned { return true }
                let id = state.nextWaiter
                state.nextWaiter += 1
                // Both tasks need this lock to report, so neither can do so before it is known here.
                let timer = Task(executorPreference: executor) { await self.expire(id) }
                state.waiters[id] = Waiter(continuation: continuation, timer: timer)
                if state.run == nil {
                    state.run = Task(executorPreference: executor) { await self.runCollector() }
                }
                return false
            }
            if isBusy { continuation.resume(returning: nil) }
        }
    }

    private func runCollector() async {
        var found: CollectedMetrics? = CollectedMetrics()
        do {
            var metrics = CollectedMetrics()
            try await collector.collect(&metrics)
            found = metrics
        } catch {
            found = nil
        }
        let result = found
        let waiters = state.withLockedValue { state in
            if !state.isAbandoned, let result { state.last = result }
            state.run = nil
            state.isAbandoned = false
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters {
            waiter.timer.cancel()
            waiter.continuation.resume(returning: result)
        }
    }

    private func expire(_ id: UInt64) async {
        do {
            try await Task.sleep(for: collector.deadline)
        } catch {
            return
        }
        let waiter = state.withLockedValue { state in
            let waiter = state.waiters.removeValue(forKey: id)
            // Nobody wants the result any more.
            if waiter != nil && state.waiters.isEmpty {
                state.run?.cancel()
                state.isAbandoned = true
            }
            return waiter
        }
        waiter?.continuation.resume(returning: nil)
    }
}
