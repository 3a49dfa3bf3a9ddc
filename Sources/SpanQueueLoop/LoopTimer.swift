/// A callback that a ``LoopThread`` will run once, on its own thread. Made by ``LoopThread/schedule(at:_:)``.
package final class LoopTimer {
    package let deadline: ContinuousClock.Instant

    /// Taken out when the timer fires or is cancelled, which is what makes both happen at most once.
    private var callback: (() -> Void)?

    init(deadline: ContinuousClock.Instant, callback: @escaping () -> Void) {
        self.deadline = deadline
        self.callback = callback
    }

    var isPending: Bool { callback != nil }

    /// The callback, for the only caller that will ever get it.
    func take() -> (() -> Void)? {
        defer { callback = nil }
        return callback
    }
}
