// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
public import SpanQueueTelemetry
import Synchronization

/// The gauges that every process of a deployment sees alike, because they are the state of the engine: depths, ages, pauses,
/// workers.
///
/// They are read from the engine at each scrape. Add them up over instances with `max by (queue, state)`, never with
/// `sum`. At most 240 queues are shown, the first by name; where there are more, a warning is logged.
///
/// | metric | meaning |
/// |---|---|
/// | `spanq_queue_jobs{queue,state}` | jobs in each of the eight states |
/// | `spanq_queue_oldest_job_age_seconds{queue,state="ready"}` | how long the oldest ready job waits; 0 when there is none |
/// | `spanq_queue_paused{queue}` | 1 while claims are stopped |
/// | `spanq_workers_alive{queue}` | live workers that serve the queue; 0 where nobody does |
/// | `spanq_queue_scrape_success` | 0 when the engine did not answer in time; none of the others is there then |
///
/// With Postgres there is `spanq_engine_…` beside: connections, dead rows and who keeps them, bytes written ahead.
package final class SharedGauges: Sendable {
    /// The most queues that are shown.
    package static let maximumQueues = SharedGaugesReading.maximumQueues
    /// The value of the label `collector` in `spanq_collector_success`.
    package static let collectorName = "shared"

    /// The same for what an engine tells of its server, beyond the queues.
    package static let healthCollectorName = "engine"

    private let queue: JobQueue
    /// The number of queues left out that was warned about last.
    private let warnedAbout = Mutex(0)

    private init(_ queue: JobQueue) {
        self.queue = queue
    }

    fileprivate static func register(
        _ queue: JobQueue, on registry: MetricsRegistry, deadline: Duration
    ) throws(MetricsError) {
        let gauges = SharedGauges(queue)
        try registry.add(
            MetricsCollector(name: collectorName, deadline: deadline, successGauge: "spanq_queue_scrape_success") {
                try await gauges.collect(into: &$0)
            })
        // Apart, so that statistics that can't be had hide no queue.
        try registry.add(
            MetricsCollector(name: healthCollectorName, deadline: deadline) {
                guard let source = try await queue.engine as? any HealthSource else { return }
                try await source.readHealth(into: &$0)
            })
    }

    private func collect(into metrics: inout CollectedMetrics) async throws {
        let reading = try await SharedGaugesReading.read(queue)
        warn(about: reading)
        try Self.write(reading, to: &metrics)
    }

    /// Adds what was read to the page.
    static func write(_ reading: SharedGaugesReading, to metrics: inout CollectedMetrics) throws(MetricsError) {
        for counts in reading.queues {
            let queue = MetricLabel("queue", counts.queue, attributeName: "messaging.destination.name")
            for state in JobState.known {
                try metrics.gauge(
                    "spanq_queue_jobs", help: "Jobs by state. The same from every process: max by (queue, state).",
                    labels: [queue, state.label], value: Double(counts[state]))
            }
            try metrics.gauge(
                "spanq_queue_oldest_job_age_seconds", help: "How long the oldest job has been in this state.",
                unit: "seconds", labels: [queue, JobState.ready.label],
                value: Double(max(0, counts.oldestReadyAge?.milliseconds ?? 0)) / 1000)
            try metrics.gauge(
                "spanq_queue_paused", help: "Whether claims from the queue are stopped.", labels: [queue],
                value: counts.isPaused ? 1 : 0)
            try metrics.gauge(
                "spanq_workers_alive", help: "Live workers that serve the queue.", labels: [queue],
                value: Double(reading.workers.serving[counts.queue] ?? 0))
        }
    }

    /// Says it once for each number, not at each scrape.
    private func warn(about reading: SharedGaugesReading) {
        let isNew = warnedAbout.withLock { last in
            defer { last = reading.omitted.count }
            return last != reading.omitted.count
        }
        guard isNew, !reading.omitted.isEmpty else { return }
        queue.logger.warning(
            "there are more queues than the shared gauges show: the first \(Self.maximumQueues) by name are",
            metadata: ["omitted": "\(reading.omitted.count)"])
    }
}

extension JobQueue {
    /// Adds gauges of all queues to a registry, once for a registry: depths, ages, pauses and workers, as `spanq_queue_…` and
    /// `spanq_workers_alive`. Every process of a deployment shows the same, because they are read from the engine at each scrape: combine
    /// them with `max by (queue, state)`, never with `sum`. At most 240 queues are shown, the first by name.
    ///
    /// - Parameter deadline: how long a scrape waits for the engine; 2 seconds by default.
    /// - Throws: `MetricsError` where the registry has them already.
    public func registerGauges(
        on registry: MetricsRegistry, deadline: Duration = .seconds(2)
    ) throws(MetricsError) {
        try SharedGauges.register(self, on: registry, deadline: deadline)
    }
}

extension JobState {
    fileprivate var label: MetricLabel { MetricLabel("state", rawValue, attributeName: "spanq.job.state") }
}

/// The state of the queues as one scrape or one request sees it: counts, and who serves what.
///
/// What is read is what is shown: the names of all queues, the counts of those that come first, and how many workers serve each. The
/// cost does not grow with the depth of a queue, and hardly with their number.
package struct SharedGaugesReading: Sendable {
    /// The most queues that one reading has. Their names become labels, so there must be a bound; the first by name are
    /// taken, so that the same ones are shown by every worker and at every scrape. Times the eight states they stay below the
    /// 2,000 series that a family may have.
    package static let maximumQueues = 240

    /// The queues that have had jobs, are paused, or have a worker; in the order of their names.
    package var queues: [QueueCounts]
    /// The live workers.
    package var workers: WorkersByQueue
    /// The names of the queues beyond `maximumQueues`, of which nothing was read.
    package var omitted: [String]

    /// Reads the state now.
    package static func read(_ queue: JobQueue) async throws -> SharedGaugesReading {
        let engine = try await queue.engine
        async let asked = engine.workersByQueue()
        let known = Set(try await engine.queues())
        let workers = try await asked
        let names = known.union(workers.serving.keys).sorted()
        let shown = names.prefix(maximumQueues)
        let counts = try await engine.counts(of: shown.filter(known.contains))
        let counted = Dictionary(counts.map { ($0.queue, $0) }, uniquingKeysWith: { first, _ in first })
        return SharedGaugesReading(
            // A queue that workers wait for, and that never had a job, has no counts: all of them are 0.
            queues: shown.map { name in
                counted[name]
                    ?? QueueCounts(
                        queue: name, jobs: [:], isPaused: false, oldestReadyAge: nil, totals: QueueTotals())
            }, workers: workers, omitted: Array(names.dropFirst(maximumQueues)))
    }
}
