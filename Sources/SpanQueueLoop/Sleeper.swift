/// One task in ``LoopThread/sleep(until:)``. Cancellation may reach the loop before the timer is set.
///
/// `@unchecked Sendable`: the sleeping task writes `continuation` before it hands the sleeper to the loop; after that, and for
/// everything else, only the loop's thread touches it.
final class Sleeper: @unchecked Sendable {
    var continuation: UnsafeContinuation<Void, any Error>?
    var timer: LoopTimer?
    var isArmed = false
    var isCancelled = false

    /// Resumes the task, the first time. An unsafe continuation is enough because it is taken out as it is resumed, and
    /// a sleeper is in its loop's table from arming until then.
    func wake(with result: Result<Void, any Error>) {
        continuation?.resume(with: result)
        continuation = nil
    }
}
