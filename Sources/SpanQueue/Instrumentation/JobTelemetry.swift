// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import SpanQueueTelemetry
import Synchronization

/// Where a queue and its workers report: the metrics of a registry, and the spans of a tracer.
///
/// The spans' ids are made, and stored with each job, whether a tracer exports them or not.
public final class JobTelemetry: Sendable {
    /// The process' own: a registry that is served on /metrics, and no tracer.
    public static let standard = JobTelemetry(registry: .standard)

    /// Holds the metrics.
    public let registry: MetricsRegistry
    /// Makes the spans; nil where none are exported.
    public let tracer: SpanQueueTracer?
    /// How long after its enqueue a job's attempts are part of the enqueue's trace.
    public let traceWindow: Duration
    /// An attempt that took longer is exported even if its trace was not sampled; nil for no bound.
    public let slowAttempt: Duration?

    let metrics: JobMetrics
    /// Why the registry did not take the metrics; nil where it did. A queue that is made with this telemetry throws it.
    let conflict: MetricsError?
    private let contact = Mutex<ContinuousClock.Instant?>(nil)
    private let unserved = Mutex<Set<String>>([])

    /// Makes a place to report to.
    ///
    /// - Parameters:
    ///   - registry: two values with one registry share its metrics; by default a new one. Where the application has
    ///     bootstrapped swift-metrics with a backend of its own before, the default and `MetricsRegistry.standard` record into that as well.
    ///   - tracer: the exporting tracer, as `Telemetry` has one; none by default.
    ///   - traceWindow: an attempt that was to start within this time of the enqueue is its child in the trace; a later one is the root
    ///     of a trace of its own, which links the enqueue. Zero makes every attempt such a root. 15 minutes by default.
    ///   - slowAttempt: none by default.
    ///   - messagingMetrics: whether what clients do is also recorded under the names of OpenTelemetry's conventions for messaging
    ///     (`messaging.client.sent.messages`, …). They say nothing that `spanq_*` does not, and are as many series again: off by default.
    public init(
        registry: MetricsRegistry = MetricsRegistry(.alongsideApplication()), tracer: SpanQueueTracer? = nil,
        traceWindow: Duration = .seconds(15 * 60), slowAttempt: Duration? = nil,
        messagingMetrics: Bool = false
    ) {
        self.registry = registry
        self.tracer = tracer
        self.traceWindow = traceWindow
        self.slowAttempt = slowAttempt
        do throws(MetricsError) {
            metrics = try JobMetrics(registry, messaging: messagingMetrics)
            conflict = nil
        } catch {
            metrics = .unseen
            conflict = error
        }
    }

    /// When a worker of this process last heard from the engine that it may have work: a claim that was answered, or, while all
    /// slots are taken, a reclaim. Nil before the first. What a liveness check goes by.
    public var lastContact: ContinuousClock.Instant? { contact.withLock { $0 } }

    /// Notes such an answer, by a clock that nobody sets.
    func noteContact() {
        contact.withLock { $0 = .now }
    }

    /// The queues that workers of this process leave alone because they use features that this version does not know, in order. What a
    /// readiness check goes by.
    package var unsupportedQueues: [String] { unserved.withLock { $0.sorted() } }

    /// Notes whether a claim found that it can't work on a queue.
    func note(_ queue: String, isSupported: Bool) {
        unserved.withLock { queues in
            if isSupported { queues.remove(queue) } else { queues.insert(queue) }
        }
    }

    /// The tracer, if spans go anywhere: what builds attributes asks this first.
    var exporting: SpanQueueTracer? {
        guard let tracer, tracer.isExporting else { return nil }
        return tracer
    }
}
