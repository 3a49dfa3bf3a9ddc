public import SpanQueue

extension InMemoryEngine {
    /// Drops finished jobs whose retention is over and locks that have run out, at most 100 of a kind.
    public func sweep(_ queue: String) async throws -> Int {
        try checkOpen()
        return step(queue) { $0.sweep(at: clock.now) }
    }

    /// Makes a worker known until `lifetime` has passed.
    public func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        try checkOpen()
        known[worker.id] = (worker, clock.now + lifetime)
    }

    /// Forgets a worker.
    public func retire(workerID: String) async throws {
        try checkOpen()
        known[workerID] = nil
    }

    /// The workers that are known and have not lapsed, by id.
    public func workers() async throws -> [WorkerInfo] {
        try checkOpen()
        let now = clock.now
        known = known.filter { $0.value.until > now }
        return known.values.map(\.worker).sorted { $0.id < $1.id }
    }
}
