public import SpanQueue

extension Worker {
    /// Runs everything that is due, moves the clock to when the next job of the worker's queues is due, and so on, until nothing
    /// is left that is due within `limit`: all retries and delayed jobs run inline, without waiting.
    ///
    /// - Parameters:
    ///   - queue: the queue that the worker serves, on an engine with `clock`.
    ///   - clock: the engine's clock.
    ///   - limit: how far the clock is moved at most; one day by default.
    /// - Returns: what the runs did together.
    @discardableResult
    public func runAllDue(
        in queue: JobQueue, advancing clock: ManualClock, atMost limit: Duration = .seconds(86_400)
    ) async throws -> RunSummary {
        let end = clock.now + limit
        var total = RunSummary()
        while true {
            let summary = try await runOnce()
            total.add(summary)
            var next: Timestamp?
            for name in configuration.queues.queues {
                for state in [JobState.scheduled, .retrying] {
                    let page = try await queue.list(ListRequest(queue: name, state: state, limit: 1))
                    guard let due = page.jobs.first?.dueAt else { continue }
                    next = min(next ?? due, due)
                }
            }
            guard let next, next <= end else { return total }
            clock.advance(by: max(.zero, next - clock.now))
        }
    }
}
