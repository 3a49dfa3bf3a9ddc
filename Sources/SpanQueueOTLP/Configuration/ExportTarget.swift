/// Where a signal goes (`OTEL_TRACES_EXPORTER` and the like).
public enum ExportTarget: Sendable, Hashable {
    /// Nowhere.
    case none
    /// To standard output, one line of OTLP/JSON a batch.
    case console
    /// To a collector.
    case otlp(OTLPEndpoint)
}
