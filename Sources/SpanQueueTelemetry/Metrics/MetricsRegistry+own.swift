import NIOConcurrencyHelpers
internal import Synchronization

extension MetricsRegistry {
    /// The names of the samples that the registry itself adds.
    static let ownSampleNames = [
        "spanq_metrics_overflow", "spanq_metrics_overflow_total", "spanq_metrics_rejected",
        "spanq_metrics_rejected_total", "spanq_collector_success", "spanq_collector_duration_seconds",
    ]

    /// What the registry tells of itself: every family from 0, so that a rise can be seen.
    func ownFamilies() -> [MetricFamilySnapshot] {
        let registered = families.withLockedValue { $0.families }
            .sorted { $0.definition.name.utf8.lexicographicallyPrecedes($1.definition.name.utf8) }
        let limited = registered.filter { !$0.definition.labels.isEmpty || $0.definition.hasOpenLabels }
        // A gauge without labels takes whatever it is given.
        let checked = registered.filter {
            $0.definition.kind == .counter || $0.definition.kind == .histogram || !$0.definition.labels.isEmpty
        }
        var rejections = checked.map { ($0.definition.name, $0.tally.rejected.load(ordering: .relaxed)) }
        rejections.append(("swift_metrics", bridgeTally.rejected.load(ordering: .relaxed)))
        return [
            ownCounter(
                "spanq_metrics_overflow", "Lookups that a family at its cap answered with its overflow child.",
                limited.map { ($0.definition.name, $0.tally.overflowed.load(ordering: .relaxed)) }),
            ownCounter(
                "spanq_metrics_rejected",
                "Values refused as negative, infinite or NaN, and lookups with a wrong number of label values.",
                rejections),
        ]
    }

    private func ownCounter(
        _ name: String, _ help: String, _ counts: [(family: String, count: UInt64)]
    ) -> MetricFamilySnapshot {
        let points = counts.map { family, count in
            let label = MetricLabel("family", family)
            return MetricPoint(
                labels: MetricLabels([label]), value: .integer(Int64(clamping: count)),
                startUnixNanoseconds: startUnixNanoseconds)
        }
        return MetricFamilySnapshot(name: name, help: help, kind: .counter, points: points)
    }
}
