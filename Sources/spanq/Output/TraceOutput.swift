import SpanQueue
import SpanQueueTelemetry

/// A job's spans as `--json` shows them. The names are a contract: add, never change.
struct TraceOutput: Encodable, Sendable {
    let traceID: String
    let jobID: String
    let spans: [SpanOutput]

    private enum CodingKeys: String, CodingKey {
        case spans
        case traceID = "trace_id"
        case jobID = "job_id"
    }

    init(_ trace: JobTrace) {
        traceID = trace.record.message.trace.traceID.description
        jobID = trace.record.message.id.description
        spans = trace.steps.compactMap(SpanOutput.init)
    }
}
