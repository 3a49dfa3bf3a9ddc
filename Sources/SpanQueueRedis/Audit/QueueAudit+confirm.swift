import SpanQueue

extension QueueAudit {
    /// How often a job that keeps moving is looked at until it is let go: one that moves is being worked on.
    private static let rounds = 4
    /// Enough for every field of a message: only the payload may be longer.
    private static let wholeHead = 140_000

    /// Looks at what seemed wrong once more, and gives what still is.
    ///
    /// A job is looked at, then the lists are walked, then it is looked at again. If nothing was written of it in between, it was in
    /// the same place all the while, and the walk has met it there as often as it is there.
    func confirm() async throws -> [AuditViolation] {
        var violations = try await confirmTotals() + foreign
        for digests in Array(suspectLocks).slices(of: 32) {
            let (page, _) = try await session.read(
                .namedLocks(digests), of: keys, messageBytes: Self.wholeHead)
            violations += page.lockFacts.flatMap { $0.violations(queue: queue) }
        }
        var left = suspects
        for _ in 0..<Self.rounds where !left.isEmpty && violations.count <= RedisAudit.maximumViolations {
            var before: [String: Int] = [:]
            try await look(at: left, messageBytes: 64) { job, _ in before[job.id] = job.standing }
            let (ready, completed) = try await sightings(of: left)
            try await look(at: left, messageBytes: Self.wholeHead) { job, lastToken in
                guard before[job.id] == job.standing else { return }
                left.remove(job.id)
                let inReady = ready[job.id] ?? 0
                let inCompleted = completed[job.id] ?? 0
                let judge = JobJudge(queue: queue, maxReclaims: session.maxReclaims, lastToken: lastToken)
                violations += judge.violations(
                    job, ready: inReady, completed: inCompleted, isStray: inReady + inCompleted == 0)
            }
        }
        return violations
    }

    /// Reads jobs by their ids; `body` gets each with the last token of that moment.
    private func look(at ids: Set<String>, messageBytes: Int, _ body: (JobFacts, Int64?) -> Void) async throws {
        var size = StepSize(most: 128, fewest: 8)
        var rest = Array(ids)[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(size.count))
            rest = rest.dropFirst(batch.count)
            let (page, took) = try await session.read(.jobs(batch), of: keys, messageBytes: messageBytes)
            size.record(took, entries: page.jobs.count, bytes: page.jobs.reduce(0) { $0 + $1.bytes })
            for job in page.jobs { body(job, page.lastToken) }
        }
    }

    /// How often each id stands in the lists.
    private func sightings(of ids: Set<String>) async throws -> (ready: [String: Int], completed: [String: Int]) {
        var counts: [QueueKey: [String: Int]] = [:]
        for key in [QueueKey.ready, .completed] {
            var audit = self
            try await audit.walk(key) { _, _, fresh in
                for id in fresh where ids.contains(id) { counts[key, default: [:]][id, default: 0] += 1 }
            }
        }
        return (counts[.ready] ?? [:], counts[.completed] ?? [:])
    }
}

extension Array {
    func slices(of length: Int) -> [[Element]] {
        stride(from: 0, to: count, by: length).map { Array(self[$0..<Swift.min($0 + length, count)]) }
    }
}
