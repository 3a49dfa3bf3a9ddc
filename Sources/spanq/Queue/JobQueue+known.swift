import SpanQueue

extension JobQueue {
    /// Counts of queues that exist; one that does not is an error, for its name was probably mistyped.
    func counts(ofKnown names: [String]) async throws -> [QueueCounts] {
        let all = try await counts()
        return try names.map { name in
            if let counts = all.first(where: { $0.queue == name }) { return counts }
            try NameRule.queue.check(name)
            throw CommandFailure.notFound("no queue \(name): see spanq queue list")
        }
    }
}
