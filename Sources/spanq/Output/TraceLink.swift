import Foundation
import SpanQueue
import SpanQueueTelemetry

/// Where a tracing backend shows the trace: `SPANQ_TRACE_URL` with the id in the place of `{trace_id}`.
enum TraceLink {
    static let place = "{trace_id}"

    /// Nil where no template is set, and with a warning where it is none.
    static func fromEnvironment(to trace: JobTrace) -> String? {
        guard let template = ProcessInfo.processInfo.environment["SPANQ_TRACE_URL"], !template.isEmpty else {
            return nil
        }
        guard let link = make(template, trace.record.message.trace.traceID) else {
            Console.note("spanq: warning: SPANQ_TRACE_URL has no \(place): no link is shown")
            return nil
        }
        return link
    }

    static func make(_ template: String, _ traceID: TraceID) -> String? {
        guard template.contains(place) else { return nil }
        return Masking.redact(template.replacing(place, with: traceID.description))
    }
}
