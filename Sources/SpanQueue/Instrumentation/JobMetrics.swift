// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import Synchronization

/// The families of metrics that queues and workers record into. What each means, its labels and its unit stand in
/// `docs/telemetry.md`.
///
/// A class: to copy it as a struct would be to retain all of them.
final class JobMetrics: Sendable {
    let enqueued: MetricFamily<CounterSeries>
    let claimed: MetricFamily<CounterSeries>
    let claims: MetricFamily<CounterSeries>
    let attempts: MetricFamily<CounterSeries>
    let errors: MetricFamily<CounterSeries>
    let dead: MetricFamily<CounterSeries>
    let wait: MetricFamily<HistogramSeries>
    let process: MetricFamily<HistogramSeries>
    let endToEnd: MetricFamily<HistogramSeries>
    let scheduleLag: MetricFamily<HistogramSeries>
    let slots: MetricFamily<GaugeSeries>
    let busy: MetricFamily<GaugeSeries>
    let busySeconds: MetricFamily<FloatingCounterSeries>
    let reclaimed: MetricFamily<CounterSeries>
    let lost: MetricFamily<CounterSeries>
    let swept: MetricFamily<CounterSeries>
    let sweepBehind: MetricFamily<GaugeSeries>
    let renewals: MetricFamily<CounterSeries>
    let ignoredCancellations: MetricFamily<CounterSeries>
    let unsettled: MetricFamily<GaugeSeries>
    let lastClaim: MetricFamily<GaugeSeries>
    let lastReclaim: MetricFamily<GaugeSeries>
    let engineSeconds: MetricFamily<HistogramSeries>
    let engineErrors: MetricFamily<CounterSeries>
    let engineReconnects: MetricFamily<CounterSeries>
    let engineRedirects: MetricFamily<CounterSeries>
    let engineMayEvict: MetricFamily<GaugeSeries>
    /// Under the names of OpenTelemetry's conventions for messaging clients: the same facts once more. Where nobody asked for
    /// them they are those of a registry that is off, which records nothing and is on no page.
    let sentMessages: MetricFamily<CounterSeries>
    let consumedMessages: MetricFamily<CounterSeries>
    let operationDuration: MetricFamily<HistogramSeries>
    let processDuration: MetricFamily<HistogramSeries>

