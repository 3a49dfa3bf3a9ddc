import NIOConcurrencyHelpers

/// Runs one collector for all who scrape, never twice at a time, and answers by the deadline whatever the collector does.
final class CollectorRunner: Sendable {
    let collector: MetricsCollector
    private let run: SharedRun<CollectedMetrics>
    private let last = NIOLockedValueBox<CollectedMetrics?>(nil)

    init(_ collector: MetricsCollector) {
        self.collector = collector
        run = SharedRun(deadline: collector.deadline) {
            var metrics = CollectedMetrics()
            try await collector.collect(&metrics)
            return metrics
        }
    }

    /// What the collector finds now, or what the failure left. It runs on `executor`, or on the global one.
    func collect(on executor: (any TaskExecutor)?) async -> CollectorOutcome {
        let clock = ContinuousClock()
        let started = clock.now
        let outcome = await run.value(on: executor)
        let seconds = (clock.now - started) / .seconds(1)
        guard case .success(let found) = outcome else {
            let fallback = collector.keepsLast ? last.withLockedValue { $0 } : nil
            return CollectorOutcome(
                collector: collector, families: fallback?.families ?? [], succeeded: false, seconds: seconds)
        }
        if collector.keepsLast { last.withLockedValue { $0 = found } }
        return CollectorOutcome(collector: collector, families: found.families, succeeded: true, seconds: seconds)
    }
}
