import SpanQueueTelemetry

/// An attempt that has ended, from its end until the engine has answered its settlement: what is to be settled, and what is to
/// be reported once that has counted.
struct Ending: Sendable {
    let settlement: Settlement
    /// Nil for a job whose record can't be read.
    var claim: ClaimedJob?
    /// Where the attempt stands in its trace.
    var context: TraceContext?
    /// The attempt in the application's own tracer.
    var applicationSpan: ApplicationSpans.Open?
    /// How long the handler ran; nil where none did.
    var duration: Duration?
    /// From the start of the attempt to its end, on the wall clock.
    var startNanoseconds: UInt64 = 0
    var endNanoseconds: UInt64 = 0
}