    /// - Parameters:
    ///   - registry: gets the families.
    ///   - messaging: whether those of the messaging conventions are among them.
    /// - Throws: where the registry has no room, or the application has registered one of these names with another shape.
    init(_ registry: MetricsRegistry, messaging: Bool) throws(MetricsError) {
        let jobs = MetricBuckets.jobSeconds
        let twins = messaging ? registry : MetricsRegistry(.off)
        enqueued = try registry.counter(
            "spanq_jobs_enqueued", help: "Jobs given to enqueue, by what became of them.",
            labels: ["queue", "job_type", "outcome"])
        claimed = try registry.counter(
            "spanq_jobs_claimed", help: "Jobs that workers have claimed.", labels: ["queue"])
        claims = try registry.counter(
            "spanq_claims", help: "Calls that claim jobs, by whether they got any.", labels: ["queue", "result"])
        attempts = try registry.counter(
            "spanq_job_attempts", help: "Attempts that have ended, by how.",
            labels: ["queue", "job_type", "outcome"],
            exemplars: true)
        errors = try registry.counter(
            "spanq_job_errors", help: "Attempts that failed, by the kind of error.",
            labels: ["queue", "job_type", "error_type"])
        dead = try registry.counter(
            "spanq_jobs_dead", help: "Jobs that became dead letters, by reason.",
            labels: ["queue", "job_type", "reason"])
        wait = try registry.histogram(
            "spanq_job_wait_seconds", help: "How long claimed jobs had waited, by the engine's clock.",
            unit: "seconds", labels: ["queue"], buckets: jobs, exemplars: true)
        process = try registry.histogram(
            "spanq_job_process_seconds", help: "How long handlers ran.", unit: "seconds",
            labels: ["queue", "job_type", "outcome"], buckets: jobs, exemplars: true)
        endToEnd = try registry.histogram(
            "spanq_job_end_to_end_seconds", help: "From the enqueue of a job, or its due time, to its completion.",
            unit: "seconds", labels: ["queue", "job_type"], buckets: jobs, exemplars: true)
        scheduleLag = try registry.histogram(
            "spanq_schedule_lag_seconds", help: "How much later than their due time delayed jobs were claimed.",
            unit: "seconds", labels: ["queue"], buckets: jobs)
        slots = try registry.gauge("spanq_worker_slots", help: "How many jobs this process runs at once at most.")
        busy = try registry.gauge("spanq_worker_busy", help: "How many slots are taken.")
        busySeconds = try registry.floatingCounter(
            "spanq_worker_busy_seconds", help: "Time that slots were taken, summed over the slots.", unit: "seconds"
        )
        reclaimed = try registry.counter(
            "spanq_leases_reclaimed", help: "Jobs reclaimed from workers that did not extend their leases.",
            labels: ["queue"])
        lost = try registry.counter(
            "spanq_leases_lost", help: "Jobs that this process held and lost to a reclaim.", labels: ["queue"])
        swept = try registry.counter(
            "spanq_swept_records", help: "Finished jobs and expired locks that this process has dropped.",
            labels: ["queue"])
        sweepBehind = try registry.gauge(
            "spanq_sweep_behind", help: "1 where the last sweep ran out of time before it had dropped all.",
            labels: ["queue"])
        renewals = try registry.counter(
            "spanq_lease_renewals", help: "Calls that extend leases, by result.", labels: ["result"])
        ignoredCancellations = try registry.counter(
            "spanq_handlers_ignoring_cancellation",
            help: "Handlers that went on after they were cancelled, for longer than the grace.", labels: ["queue"])
        unsettled = try registry.gauge(
            "spanq_worker_unsettled_attempts",
            help: "Attempts that have ended, and whose end the engine has not taken yet.", labels: ["queue"])
        lastClaim = try registry.gauge(
            "spanq_last_claim_timestamp_seconds", help: "When a claim was last answered.", unit: "seconds")
        lastReclaim = try registry.gauge(
            "spanq_last_reclaim_timestamp_seconds", help: "When a reclaim was last answered.", unit: "seconds")
        engineSeconds = try registry.histogram(
            "spanq_engine_operation_seconds", help: "Round trips of the engine, by script, function or command.",
            unit: "seconds", labels: ["engine", "operation"], buckets: MetricBuckets.roundTripSeconds)
        engineErrors = try registry.counter(
            "spanq_engine_errors",
            help: "Round trips that failed, by script, function or command and kind of error.",
            labels: ["engine", "operation", "error_type"])
        engineReconnects = try registry.counter(
            "spanq_engine_reconnects", help: "The engine's connections that replaced a lost one.",
            labels: ["engine"])
        engineRedirects = try registry.counter(
            "spanq_engine_redirects",
            help: "Connections that went to another server than the one before: its primary has changed.",
            labels: ["engine", "kind"])
        engineMayEvict = try registry.gauge(
            "spanq_engine_may_evict",
            help: "1 where what keeps the jobs is set to drop some when its memory is full, without our leave.",
            labels: ["engine"])
        sentMessages = try twins.counter(
            "messaging_client_sent_messages", help: "Jobs that were given to enqueue.", labels: Self.messaging,
            openTelemetryName: "messaging.client.sent.messages")
        consumedMessages = try twins.counter(
            "messaging_client_consumed_messages", help: "Jobs that workers have claimed.", labels: Self.messaging,
            openTelemetryName: "messaging.client.consumed.messages")
        operationDuration = try twins.histogram(
            "messaging_client_operation_duration_seconds",
            help: "Calls that enqueue, claim or settle jobs, as their caller saw them.", unit: "seconds",
            labels: Self.messaging, buckets: MetricBuckets.roundTripSeconds,
            openTelemetryName: "messaging.client.operation.duration")
        processDuration = try twins.histogram(
            "messaging_process_duration_seconds", help: "How long handlers ran.", unit: "seconds",
            labels: Self.messaging, buckets: jobs, openTelemetryName: "messaging.process.duration")
        // Known children stand on the page from the start.
        _ = (slots.child(), busy.child(), busySeconds.child())
        for result in ["ok", "error"] { _ = renewals.child(result) }
    }

