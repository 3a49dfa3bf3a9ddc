public import Logging
public import ServiceLifecycle
internal import SpanQueueCurl
public import SpanQueueTelemetry

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
    public let propagator: W3CPropagator
    /// Takes log records; nil where they go nowhere.
    public let logProcessor: BatchProcessor<LogRecordData>?

    let spanProcessor: BatchProcessor<SpanData>?
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
    public convenience init(
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
    public func flush(within limit: Duration) async -> FlushResult {
        await onEach { await $0.flush(within: limit) }
    }

    /// Takes no more, and exports what is there. A process without a service group calls this before it ends.
    public func shutdown(within limit: Duration) async -> FlushResult {
        await onEach { await $0.shutdown(within: limit) }
    }

    /// What tracer and exporters have done so far.
    public var statistics: ExporterStatistics {
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
