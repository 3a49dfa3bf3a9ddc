internal import NIOCore
internal import NIOPosix
internal import SpanQueue
internal import Synchronization

/// Tells a worker that is cut off from one whose engine is away.
///
/// It measures how long the worker has had no answer, and leaves out the time in which the engine did not answer us either: a
/// restart mends the first and not the second.
final class FetchWatch: Sendable {
    /// How long the engine may take. A probe is answered within a second, whatever the engine does.
    private static let patience = TimeAmount.milliseconds(500)

    private let queue: JobQueue
    private let limit: Duration
    private let last: @Sendable () -> ContinuousClock.Instant?
    /// Until when nothing is held against the worker: its start, or the last look at which the engine was away.
    private let excused = Mutex(ContinuousClock.now)

    init(_ queue: JobQueue, _ limit: Duration, _ last: @escaping @Sendable () -> ContinuousClock.Instant?) {
        self.queue = queue
        self.limit = limit
        self.last = last
    }

    /// What is wrong; nil for nothing.
    func problem() async -> String? {
        let excused = excused.withLock { $0 }
        let age = ContinuousClock.now - max(last() ?? excused, excused)
        guard age > limit else { return nil }
        guard await engineAnswers() else {
            self.excused.withLock { $0 = .now }
            return nil
        }
        return "no claim was answered for \(age.components.seconds) s, more than \(DurationText.format(limit))"
    }

    /// The timer is an event loop's: the wake-up of `Task.sleep` needs a thread of the pool, which handlers may block.
    private func engineAnswers() async -> Bool {
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: Self.patience) {}
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { [queue] in (try? await queue.engine.now()) != nil }
            group.addTask {
                try? await timer.futureResult.get()
                return false
            }
            defer {
                timer.cancel()
                group.cancelAll()
            }
            return await group.next() ?? false
        }
    }
}
