import NIOConcurrencyHelpers

extension LoopThread {
    /// Runs `callback` on the loop's thread once the time has come, unless cancelled. On the loop's thread only.
    @discardableResult
    package func schedule(at deadline: ContinuousClock.Instant, _ callback: @escaping () -> Void) -> LoopTimer {
        checkIsolated()
        let timer = LoopTimer(deadline: deadline, callback: callback)
        timers.insert(timer)
        return timer
    }

    /// After this the timer does not fire. Cancelling one that has fired does nothing. On the loop's thread only.
    package func cancel(_ timer: LoopTimer) {
        checkIsolated()
        timers.cancel(timer)
    }

    /// Sleeps without the cooperative pool: the wake-up comes from the loop's thread, and a task that runs there
    /// goes on there. Throws `CancellationError` as soon as the task is cancelled or the loop is stopped.
    package func sleep(until deadline: ContinuousClock.Instant) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                sleeper.continuation = continuation
                execute { self.arm(sleeper, deadline: deadline) }
            }
        } onCancel: {
            execute { self.cancel(sleeper) }
        }
    }

    /// See ``sleep(until:)``.
    package func sleep(for duration: Duration) async throws {
        try await sleep(until: .now + duration)
    }

    private func arm(_ sleeper: Sleeper, deadline: ContinuousClock.Instant) {
        sleeper.isArmed = true
        guard !sleeper.isCancelled, !inbox.withLockedValue({ $0.isStopping }) else {
            return sleeper.wake(with: .failure(CancellationError()))
        }
        sleepers[ObjectIdentifier(sleeper)] = sleeper
        sleeper.timer = schedule(at: deadline) { [unowned self] in
            sleepers[ObjectIdentifier(sleeper)] = nil
            sleeper.timer = nil
            sleeper.wake(with: .success(()))
        }
    }

    /// Before arming it only leaves a note: the continuation still belongs to the task.
    func cancel(_ sleeper: Sleeper) {
        sleeper.isCancelled = true
        guard sleeper.isArmed else { return }
        if let timer = sleeper.timer { cancel(timer) }
        sleeper.timer = nil
        sleepers[ObjectIdentifier(sleeper)] = nil
        sleeper.wake(with: .failure(CancellationError()))
    }
}
