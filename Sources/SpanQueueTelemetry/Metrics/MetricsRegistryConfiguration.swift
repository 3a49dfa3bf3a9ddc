internal import CoreMetrics

/// The limits of a registry.
public struct MetricsRegistryConfiguration: Sendable {
    /// Whether anything is recorded; true by default. Families of a registry that is off can be registered and looked up as ever, so
    /// that nothing else changes; their series hold no memory to count in and stay at 0, collectors don't run, and snapshots are empty:
    /// a page of /metrics without a metric.
    public var isEnabled = true
    /// The most series of one family; further label values share one overflow child. 2,000 by default.
    public var maximumSeriesPerFamily = 2_000
    /// The most families; registering one more throws. 2,000 by default.
    public var maximumFamilies = 2_000
    /// Which observations may become exemplars. Read when a series is made.
    public var exemplarFilter = ExemplarFilter.sampled
    /// Whether snapshots tell what the registry itself dropped: `spanq_metrics_overflow_total` and
    /// `spanq_metrics_rejected_total`.
    public var includesOwnMetrics = true

    /// Gets everything that is recorded into the series of the registry as well, under their names in OTLP; nil for nobody. What
    /// collectors read, and what comes from swift-metrics itself, is not passed on. Read when a series is made.
    var mirror: (any MetricsFactory)?

    /// The defaults.
    public init() {}
}
