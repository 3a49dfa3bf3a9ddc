public import Logging
import SpanQueueTelemetry

/// What an engine gets when it is made.
public struct EngineEnvironment: Sendable {
    /// Where it logs.
    public var logger: Logger
    private let telemetry: JobTelemetry?

    /// An environment with a logger alone.
    public init(logger: Logger) {
        self.logger = logger
        telemetry = nil
    }

    init(logger: Logger, telemetry: JobTelemetry) {
        self.logger = logger
        self.telemetry = telemetry
    }

    /// Where an engine records its round trips; nil where nobody asks for them.
    ///
    /// - Parameter engine: the label `engine`: `redis`, `postgres`. An engine that makes no round trips does not ask.
    package func metrics(of engine: String) -> EngineMetrics? {
        telemetry.map { EngineMetrics($0.metrics, engine: engine) }
    }
}
