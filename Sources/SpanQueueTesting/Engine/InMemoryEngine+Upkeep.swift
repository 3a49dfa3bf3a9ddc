package import SpanQueue

extension InMemoryEngine {
    /// Takes back jobs whose lease has run out.
    package func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        let now = clock.now
        return try step(request.queue) { queue throws(SpanQueueError) in queue.reclaim(request, at: now) }
    }

    /// Drops finished jobs whose retention is over and locks that have run out, at most 100 of a kind in a step.
    package func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply {
        let end = ContinuousClock.now + budget
        var dropped = 0
        while true {
            let step = try step(queue) { queue throws(SpanQueueError) in queue.sweep(at: clock.now) }
            dropped += step
            guard step > 0, end > .now else { return SweepReply(dropped: dropped, isFinished: step == 0) }
        }
    }

    /// Makes a worker known until `lifetime` has passed.
    package func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        let until = clock.now + lifetime
        try look { $0.known[worker.id] = (worker, until) }
    }

    /// Forgets a worker.
    package func retire(workerID: String) async throws {
        try look { $0.known[workerID] = nil }
    }

    /// The workers that are known and have not lapsed, by id.
    package func workers() async throws -> [WorkerInfo] {
        let now = clock.now
        return try look { state in
            state.known = state.known.filter { $0.value.until > now }
            return state.known.values.map(\.worker).sorted { $0.id < $1.id }
        }
    }
}
