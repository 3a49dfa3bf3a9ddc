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

/// Those of all types and queues that a client has met.
final class EnqueueMetricsTable: Sendable {
    private let metrics: JobMetrics
    private let known = Mutex<[String: [String: EnqueueMetrics]]>([:])

    init(_ metrics: JobMetrics) {
        self.metrics = metrics
    }

    func series(_ queue: String, _ type: String) -> EnqueueMetrics {
        known.withLock { known in
            if let series = known[queue]?[type] { return series }
            let fresh = EnqueueMetrics(metrics, queue: queue, type: type)
            // Names come from outside: what the families answer with their overflow child is not worth keeping.
            if known.count < 1000, known[queue, default: [:]].count < 1000 {
                known[queue, default: [:]][type] = fresh
            }
            return fresh
        }
    }
}
