// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CoreMetrics
internal import Instrumentation
public import Logging
public import ServiceLifecycle
internal import SpanQueueCurl
public import SpanQueueTelemetry
public import Tracing

/// The telemetry of a process: the tracer, the processors and the exporters, as one service.
///
/// List it first in a `ServiceGroup`: services are stopped in reverse order, so it is then the last to stop and exports what the
/// others recorded as they ended.
public final class Telemetry: Service {
    /// What it was made with.
    public let configuration: TelemetryConfiguration
    /// Makes spans.
    public let tracer: SpanQueueTracer
    /// Reads and writes headers.
    package let propagator: W3CPropagator
    /// Takes log records; nil where they go nowhere.
    package let logProcessor: BatchProcessor<[LogRecordData]>?

    let spanProcessor: SpanBatchProcessor?
    private let pipelines: [OTLPSignal: any ExportPipeline]
    private let http: CurlLoop
    private let stops: AsyncStream<Void>
    private let stopper: AsyncStream<Void>.Continuation

    /// Makes the parts and starts nothing.
    ///
    /// - Parameters:
    ///   - configuration: what goes where.
    ///   - logger: is told when exports fail and when they succeed again. Better not one that exports to the same place.
    ///   - metrics: takes a snapshot; nil where there are none.
    package convenience init(
        _ configuration: TelemetryConfiguration, logger: Logger = Logger(label: "spanqueue.telemetry"),
        metrics: (@Sendable () async -> MetricsSnapshot)? = nil
    ) {
        self.init(configuration, exportsSpans: true, logger: logger, metrics: metrics)
    }

    init(
        _ configuration: TelemetryConfiguration, exportsSpans: Bool,
        logger: Logger = Logger(label: "spanqueue.telemetry"), metrics: (@Sendable () async -> MetricsSnapshot)?
    ) {
        let http = CurlLoop(name: "spanq-telemetry", maximumConnectionsPerHost: OTLPSignal.allCases.count)
        let parts = TelemetryParts(configuration, http: http, logger: logger)
        self.configuration = configuration
        self.http = http
        (stops, stopper) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        spanProcessor = exportsSpans ? parts.spanProcessor() : nil
        logProcessor = parts.logProcessor()
        propagator = W3CPropagator(configuration.propagators)
        tracer = SpanQueueTracer(
            sampler: configuration.isDisabled ? .alwaysOff : configuration.sampler, limits: configuration.spanLimits,
            processor: spanProcessor)
        var pipelines: [OTLPSignal: any ExportPipeline] = [:]
        pipelines[.traces] = spanProcessor
        pipelines[.logs] = logProcessor
        pipelines[.metrics] = metrics.flatMap(parts.metricReader)
        self.pipelines = pipelines
    }

    /// Exports until the group stops gracefully or the task is cancelled, and then what is left, within the configured time.
    public func run() async throws {
        // Not a child of the calling task: a group cancels its services when one of them ends, which is when the last spans are to
        // be exported. It ends on its own, at `shutdownTimeout` after the stop.
        let work = Task { await self.runUntilStopped() }
        await withTaskCancellationOrGracefulShutdownHandler {
            await work.value
        } onCancelOrGracefulShutdown: { [stopper] in
            stopper.finish()
        }
    }

    private func runUntilStopped() async {
        await withTaskGroup { group in
            for pipeline in pipelines.values {
                group.addTask { await pipeline.run() }
            }
            for await _ in stops {}
            _ = await shutdown(within: configuration.shutdownTimeout)
            // What is still on its way after that is given up.
            group.cancelAll()
        }
        await http.shutdown()
    }

    /// Exports what was recorded up to now, all signals at once.
    ///
    /// - Returns: whether all of it was taken in time.
    @discardableResult
    public func flush(within limit: Duration) async -> Bool {
        await flushResult(within: limit) == .ok
    }

    func flushResult(within limit: Duration) async -> FlushResult {
        await onEach { await $0.flush(within: limit) }
    }

