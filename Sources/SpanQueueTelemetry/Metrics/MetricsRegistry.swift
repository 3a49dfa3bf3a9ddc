// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CoreMetrics
import NIOConcurrencyHelpers
internal import Synchronization

/// The metrics of a process: families registered once, recorded into from anywhere, read as a whole.
///
/// Registering a family that exists, with the same shape, returns the one that is there; with another kind, other labels
/// or other buckets it throws `MetricsError`. The first registration's help stays. Names may be given with or without
/// the suffix of their kind (`_total`, `_info`).
///
/// Registration and lookup of children take locks; recording takes none.
public final class MetricsRegistry: Sendable {
    /// The limits this registry was made with.
    public let configuration: MetricsRegistryConfiguration
    /// How long the last page was, uncompressed.
    let lastPageBytes = Atomic<Int>(0)
    let startUnixNanoseconds = SystemClock.now()
    let families: NIOLockedValueBox<FamilyTable>
    /// What the swift-metrics bridge could find no name for.
    let bridgeTally = FamilyTally()
    let collectors = NIOLockedValueBox<[String: CollectorRunner]>([:])

    /// Makes an empty registry.
    public init(_ configuration: MetricsRegistryConfiguration = MetricsRegistryConfiguration()) {
        self.configuration = configuration
        families = NIOLockedValueBox(FamilyTable(reserved: configuration.includesOwnMetrics ? Self.ownSampleNames : []))
    }

    /// The values of all registered families now, without running collectors.
    package func snapshot() -> MetricsSnapshot {
        guard configuration.isEnabled else {
            return MetricsSnapshot(families: [], timeUnixNanoseconds: SystemClock.now())
        }
        var families = families.withLockedValue { $0.families }.map { $0.snapshot() }
        if configuration.includesOwnMetrics { families += ownFamilies() }
        families.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return MetricsSnapshot(families: families, timeUnixNanoseconds: SystemClock.now())
    }

    /// The family of `definition`: the one that is there if it has the same shape, else a new one.
    func register<Series>(
        _ definition: FamilyDefinition, make: @escaping @Sendable (SeriesContext) -> Series,
        point: @escaping @Sendable (Series) -> MetricPoint
    ) throws(MetricsError) -> MetricFamily<Series> {
        try MetricLabelName.check(definition.labels, of: definition.name)
        if definition.kind == .histogram { try MetricBuckets.check(definition.buckets, of: definition.name) }
        let found = families.withLockedValue { table in
            Result { () throws(MetricsError) -> MetricFamily<Series> in
                if let existing = try table.existing(definition) {
                    guard let family = existing as? MetricFamily<Series> else {
                        throw MetricsError(.differentShape, definition.name, FamilyTable.differentShape)
                    }
                    return family
                }
                guard table.families.count < configuration.maximumFamilies else {
                    throw MetricsError(
                        .tooManyFamilies, definition.name,
                        "the registry holds \(table.families.count) families, its maximum")
                }
                let family = MetricFamily(definition, configuration: configuration, make: make, point: point)
                table.add(family)
                return family
            }
        }
        let family = try found.get()
        // Not under the lock: where series are mirrored, that calls other people's code.
        family.begin()
        return family
    }
}

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

extension MetricsRegistry {
    /// A counter of whole things. Its samples are called `name` with `_total` at the end.
    ///
    /// `unit` is a word of OpenMetrics (`seconds`, `bytes`) with which the name, `_total` apart, must end.
    /// `openTelemetryName` is the name in OTLP where it is another. `exemplars` keeps the last sampled span a series.
    package func counter(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [],
        openTelemetryName: String? = nil, exemplars: Bool = false
    ) throws(MetricsError) -> MetricFamily<CounterSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .counter)
        definition.number = .integer
        definition.labels = labels
        definition.keepsExemplars = exemplars
        return try register(definition, make: { CounterSeries($0) }, point: { $0.point() })
    }

    /// A counter of an amount, such as seconds; else as `counter`.
    package func floatingCounter(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [],
        openTelemetryName: String? = nil, exemplars: Bool = false
    ) throws(MetricsError) -> MetricFamily<FloatingCounterSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .counter)
        definition.labels = labels
        definition.keepsExemplars = exemplars
        return try register(definition, make: { FloatingCounterSeries($0) }, point: { $0.point() })
    }

    /// A gauge.
    package func gauge(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [],
        openTelemetryName: String? = nil
    ) throws(MetricsError) -> MetricFamily<GaugeSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .gauge)
        definition.labels = labels
        return try register(definition, make: { GaugeSeries($0) }, point: { $0.point() })
    }

    /// A histogram with these upper bounds, inclusive and rising; the bucket +Inf comes by itself. `exemplars` keeps the last
    /// sampled span a bucket.
    package func histogram(
        _ name: String, help: String, unit: String = "", labels: [MetricLabelName] = [], buckets: [Double],
        openTelemetryName: String? = nil, exemplars: Bool = false
    ) throws(MetricsError) -> MetricFamily<HistogramSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: openTelemetryName, help: help, unit: unit, kind: .histogram)
        definition.labels = labels
        definition.buckets = buckets
        definition.keepsExemplars = exemplars
        return try register(definition, make: { HistogramSeries($0) }, point: { $0.point() })
    }

    /// An info: the constant 1 with labels. Its samples are called `name` with `_info` at the end.
    package func info(
        _ name: String, help: String, labels: [MetricLabelName]
    ) throws(MetricsError) -> MetricFamily<InfoSeries> {
        var definition = try FamilyDefinition(
            name: name, openTelemetryName: nil, help: help, unit: "", kind: .info)
        definition.number = .integer
        definition.labels = labels
        return try register(definition, make: { InfoSeries($0) }, point: { $0.point() })
    }
}

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

/// Why a family could not be registered.
public struct MetricsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong.
    package enum Code: Sendable, Hashable, CaseIterable {
        /// The name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`.
        case invalidName
        /// The name does not end with the unit, as OpenMetrics asks.
        case unitNotInName
        /// A label's name does not match `[a-zA-Z_][a-zA-Z0-9_]*`.
        case invalidLabelName
        /// A label is called `le`, `quantile` or `__…`, which Prometheus keeps for itself.
        case reservedLabelName
        /// A label's name is there twice.
        case duplicateLabelName
        /// The bounds of a histogram are not at least one finite number, none negative, each above the one before.
        case invalidBuckets
        /// A family of this name exists with another kind, number, unit, labels or buckets.
        case differentShape
        /// Another family already has samples of a name that this one would have (`x_count` of histogram `x`).
        case nameTaken
        /// The registry holds as many families as it may.
        case tooManyFamilies
        /// A collector gave a counter a value that no counter can have.
        case invalidValue
        /// A collector of this name exists.
        case collectorExists
    }

    /// What was wrong.
    package let code: Code
    /// The family or collector it was about.
    public let name: String
    /// What was wrong and what to do, for a person.
    public let message: String

    init(_ code: Code, _ name: String, _ message: String) {
        self.code = code
        self.name = name
        self.message = message
    }

    /// The message with the name it is about.
    public var description: String { "metric '\(name)': \(message)" }
}
