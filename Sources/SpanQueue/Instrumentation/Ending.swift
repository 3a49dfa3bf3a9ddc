import SpanQueueTelemetry

/// An attempt that has ended, from its end until the engine has answered its settlement: what is to be settled, and what is to
/// be reported once that has counted.
///
/// A class, as is a slot: both go through several collections, and to copy a settlement is to retain a dozen objects.
final class Ending: Sendable {
    let settlement: Settlement
    /// Nil for a job whose record can't be read, as is `trace`.
    let claim: ClaimedJob?
    /// Where the attempt stands in its trace.
    let trace: TraceContext?
    /// The attempt in the application's own tracer.
    let applicationSpan: ApplicationSpans.Open?
    /// How long the handler ran; nil where none did.
    let duration: Duration?
    /// From the start of the attempt to its end, on the wall clock.
    let startNanoseconds: UInt64
    let endNanoseconds: UInt64

    init(
        _ settlement: Settlement, of claim: ClaimedJob, trace: TraceContext, applicationSpan: ApplicationSpans.Open?,
        duration: Duration?, from startNanoseconds: UInt64, to endNanoseconds: UInt64
    ) {
        self.settlement = settlement
        self.claim = claim
        self.trace = trace
        self.applicationSpan = applicationSpan
        self.duration = duration
        self.startNanoseconds = startNanoseconds
        self.endNanoseconds = endNanoseconds
    }

    /// The burial of a job that no handler has seen.
    init(burial settlement: Settlement) {
        self.settlement = settlement
        self.claim = nil
        self.trace = nil
        self.applicationSpan = nil
        self.duration = nil
        self.startNanoseconds = 0
        self.endNanoseconds = 0
    }
}
