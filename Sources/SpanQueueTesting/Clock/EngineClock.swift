public import SpanQueue

/// The clock by which an in-memory engine judges every deadline.
public protocol EngineClock: Sendable {
    /// The present moment, in milliseconds.
    var now: Timestamp { get }
    /// Returns when `now` has reached `moment`, at once where it has already.
    ///
    /// - Throws: `CancellationError` where the task is cancelled first.
    func sleep(until moment: Timestamp) async throws
}
