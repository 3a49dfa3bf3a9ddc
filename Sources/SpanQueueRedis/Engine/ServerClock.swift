import SpanQueue
import Synchronization

/// An estimate of the server's clock, from the times that its replies carry. It lags behind by the way of a reply.
///
/// It only serves to tell Redis until when a call may run; whatever is decided by time, Redis decides itself.
final class ServerClock: Sendable {
    private let sample = Mutex<(server: Int64, here: ContinuousClock.Instant)?>(nil)

    /// How far the server's clock may be from where the last reply let us expect it: replies are on their way for a while.
    private static let tolerance = Duration.seconds(2)

    /// - Returns: whether the server's clock was changed since the last reply.
    @discardableResult
    func learn(_ now: Timestamp) -> Bool {
        let here = ContinuousClock.now
        return sample.withLock { sample in
            defer { sample = (now.milliseconds, here) }
            guard let last = sample else { return false }
            let expected = Duration.milliseconds(last.server) + (here - last.here)
            return abs((Duration.milliseconds(now.milliseconds) - expected).milliseconds) > Self.tolerance.milliseconds
        }
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