    /// What records nowhere, for a telemetry whose registry has no place for these metrics.
    static let unseen: JobMetrics = {
        do throws(MetricsError) {
            return try JobMetrics(MetricsRegistry(.off), messaging: false)
        } catch {
            // An empty registry has room, and nobody has taken a name in it; and the names and labels above are valid: every start of
            // a program shows it.
            preconditionFailure("SpanQueue's own metrics can't be registered: \(error)")
        }
    }()

    private static let messaging: [MetricLabelName] = [
        MetricLabelName("messaging_system", attributeName: "messaging.system"),
        MetricLabelName("messaging_operation_name", attributeName: "messaging.operation.name"),
        MetricLabelName("messaging_destination_name", attributeName: "messaging.destination.name"),
        MetricLabelName("error_type", attributeName: "error.type"),
    ]

    /// A series of one of the families of the messaging conventions.
    func series<Series>(
        _ family: MetricFamily<Series>, _ operation: String, _ queue: String, _ errorType: String = ""
    ) -> Series {
        family.child("spanqueue", operation, queue, errorType)
    }
}

extension MetricsRegistryConfiguration {
    /// That of a registry that records nothing.
    fileprivate static var off: MetricsRegistryConfiguration {
        var configuration = MetricsRegistryConfiguration()
        configuration.isEnabled = false
        return configuration
    }
}

/// The series of one job type in one queue that enqueues record into when all goes well, looked up once and held.
final class EnqueueMetrics: Sendable {
    let queue: String
    let type: String
    let accepted: CounterSeries
    let sent: CounterSeries
    let duration: HistogramSeries

    init(_ metrics: JobMetrics, queue: String, type: String) {
        self.queue = queue
        self.type = type
        accepted = metrics.enqueued.child(queue, type, "accepted")
        sent = metrics.series(metrics.sentMessages, "enqueue", queue)
        duration = metrics.series(metrics.operationDuration, "enqueue", queue)
    }
}

/// Those of the types and queues that a client has met.
final class EnqueueMetricsTable: Sendable {
    private struct Name: Hashable {
        let queue: String
        let type: String
    }

    /// Names come from outside: more of them are looked up each time.
    private static let limit = 1000

    private let metrics: JobMetrics
    private let known = Mutex<[Name: EnqueueMetrics]>([:])

    init(_ metrics: JobMetrics) {
        self.metrics = metrics
    }

    func series(_ queue: String, _ type: String) -> EnqueueMetrics {
        let name = Name(queue: queue, type: type)
        return known.withLock { known in
            if let series = known[name] { return series }
            let fresh = EnqueueMetrics(metrics, queue: queue, type: type)
            if known.count < Self.limit { known[name] = fresh }
            return fresh
        }
    }
}

/// What an engine records of its round trips, whatever it talks to. Safe to call from any thread; it does not block.
package final class EngineMetrics: Sendable {
    private let metrics: JobMetrics
    private let engine: String
    private let reconnects: CounterSeries
    private let failovers: CounterSeries
    private let series = Mutex<[String: HistogramSeries]>([:])

    init(_ metrics: JobMetrics, engine: String) {
        self.metrics = metrics
        self.engine = engine
        reconnects = metrics.engineReconnects.child(engine)
        failovers = metrics.engineRedirects.child(engine, "failover")
    }

    /// Records one round trip.
    ///
    /// - Parameters:
    ///   - operation: the name of a script, function or command. There are as many as the program has, and no name comes from outside.
    ///   - errorType: the kind of error; nil for success.
    package func record(_ operation: String, _ duration: Duration, _ errorType: String?) {
        if let errorType { metrics.engineErrors.child(engine, operation, errorType).increment() }
        let histogram = series.withLock { series in
            if let known = series[operation] { return known }
            let fresh = metrics.engineSeconds.child(engine, operation)
            series[operation] = fresh
            return fresh
        }
        histogram.record(duration)
    }

    /// Records whether jobs may be dropped when memory is full.
    package func mayEvict(_ mayEvict: Bool) {
        metrics.engineMayEvict.child(engine).set(mayEvict ? 1 : 0)
    }

    /// Records a connection that replaced a lost one.
    ///
    /// - Parameter elsewhere: whether it goes to another server than the one before.
    package func reconnected(elsewhere: Bool) {
        reconnects.increment()
        if elsewhere { failovers.increment() }
    }
}