    /// Takes no more, and exports what is there. A process without a service group calls this before it ends.
    ///
    /// - Returns: whether all of it was taken in time.
    @discardableResult
    public func shutdown(within limit: Duration) async -> Bool {
        await onEach { await $0.shutdown(within: limit) } == .ok
    }

    /// What tracer and exporters have done so far.
    package var statistics: ExporterStatistics {
        ExporterStatistics(startedSpans: tracer.startedSpans, signals: pipelines.mapValues(\.statistics))
    }

    private func onEach(
        _ body: @escaping @Sendable (any ExportPipeline) async -> FlushResult
    ) async -> FlushResult {
        await withTaskGroup(of: FlushResult.self) { group in
            for pipeline in pipelines.values {
                group.addTask { await body(pipeline) }
            }
            return await group.reduce(.ok) { $0.merged(with: $1) }
        }
    }
}

/// Puts processors and exporters together as a configuration says.
struct TelemetryParts {
    private let configuration: TelemetryConfiguration
    private let http: CurlLoop
    private let logger: Logger

    init(_ configuration: TelemetryConfiguration, http: CurlLoop, logger: Logger) {
        self.configuration = configuration
        self.http = http
        self.logger = logger
    }

    func spanProcessor() -> SpanBatchProcessor? {
        let resource = configuration.resource
        let exporter = exporter(.traces, configuration.traces) { (encoding, batch: EncodedSpans) in
            encoding.request(batch, resource: resource)
        }
        return exporter.map {
            SpanBatchProcessor(
                configuration.spanBatches, as: configuration.traces.encoding, of: resource, exporter: $0)
        }
    }

    func logProcessor() -> BatchProcessor<[LogRecordData]>? {
        let resource = configuration.resource
        let exporter = exporter(.logs, configuration.logs) { (encoding, records: [LogRecordData]) in
            encoding.encode(records, resource: resource)
        }
        return exporter.map { BatchProcessor(configuration.logBatches, exporter: $0) }
    }

    func metricReader(_ collect: @escaping @Sendable () async -> MetricsSnapshot) -> MetricReader? {
        let resource = configuration.resource
        let exporter = exporter(.metrics, configuration.metrics) { (encoding, snapshots: [MetricsSnapshot]) in
            // A reader exports one snapshot at a time.
            snapshots.first.map { encoding.encode($0, resource: resource) } ?? []
        }
        return exporter.map {
            MetricReader(
                interval: configuration.metricInterval, exportTimeout: configuration.metricTimeout, exporter: $0,
                collect: collect)
        }
    }

    private func exporter<Batch: ItemBatch & Sendable>(
        _ signal: OTLPSignal, _ target: ExportTarget,
        _ encode: @escaping @Sendable (any OTLPEncoding, Batch) -> [UInt8]
    ) -> (any BatchExporter<Batch>)? {
        guard !configuration.isDisabled else { return nil }
        let encoding = target.encoding
        switch target.kind {
        case .none: return nil
        case .console: return ConsoleExporter { encode(encoding, $0) }
        case .otlp(let endpoint):
            let transport = CurlTransport(to: endpoint, over: http)
            let log = ExportLog(signal: signal, shownURL: transport.shownURL, logger: logger)
            return OTLPExporter(
                signal, over: transport, as: encoding.contentType, retries: configuration.retriesExports, log: log
            ) { encode(encoding, $0) }
        }
    }
}

extension ExportTarget {
    /// What writes the bodies.
    fileprivate var encoding: any OTLPEncoding {
        if case .otlp(let endpoint) = kind, endpoint.encoding == .httpProtobuf { return OTLPProtobufEncoding() }
        return OTLPJSONEncoding()
    }
}

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
    public func makeTracer() -> any Tracer {
        DistributedTracer(tracer, propagator: propagator) { [spanProcessor] in spanProcessor?.requestFlush() }
    }

    /// A handler that writes to standard error and, where log records go anywhere, exports them too. It never waits: a thread
    /// writes the lines, and what standard error does not take is dropped and counted (`MetricsRegistry.registerLogMetrics()`).
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
