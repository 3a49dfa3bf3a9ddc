package import SpanQueue

extension InMemoryEngine {
    /// The queues that have had a job, by name.
    package func queues() async throws -> [String] { try look { $0.queues.keys.sorted() } }

    /// Finds a job, in all queues where none is named.
    package func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        try look { state in
            if let queue { return state.queues[queue]?.record(of: id) }
            return state.queues.values.sorted { $0.name < $1.name }.lazy.compactMap { $0.record(of: id) }.first
        }
    }

    /// A page of the jobs of a queue in one state.
    package func list(_ request: ListRequest) async throws -> ListPage {
        try look { state throws(SpanQueueError) in try state.queue(named: request.queue).list(request) }
    }

    /// Counts of the named queues, by name.
    package func counts(of queues: [String]) async throws -> [QueueCounts] {
        let now = clock.now
        return try look { state in queues.map { state.queue(named: $0).counts(at: now) } }
    }
}
