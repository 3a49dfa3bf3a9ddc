import SpanQueueTelemetry
import Synchronization

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
