public import SpanQueueTelemetry

/// What the telemetry of a process has done so far, for the metrics of its own health (`otel.sdk.*`).
public struct ExporterStatistics: Sendable, Hashable {
    /// How many spans were started.
    public var startedSpans: StartedSpans
    /// Each signal that is exported.
    public var signals: [OTLPSignal: ExportStatistics]

    /// Makes statistics of their parts.
    public init(startedSpans: StartedSpans = StartedSpans(), signals: [OTLPSignal: ExportStatistics] = [:]) {
        self.startedSpans = startedSpans
        self.signals = signals
    }
}
