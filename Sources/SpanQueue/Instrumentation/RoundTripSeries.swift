import SpanQueueTelemetry
import Synchronization

/// The series of round trips by operation, looked up once each.
final class RoundTripSeries: Sendable {
    private let metrics: JobMetrics
    private let series = Mutex<[String: HistogramSeries]>([:])

    init(_ metrics: JobMetrics) {
        self.metrics = metrics
    }

    func record(_ operation: String, _ duration: Duration, _ errorType: String?) {
        if let errorType { metrics.redisErrors.child(operation, errorType).increment() }
        let histogram = series.withLock { series in
            if let known = series[operation] { return known }
            let fresh = metrics.redisSeconds.child(operation)
            // There are as many operations as scripts and commands in the program.
            series[operation] = fresh
            return fresh
        }
        histogram.record(duration)
    }
}
