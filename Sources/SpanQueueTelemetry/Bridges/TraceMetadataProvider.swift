public import Logging
internal import ServiceContextModule

extension Logger.MetadataProvider {
    /// Puts `trace_id` and `span_id` on each line that is logged within a span.
    public static let spanQueueTrace = Logger.MetadataProvider {
        guard let trace = ServiceContext.current?.traceContext else { return [:] }
        return ["trace_id": "\(trace.traceID)", "span_id": "\(trace.spanID)"]
    }
}
