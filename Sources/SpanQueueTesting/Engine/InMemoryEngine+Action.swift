public import SpanQueue

extension InMemoryEngine {
    /// Stops claims from a queue.
    public func pause(_ queue: String) async throws {
        try checkOpen()
        step(queue) { $0.isPaused = true }
    }

    /// Lets claims go on, and wakes who waits for the queue.
    public func resume(_ queue: String) async throws {
        try checkOpen()
        step(queue) { queue in
            queue.isPaused = false
            queue.wake()
        }
    }

    /// Acts on one job.
    public func perform(_ action: JobAction, on id: JobID, in queue: String) async throws -> ActionOutcome {
        try checkOpen()
        return step(queue) { $0.perform(action, on: id, at: clock.now) }
    }

    /// Removes or redrives jobs of one state, oldest first.
    ///
    /// - Throws: `.invalidArgument` for a state that the action does not take.
    public func performAll(_ request: BulkRequest) async throws -> BulkReply {
        try checkOpen()
        return try step(request.queue) { queue throws(SpanQueueError) in
            try queue.performAll(request, at: clock.now)
        }
    }
}
