public import SpanQueue

extension InMemoryEngine {
    /// Finds a job, in all queues where none is named.
    public func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        try checkOpen()
        if let queue { return queues[queue]?.record(of: id) }
        return queues.values.sorted { $0.name < $1.name }.lazy.compactMap { $0.record(of: id) }.first
    }

    /// A page of the jobs of a queue in one state.
    public func list(_ request: ListRequest) async throws -> ListPage {
        try checkOpen()
        return try queue(named: request.queue).list(request)
    }

    /// Counts of the named queues, or of all, by name.
    public func counts(of queues: [String]?) async throws -> [QueueCounts] {
        try checkOpen()
        return (queues ?? self.queues.keys.sorted()).map { queue(named: $0).counts(at: clock.now) }
    }
}
