internal import CoreMetrics
import NIOConcurrencyHelpers
internal import Synchronization

/// A family of series that differ in the values of their labels.
///
/// `child` finds or makes the series of some label values. It takes a lock and hashes the values, so look a child up once
/// and hold it. At most `MetricsRegistryConfiguration.maximumSeriesPerFamily` series are made; every further set of values
/// gets the one overflow child, whose labels all read `_other_`, and is counted in `spanq_metrics_overflow_total`.
public final class MetricFamily<Series: AnyObject & Sendable>: Sendable {
    let definition: FamilyDefinition
    let tally = FamilyTally()
    private let table: NIOLockedValueBox<SeriesTable<Series>>
    private let point: @Sendable (Series) -> MetricPoint

    init(
        _ definition: FamilyDefinition, configuration: MetricsRegistryConfiguration,
        make: @escaping @Sendable (SeriesContext) -> Series, point: @escaping @Sendable (Series) -> MetricPoint
    ) {
        self.definition = definition
        self.point = point
        let tally = tally
        let isEnabled = configuration.isEnabled
        let filter = isEnabled ? configuration.exemplarFilter : .never
        // What came from swift-metrics does not go back there.
        let mirror = definition.hasOpenLabels || !isEnabled ? nil : configuration.mirror
        table = NIOLockedValueBox(
            SeriesTable(limit: max(1, configuration.maximumSeriesPerFamily)) { labels in
                make(
                    SeriesContext(
                        definition: definition, labels: labels, tally: tally, exemplarFilter: filter,
                        isEnabled: isEnabled, startUnixNanoseconds: SystemClock.now(), mirror: mirror))
            })
    }

    /// A family without labels has its one series from the start, at 0.
    func begin() {
        if definition.labels.isEmpty && !definition.hasOpenLabels { _ = child([]) }
    }

    /// The series of these label values, in the order of the family's label names; any text may be a value, the empty one
    /// too. Missing values count as empty and superfluous ones are left out; both are counted in `spanq_metrics_rejected_total`.
    public func child(_ values: String...) -> Series {
        child(values)
    }

    /// The series of these label values, in the order of the family's label names.
    public func child(_ values: [String]) -> Series {
        var values = values
        if values.count != definition.labels.count {
            tally.countRejection()
            values = Array(values.prefix(definition.labels.count))
            while values.count < definition.labels.count { values.append("") }
        }
        return find(values, overflowKey: values.map { _ in SeriesTable<Series>.overflowValue }) { name($0) }
    }

    /// The series of label values that are bytes from elsewhere: what is not UTF-8 in them becomes U+FFFD, since both
    /// formats are UTF-8 and a page with one bad byte would be refused as a whole.
    public func child(bytes values: [[UInt8]]) -> Series {
        child(values.map { String(decoding: $0, as: UTF8.self) })
    }

    /// The series of labels that are its own, of a family with open labels. `pairs` are in the order of their names.
    func child(open pairs: [MetricLabel]) -> Series {
        let overflow = MetricLabel("overflow", SeriesTable<Series>.overflowValue)
        let overflowKey = [overflow.name, overflow.value]
        return find(pairs.flatMap { [$0.name, $0.value] }, overflowKey: overflowKey) {
            MetricLabels($0 == overflowKey ? [overflow] : pairs)
        }
    }

    /// How many series there are, the overflow child included.
    public var seriesCount: Int { table.withLockedValue { $0.count } }

    private func find(
        _ key: [String], overflowKey: @autoclosure () -> [String], labels: ([String]) -> MetricLabels
    ) -> Series {
        let (series, isOverflow) = table.withLockedValue { $0.find(key, overflowKey: overflowKey, labels: labels) }
        if isOverflow { tally.countOverflow() }
        return series
    }

    private func name(_ values: [String]) -> MetricLabels {
        MetricLabels(
            zip(definition.labels, values).map { MetricLabel($0.name, $1, attributeName: $0.attributeName) })
    }
}

extension MetricFamily: RegisteredFamily {
    func snapshot() -> MetricFamilySnapshot {
        let series = table.withLockedValue { $0.inOrder }
        return MetricFamilySnapshot(
            name: definition.name, openTelemetryName: definition.openTelemetryName, help: definition.help,
            unit: definition.unit, kind: definition.kind, points: series.map(point))
    }
}

/// A family as its registry sees it, whatever its series are.
protocol RegisteredFamily: AnyObject, Sendable {
    var definition: FamilyDefinition { get }
    var tally: FamilyTally { get }
    func snapshot() -> MetricFamilySnapshot
}

/// What a family did not record as asked, counted by all its series together.
final class FamilyTally: Sendable {
    /// Lookups that were answered with the overflow child, because the family had reached its cap.
    let overflowed = Atomic<UInt64>(0)
    /// Values that were refused: see `CounterSeries`, `FloatingCounterSeries` and `HistogramSeries`; and lookups with
    /// another number of label values than the family has labels.
    let rejected = Atomic<UInt64>(0)

    func countOverflow() { overflowed.wrappingAdd(1, ordering: .relaxed) }
    func countRejection() { rejected.wrappingAdd(1, ordering: .relaxed) }
}

/// What a series gets from its family when it is made.
struct SeriesContext: Sendable {
    let definition: FamilyDefinition
    let labels: MetricLabels
    let tally: FamilyTally
    let exemplarFilter: ExemplarFilter
    var isEnabled = true
    let startUnixNanoseconds: UInt64
    var mirror: (any MetricsFactory)?

    /// The series' labels as swift-metrics calls them.
    var dimensions: [(String, String)] { labels.pairs.map { ($0.attributeName, $0.value) } }
}
