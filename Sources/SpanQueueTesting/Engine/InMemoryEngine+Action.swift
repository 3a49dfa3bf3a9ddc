package import SpanQueue

extension InMemoryEngine {
    /// Stops claims from a queue.
    package func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        guard try isKnown(queue) else { return false }
        try step(queue) { queue throws(SpanQueueError) in queue.isPaused = true }
        return true
    }

    /// Lets claims go on, and wakes those who wait for the queue.
    package func resume(_ queue: String) async throws -> Bool {
        guard try isKnown(queue) else { return false }
        try step(queue) { queue throws(SpanQueueError) in
            queue.isPaused = false
            queue.wake()
        }
        return true
    }

    /// Acts on one job.
    package func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome {
        let now = clock.now
        return try step(queue) { queue throws(SpanQueueError) in queue.perform(action, on: id, at: now) }
    }

    /// Removes or redrives jobs of one state, oldest first.
    ///
    /// - Throws: `.invalidArgument` for a state that the action does not take.
    package func performAll(_ request: BulkRequest) async throws -> BulkReply {
        let now = clock.now
        return try step(request.queue) { queue throws(SpanQueueError) in
            try queue.performAll(request, at: now)
        }
    }

    /// Forgets a queue without jobs.
    package func delete(_ queue: String) async throws -> Bool {
        try look { state throws(SpanQueueError) in
            guard let known = state.queues[queue] else { return false }
            guard known.entries.isEmpty else {
                throw SpanQueueError(.invalidState, "queue \(queue) has jobs: purge them, finished ones included")
            }
            state.queues[queue] = nil
            return true
        }
    }

    private func isKnown(_ queue: String) throws(SpanQueueError) -> Bool {
        try look { $0.queues[queue] != nil }
    }
}
