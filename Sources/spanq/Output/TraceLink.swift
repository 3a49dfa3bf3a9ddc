import SpanQueue
import SpanQueueTelemetry

/// Where a tracing backend shows the trace: `SPANQ_TRACE_URL` with the id in the place of `{trace_id}`.
enum TraceLink {
    static let place = "{trace_id}"

    static func make(_ template: String, _ traceID: TraceID) -> String? {
        guard template.contains(place) else { return nil }
        return Masking.redact(template.replacing(place, with: traceID.description))
    }
}

extension SettingsReader {
    /// Reads the template of links to a tracing backend; nil for none.
    mutating func traceURL() throws -> String? {
        try value(.traceURL, default: nil, shown: { $0.map(Masking.url) ?? "none" }) { values throws(SettingProblem) in
            let template = values.joined(separator: ",")
            guard template.contains(TraceLink.place) else {
                throw SettingProblem(
                    "it has no \(TraceLink.place): write it as http://localhost:16686/trace/\(TraceLink.place)")
            }
            return template
        }
    }
}
