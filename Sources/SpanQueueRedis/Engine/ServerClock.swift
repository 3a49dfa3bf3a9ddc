import SpanQueue
import Synchronization

/// An estimate of the server's clock, from the times that its replies carry. It lags behind by the way of a reply.
///
/// It only serves to tell Redis until when a call may run; whatever is decided by time, Redis decides itself.
final class ServerClock: Sendable {
    private let sample = Mutex<(server: Int64, here: ContinuousClock.Instant)?>(nil)

    func learn(_ now: Timestamp) {
        sample.withLock { $0 = (now.milliseconds, .now) }
    }

    /// After a sign that the server's clock was changed.
    func forget() {
        sample.withLock { $0 = nil }
    }

    /// The server's time `timeout` from now in ms; 0, which stands for no limit, where nothing is known.
    func notAfter(_ timeout: Duration) -> Int64 {
        guard let sample = sample.withLock({ $0 }) else { return 0 }
        return sample.server + (ContinuousClock.now - sample.here + timeout).milliseconds
    }
}
