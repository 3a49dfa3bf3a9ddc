// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CoreMetrics
import NIOConcurrencyHelpers
internal import Synchronization

/// A family of series that differ in the values of their labels.
///
/// `child` finds or makes the series of some label values. It takes a lock and hashes the values, so look a child up once
/// and hold it. At most `MetricsRegistryConfiguration.maximumSeriesPerFamily` series are made; every further set of values
/// gets the one overflow child, whose labels all read `_other_`, and is counted in `spanq_metrics_overflow_total`.
package final class MetricFamily<Series: AnyObject & Sendable>: Sendable {
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
    package func child(_ values: String...) -> Series {
        child(values)
    }

    /// The series of these label values, in the order of the family's label names.
    package func child(_ values: [String]) -> Series {
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
    package func child(bytes values: [[UInt8]]) -> Series {
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
    package var seriesCount: Int { table.withLockedValue { $0.count } }

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

/// All that a family is, apart from its series.
struct FamilyDefinition: Sendable {
    /// How the family's numbers are kept.
    enum Number: Sendable {
        case integer, floating
    }

    /// The name without `_total` or `_info`.
    var name: String
    var openTelemetryName: String
    var help: String
    var unit: String
    var kind: MetricKind
    var number: Number = .floating
    /// The names of the labels, in the order in which values are given; with `hasOpenLabels`, none.
    var labels: [MetricLabelName] = []
    /// Whether each series has label names of its own: so it is with swift-metrics' dimensions.
    var hasOpenLabels = false
    var buckets: [Double] = []
    var keepsExemplars = false

    /// Checks `name` and cuts off the suffix that samples of this kind carry.
    init(
        name: String, openTelemetryName: String?, help: String, unit: String, kind: MetricKind
    ) throws(MetricsError) {
        let suffix = kind.sampleSuffix
        let base = suffix.isEmpty || !name.hasSuffix(suffix) ? name : String(name.dropLast(suffix.count))
        guard MetricNaming.isMetricName(base) else {
            throw MetricsError(.invalidName, name, "metric names match [a-zA-Z_:][a-zA-Z0-9_:]*")
        }
        if !unit.isEmpty && !base.hasSuffix("_" + unit) {
            throw MetricsError(.unitNotInName, name, "the name of a metric in \(unit) ends with _\(unit)")
        }
        self.name = base
        self.openTelemetryName = openTelemetryName ?? base + suffix
        self.help = help
        self.unit = unit
        self.kind = kind
    }

    /// Whether both describe the same series, so that one may stand for the other. What they say for people (help, the
    /// name in OTLP) and whether exemplars are kept does not matter; the first to register decides it.
    func hasSameShape(as other: FamilyDefinition) -> Bool {
        kind == other.kind && number == other.number && unit == other.unit && buckets == other.buckets
            && hasOpenLabels == other.hasOpenLabels && labels.map(\.name) == other.labels.map(\.name)
    }

    /// Every name that a sample of the family can have, which no other family may use.
    var sampleNames: [String] {
        switch kind {
        case .counter, .info: [name, name + kind.sampleSuffix]
        case .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}

/// The families of a registry, and who has which sample name.
struct FamilyTable {
    static let differentShape = "it exists with another kind, number, unit, labels or buckets"

    private(set) var families: [any RegisteredFamily] = []
    private var byName: [String: any RegisteredFamily] = [:]
    private var ownerBySampleName: [String: String]

    /// A table in which nobody can have the names in `reserved`.
    init(reserved: [String]) {
        ownerBySampleName = Dictionary(reserved.map { ($0, "the registry") }) { first, _ in first }
    }

    /// The family of this definition's name; nil where the name is free.
    func existing(_ definition: FamilyDefinition) throws(MetricsError) -> (any RegisteredFamily)? {
        if let family = byName[definition.name] {
            guard family.definition.hasSameShape(as: definition) else {
                throw MetricsError(.differentShape, definition.name, Self.differentShape)
            }
            return family
        }
        for name in definition.sampleNames {
            if let owner = ownerBySampleName[name] {
                throw MetricsError(.nameTaken, definition.name, "'\(owner)' already has samples called '\(name)'")
            }
        }
        return nil
    }

    mutating func add(_ family: any RegisteredFamily) {
        families.append(family)
        byName[family.definition.name] = family
        for name in family.definition.sampleNames { ownerBySampleName[name] = family.definition.name }
    }

    /// Whether a family of that kind and name would clash with one that is registered.
    func isTaken(_ family: MetricFamilySnapshot) -> Bool {
        family.sampleNames.contains { ownerBySampleName[$0] != nil }
    }
}

/// The series of one family: found by their label values, kept in the order in which they are exposed, and limited in
/// number.
struct SeriesTable<Series: Sendable>: Sendable {
    /// The value of every label of the overflow child.
    static var overflowValue: String { "_other_" }

    private let limit: Int
    private let make: @Sendable (MetricLabels) -> Series
    private var byKey: [[String]: Series] = [:]
    private var order: [(labels: MetricLabels, series: Series)] = []
    private var overflow: Series?

    init(limit: Int, make: @escaping @Sendable (MetricLabels) -> Series) {
        self.limit = limit
        self.make = make
    }

    var count: Int { order.count }
    var inOrder: [Series] { order.map(\.series) }

    /// The series of `key`, made if it is new and there is room, else the overflow child.
    mutating func find(
        _ key: [String], overflowKey: () -> [String], labels: ([String]) -> MetricLabels
    ) -> (series: Series, isOverflow: Bool) {
        if let series = byKey[key] { return (series, false) }
        if byKey.count < limit {
            let series = insert(labels(key))
            byKey[key] = series
            return (series, false)
        }
        let overflowKey = overflowKey()
        if let series = overflow ?? byKey[overflowKey] { return (series, true) }
        let series = insert(labels(overflowKey))
        overflow = series
        return (series, true)
    }

    /// Series are made seldom and read at every scrape, so they are put in their place when they are made.
    private mutating func insert(_ labels: MetricLabels) -> Series {
        let series = make(labels)
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if order[middle].labels < labels { low = middle + 1 } else { high = middle }
        }
        order.insert((labels, series), at: low)
        return series
    }
}
