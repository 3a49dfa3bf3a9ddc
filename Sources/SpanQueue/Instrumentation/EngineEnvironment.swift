public import Logging
import SpanQueueTelemetry

/// What an engine gets when it is made.
public struct EngineEnvironment: Sendable {
    /// Where it logs.
    public var logger: Logger
    /// Is told of each round trip: the operation (a script's or command's name), its duration, and the kind of error where it
    /// failed. Called on the engine's own thread: it must not block.
    public var observe: (@Sendable (_ operation: String, _ duration: Duration, _ errorType: String?) -> Void)?
    /// Is told of each connection that replaced a lost one.
    public var reconnected: (@Sendable () -> Void)?

    /// An environment with a logger alone.
    public init(logger: Logger) {
        self.logger = logger
    }

    init(logger: Logger, telemetry: JobTelemetry) {
        self.logger = logger
        let metrics = telemetry.metrics
        let series = RoundTripSeries(metrics)
        observe = { series.record($0, $1, $2) }
        let reconnects = metrics.redisReconnects.child()
        reconnected = { reconnects.increment() }
    }
}
