// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

/// Something that reads metrics from elsewhere at each scrape.
///
/// A collector that throws, or is not done by its deadline, makes `spanq_collector_success{collector="…"}` 0 and leaves
/// the rest of the page as it is. It is then cancelled; one that does not heed that holds up no scrape, since none waits
/// for it again until it has come back.
package struct MetricsCollector: Sendable {
    /// The name in the `collector` label.
    package var name: String
    /// How long one scrape waits for it.
    package var deadline: Duration
    /// Whether a scrape in which it fails shows what it found last, rather than nothing.
    package var keepsLast: Bool
    /// The name of a gauge without labels that also says 1 or 0, for the collector whose success has a name of its own.
    package var successGauge: String?
    let collect: @Sendable (inout CollectedMetrics) async throws -> Void

    /// Makes a collector of a closure that fills in what it finds.
    package init(
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

/// What a collector found at one scrape: gauges and counters that live elsewhere (in Redis, in /proc) and are read whole.
package struct CollectedMetrics: Sendable {
    private var byName: [String: MetricFamilySnapshot] = [:]
    private var seen: [String: Set<MetricLabels>] = [:]

    /// Nothing yet.
    package init() {}

    /// Adds one value of a gauge. Throws `MetricsError` where name, unit or labels are none, where the name was used
    /// for a counter before, or where these labels have a value already: a page with that would be refused whole.
    package mutating func gauge(
        _ name: String, help: String, unit: String = "", labels: [MetricLabel] = [], value: Double
    ) throws(MetricsError) {
        try add(name, help, unit, .gauge, MetricPoint(labels: MetricLabels(labels), value: .double(value)))
    }

    /// Adds one value of a counter that is kept elsewhere. Throws as `gauge` does, and for a negative amount or one that is
    /// not finite.
    ///
    /// - Parameter startUnixNanoseconds: since when it has counted: the start of this process unless given. A counter of OTLP
    ///   without a start is read as one that may have begun again at each point.
    package mutating func counter(
        _ name: String, help: String, unit: String = "", labels: [MetricLabel] = [], value: Double,
        startUnixNanoseconds: UInt64? = nil
    ) throws(MetricsError) {
        guard value >= 0, value < .infinity else {
            throw MetricsError(.invalidValue, name, "\(value) is not a value for a counter")
        }
        let point = MetricPoint(
            labels: MetricLabels(labels), value: .double(value),
            startUnixNanoseconds: startUnixNanoseconds ?? ProcessStart.unixNanoseconds)
        try add(name, help, unit, .counter, point)
    }

    /// Adds one histogram that is kept elsewhere, since the start of this process. Throws as `gauge` does.
    package mutating func histogram(
        _ name: String, help: String, unit: String = "", labels: [MetricLabel] = [], value: HistogramValue
    ) throws(MetricsError) {
        let point = MetricPoint(
            labels: MetricLabels(labels), value: .histogram(value),
            startUnixNanoseconds: ProcessStart.unixNanoseconds)
        try add(name, help, unit, .histogram, point)
    }

    /// The families, their points in the order of their labels.
    var families: [MetricFamilySnapshot] {
        byName.values.map { family in
            var family = family
            family.points.sort { $0.labels < $1.labels }
            return family
        }
    }

    private mutating func add(
        _ name: String, _ help: String, _ unit: String, _ kind: MetricKind, _ point: MetricPoint
    ) throws(MetricsError) {
        let definition = try FamilyDefinition(name: name, openTelemetryName: nil, help: help, unit: unit, kind: kind)
        try MetricLabelName.check(point.labels.pairs.map { MetricLabelName($0.name) }, of: name)
        let new = MetricFamilySnapshot(name: definition.name, help: help, unit: unit, kind: kind, points: [])
        guard byName[definition.name, default: new].kind == kind else {
            throw MetricsError(.differentShape, name, "it was added as another kind before")
        }
        // To Prometheus an empty label is none, and the order of labels says nothing.
        let identity = MetricLabels(point.labels.pairs.filter { !$0.value.isEmpty }.sorted())
        guard seen[definition.name, default: []].insert(identity).inserted else {
            throw MetricsError(.nameTaken, name, "these labels have a value already")
        }
        byName[definition.name, default: new].points.append(point)
    }
}

extension MetricsRegistry {
    /// Adds a collector, which runs at every `collect()`. Throws where one of its name is there.
    package func add(_ collector: MetricsCollector) throws(MetricsError) {
        let isNew = collectors.withLockedValue { collectors in
            guard collectors[collector.name] == nil else { return false }
            collectors[collector.name] = CollectorRunner(collector)
            return true
        }
        guard isNew else {
            throw MetricsError(.collectorExists, collector.name, "a collector of this name is registered")
        }
    }

    /// The values of all families now, with those of the collectors, which run at the same time, each up to its deadline.
    /// Never throws and never returns nothing: a collector that fails is a metric.
    ///
    /// - Parameter executor: where the collectors run; the global executor unless given.
    package func collect(on executor: (any TaskExecutor)? = nil) async -> MetricsSnapshot {
        let runners = collectors.withLockedValue { Array($0.values) }
        guard configuration.isEnabled, !runners.isEmpty else { return snapshot() }
        let outcomes = await withTaskGroup(of: CollectorOutcome.self) { group in
            for runner in runners { group.addTask { await runner.collect(on: executor) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var snapshot = snapshot()
        add(outcomes.sorted { $0.collector.name < $1.collector.name }, to: &snapshot)
        return snapshot
    }

    /// Two families of one name would make the page invalid, so what clashes is left out and its collector has failed.
    private func add(_ outcomes: [CollectorOutcome], to snapshot: inout MetricsSnapshot) {
        let table = families.withLockedValue { $0 }
        var taken: Set<String> = []
        var successes: [MetricPoint] = []
        var durations: [MetricPoint] = []
        for outcome in outcomes {
            var succeeded = outcome.succeeded
            for family in outcome.families {
                if table.isTaken(family) || !taken.isDisjoint(with: family.sampleNames) {
                    succeeded = false
                } else {
                    taken.formUnion(family.sampleNames)
                    snapshot.families.append(family)
                }
            }
            let labels = MetricLabels([MetricLabel("collector", outcome.collector.name)])
            let success = MetricValue.integer(succeeded ? 1 : 0)
            successes.append(MetricPoint(labels: labels, value: success))
            durations.append(MetricPoint(labels: labels, value: .double(outcome.seconds)))
            if let gauge = successGauge(of: outcome.collector, success),
                !table.isTaken(gauge), taken.insert(gauge.name).inserted
            {
                snapshot.families.append(gauge)
            }
        }
        snapshot.families.append(
            MetricFamilySnapshot(
                name: "spanq_collector_success", help: "Whether the collector succeeded at this scrape.", kind: .gauge,
                points: successes))
        snapshot.families.append(
            MetricFamilySnapshot(
                name: "spanq_collector_duration_seconds", help: "How long the collector took at this scrape.",
                unit: "seconds", kind: .gauge, points: durations))
        snapshot.families.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private func successGauge(of collector: MetricsCollector, _ success: MetricValue) -> MetricFamilySnapshot? {
        guard let name = collector.successGauge, MetricNaming.isMetricName(name) else { return nil }
        return MetricFamilySnapshot(
            name: name, help: "Whether the collector \(collector.name) succeeded at this scrape.", kind: .gauge,
            points: [MetricPoint(labels: .none, value: success)])
    }
}
