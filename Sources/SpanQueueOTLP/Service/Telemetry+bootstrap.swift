internal import CoreMetrics
internal import Instrumentation
public import Logging
public import SpanQueueTelemetry

extension Telemetry {
    /// What of a process is to go through SpanQueue's telemetry.
    public struct Parts: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int

        /// Takes bits.
        public init(rawValue: Int) {
            self.rawValue = rawValue
        }

        /// swift-distributed-tracing's tracer and instrument.
        public static let tracing = Parts(rawValue: 1)
        /// swift-log's handler: standard error, written by a thread of its own so that no line is waited for, and the exporter where
        /// log records go anywhere. Only for an application that does not bootstrap swift-log itself.
        public static let logging = Parts(rawValue: 2)
        /// swift-metrics: an application's own metrics, and those of any instrumented library, stand in the registry.
        public static let metrics = Parts(rawValue: 4)
    }

    /// Makes the telemetry of this process, and sets it up as the back end of the common libraries. To be called once, early in
    /// `main`, before queues and workers are made. An application that has bootstrapped another back end keeps it; SpanQueue's spans
    /// then go through that one and are not exported here, and its own metrics go there too (`MetricsRegistryConfiguration/alongsideApplication()`).
    ///
    /// Logging has to be asked for, because swift-log ends a process that bootstraps it twice and does not say whether it has been:
    /// what can be seen is only that the handler is not the one of the default kind, and then it is kept.
    ///
    /// - Parameters:
    ///   - configuration: what goes where.
    ///   - parts: what is set up; none makes the service alone.
    ///   - registry: the metrics that are exported where the configuration says so, and that swift-metrics joins.
    /// - Returns: a service: run it, first in the group.
    public static func bootstrap(
        _ configuration: TelemetryConfiguration, parts: Parts = [.tracing, .metrics],
        registry: MetricsRegistry = .standard
    ) -> Telemetry {
        let hasTracer = !(InstrumentationSystem.instrument is NoOpInstrument)
        // Beside another tracer that exports, spans would come from two, with ids that do not match.
        let telemetry = Telemetry(configuration, exportsSpans: !parts.contains(.tracing) || !hasTracer) {
            await registry.collect()
        }
        if parts.contains(.tracing), !hasTracer { InstrumentationSystem.bootstrap(telemetry.makeTracer()) }
        if parts.contains(.metrics), MetricsSystem.factory is NOOPMetricsHandler {
            MetricsSystem.bootstrap(SwiftMetricsFactory(registry: registry))
        }
        if parts.contains(.logging), Logger(label: "spanqueue").handler is StreamLogHandler {
            LoggingSystem.bootstrap(
                { telemetry.makeLogHandler(label: $0, metadataProvider: $1) }, metadataProvider: .spanQueueTrace)
        }
        return telemetry
    }

    /// The tracer as swift-distributed-tracing wants it, for an application that bootstraps itself.
    public func makeTracer() -> DistributedTracer {
        DistributedTracer(tracer, propagator: propagator) { [spanProcessor] in spanProcessor?.requestFlush() }
    }

    /// A handler that writes to standard error and, where log records go anywhere, exports them too. It never waits: a thread
    /// writes the lines, and what standard error does not take is dropped and counted (`LogMetrics`).
    ///
    /// - Parameters:
    ///   - label: the logger's.
    ///   - metadataProvider: adds metadata to every line.
    public func makeLogHandler(label: String, metadataProvider: Logger.MetadataProvider? = nil) -> any LogHandler {
        makeLogHandler(label: label, metadataProvider: metadataProvider, format: nil)
    }

    /// The same, in a format of one's choice.
    ///
    /// - Parameter format: of the lines on standard error; for nil text on a terminal and logfmt elsewhere.
    public func makeLogHandler(
        label: String, metadataProvider: Logger.MetadataProvider? = nil, format: LogFormat?
    ) -> any LogHandler {
        let console = LineLogHandler(label: label, format: format, metadataProvider: metadataProvider)
        guard let logProcessor else { return console }
        // The record has its own fields for the trace, so the provider is only for the console.
        let export = OTLPLogHandler(label: label, processor: logProcessor, limits: configuration.logLimits)
        return MultiplexLogHandler([console, export])
    }
}
