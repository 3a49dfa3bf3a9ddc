internal import Logging
internal import SpanQueueCurl
internal import SpanQueueTelemetry

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
        return exporter(.traces, configuration.traces) { $0.encode($1, resource: resource) }
            .map { BatchProcessor(configuration.spanBatches, exporter: $0) }
    }

    func logProcessor() -> BatchProcessor<LogRecordData>? {
        let resource = configuration.resource
        return exporter(.logs, configuration.logs) { $0.encode($1, resource: resource) }
            .map { BatchProcessor(configuration.logBatches, exporter: $0) }
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

    private func exporter<Item: Sendable>(
        _ signal: OTLPSignal, _ target: ExportTarget,
        _ encode: @escaping @Sendable (any OTLPEncoding, [Item]) -> [UInt8]
    ) -> (any BatchExporter<Item>)? {
        guard !configuration.isDisabled else { return nil }
        switch target {
        case .none: return nil
        case .console: return ConsoleExporter { encode(OTLPJSONEncoding(), $0) }
        case .otlp(let endpoint):
            let encoding = endpoint.encoding.encoding
            let transport = CurlTransport(to: endpoint, over: http)
            let log = ExportLog(signal: signal, shownURL: transport.shownURL, logger: logger)
            return OTLPExporter(
                signal, over: transport, as: encoding.contentType, retries: configuration.retriesExports, log: log
            ) { encode(encoding, $0) }
        }
    }
}
