internal import Logging
internal import SpanQueueCurl

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

    func spanProcessor() -> BatchProcessor<SpanData>? {
        let resource = configuration.resource
        return exporter(.traces, configuration.traces) { OTLPTraceEncoder.encode($0, resource: resource) }
            .map { BatchProcessor(configuration.spanBatches, exporter: $0) }
    }

    func logProcessor() -> BatchProcessor<LogRecordData>? {
        let resource = configuration.resource
        return exporter(.logs, configuration.logs) { OTLPLogEncoder.encode($0, resource: resource) }
            .map { BatchProcessor(configuration.logBatches, exporter: $0) }
    }

    func metricReader(_ collect: @escaping @Sendable () async -> MetricsSnapshot) -> MetricReader? {
        let resource = configuration.resource
        let exporter = exporter(.metrics, configuration.metrics) { (snapshots: [MetricsSnapshot]) in
            // A reader exports one snapshot at a time.
            snapshots.first.map { OTLPMetricEncoder.encode($0, resource: resource) } ?? []
        }
        return exporter.map {
            MetricReader(
                interval: configuration.metricInterval, exportTimeout: configuration.metricTimeout, exporter: $0,
                collect: collect)
        }
    }

    private func exporter<Item: Sendable>(
        _ signal: OTLPSignal, _ target: ExportTarget, _ encode: @escaping @Sendable ([Item]) -> [UInt8]
    ) -> (any BatchExporter<Item>)? {
        guard !configuration.isDisabled else { return nil }
        return switch target {
        case .none: nil
        case .console: ConsoleExporter(encode: encode)
        case .otlp(let endpoint):
            OTLPExporter(
                signal, to: endpoint, over: http, retries: configuration.retriesExports, log: logger, encode: encode)
        }
    }
}
