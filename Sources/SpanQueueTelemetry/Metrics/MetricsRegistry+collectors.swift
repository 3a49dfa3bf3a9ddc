import NIOConcurrencyHelpers

extension MetricsRegistry {
    /// Adds a collector, which runs at every `collect()`. Throws where one of its name is there.
    public func add(_ collector: MetricsCollector) throws(MetricsError) {
        let isNew = collectors.withLockedValue { collectors in
            guard collectors[collector.name] == nil else { return false }
            collectors[collector.name] = CollectorRunner(collector)
            return true
        }
        guard isNew else {
            throw MetricsError(.collectorExists, collector.name, "a collector of this name is registered")
        }
    }

    /// Takes a collector away; a run under way is left to end.
    public func removeCollector(_ name: String) {
        collectors.withLockedValue { _ = $0.removeValue(forKey: name) }
    }

    /// The values of all families now, with those of the collectors, which run at the same time, each up to its deadline.
    /// Never throws and never returns nothing: a collector that fails is a metric.
    ///
    /// - Parameter executor: where the collectors run; the global executor unless given.
    public func collect(on executor: (any TaskExecutor)? = nil) async -> MetricsSnapshot {
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
