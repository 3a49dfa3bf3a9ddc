import NIOConcurrencyHelpers

/// Something that reads metrics from elsewhere at each scrape.
///
/// A collector that throws, or is not done by its deadline, makes `spanq_collector_success{collector="…"}` 0 and leaves
/// the rest of the page as it is. It is then cancelled; one that does not heed that holds up no scrape, since none waits
/// for it again until it has come back.
public struct MetricsCollector: Sendable {
    /// The name in the `collector` label.
    public var name: String
    /// How long one scrape waits for it.
    public var deadline: Duration
    /// Whether a scrape in which it fails shows what it found last, rather than nothing.
    public var keepsLast: Bool
    /// The name of a gauge without labels that also says 1 or 0, for the collector whose success has a name of its own.
    public var successGauge: String?
    let collect: @Sendable (inout CollectedMetrics) async throws -> Void

    /// Makes a collector of a closure that fills in what it finds.
    public init(
        name: String, deadline: Duration = .seconds(3), keepsLast: Bool = false, successGauge: String? = nil,
        collect: @escaping @Sendable (inout CollectedMetrics) async throws -> Void
    ) {
        self.name = name
        self.deadline = deadline
        self.keepsLast = keepsLast
        self.successGauge = successGauge
        self.collect = collect
    }
}

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

/// How one collector fared at one scrape.
struct CollectorOutcome: Sendable {
    let collector: MetricsCollector
    let families: [MetricFamilySnapshot]
    let succeeded: Bool
    let seconds: Double
}
