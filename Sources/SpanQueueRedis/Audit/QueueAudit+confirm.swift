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
        var violations = try await confirmTotals()
        for digests in Array(suspectLocks).slices(of: 32) {
            let (page, _) = try await session.read(
                .namedLocks(digests), of: keys, messageBytes: Self.wholeHead)
            violations += page.lockFacts.flatMap { $0.violations(queue: queue) }
        }
        var left = suspects
        for _ in 0..<Self.rounds where !left.isEmpty {
            let before = try await look(at: left)
            let (ready, completed) = try await sightings(of: left)
            let after = try await look(at: left)
            for (id, (now, token)) in after {
                guard let earlier = before[id]?.facts, now.isUnchanged(since: earlier) else { continue }
                left.remove(id)
                let inReady = ready[id] ?? 0
                let inCompleted = completed[id] ?? 0
                let judge = JobJudge(queue: queue, maxReclaims: session.maxReclaims, lastToken: token)
                violations += judge.violations(
                    now, ready: inReady, completed: inCompleted, isStray: inReady + inCompleted == 0)
            }
        }
        return violations
    }

    private func look(at ids: Set<String>) async throws -> [String: (facts: JobFacts, lastToken: Int64?)] {
        var found: [String: (facts: JobFacts, lastToken: Int64?)] = [:]
        var size = StepSize(most: 128, fewest: 8)
        var rest = Array(ids)[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(size.count))
            rest = rest.dropFirst(batch.count)
            let (page, took) = try await session.read(
                .jobs(batch), of: keys, messageBytes: Self.wholeHead)
            size.record(took, entries: page.jobs.count, bytes: page.jobs.reduce(0) { $0 + $1.bytes })
            for job in page.jobs { found[job.id] = (job, page.lastToken) }
        }
        return found
    }

    /// How often each id stands in the lists.
    private func sightings(of ids: Set<String>) async throws -> (ready: [String: Int], completed: [String: Int]) {
        var counts: [AuditKey: [String: Int]] = [:]
        for key in [AuditKey.ready, .completed] {
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
