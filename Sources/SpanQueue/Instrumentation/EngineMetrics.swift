import SpanQueueTelemetry
import Synchronization

/// What an engine records of its round trips, whatever it talks to. Safe to call from any thread; it does not block.
package final class EngineMetrics: Sendable {
    private let metrics: JobMetrics
    private let engine: String
    private let reconnects: CounterSeries
    private let series = Mutex<[String: HistogramSeries]>([:])

    init(_ metrics: JobMetrics, engine: String) {
        self.metrics = metrics
        self.engine = engine
        reconnects = metrics.engineReconnects.child(engine)
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

    /// Records a connection that replaced a lost one.
    package func reconnected() {
        reconnects.increment()
    }
}
