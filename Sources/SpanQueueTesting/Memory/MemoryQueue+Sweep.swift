package import SpanQueue

extension MemoryQueue {
    /// The most records of one kind that a sweep drops.
    private static let sweepStep = 250

    /// Forgets finished jobs whose retention is over and locks that have run out, a bounded number at a time.
    ///
    /// - Returns: how many records and locks were dropped.
    package mutating func sweep(at now: Timestamp) -> Int {
        let oldest = now.milliseconds - keeping.standard.milliseconds
        var gone = overdueCompletions(notAfter: oldest)
        gone += self[.completed].members.prefix(Self.sweepStep)
            .prefix { $0.rank.major < Place.firstStandardCompletion && $0.rank.minor <= now.milliseconds }.map(\.id)
        gone += self[.cancelled].ids(upTo: oldest, limit: Self.sweepStep)
        if let dead = keeping.dead {
            gone += self[.dead].ids(upTo: now.milliseconds - dead.milliseconds, limit: Self.sweepStep)
        }
        for id in gone { forget(id) }
        let lapsed = locks.filter { !$0.value.isHeld(at: now) }.keys.prefix(Self.sweepStep)
        for digest in lapsed { locks[digest] = nil }
        return gone.count + lapsed.count
    }

    /// Completed jobs with the standard retention that are too old or too many.
    private func overdueCompletions(notAfter oldest: Int64) -> [JobID] {
        let line = standardCompletions
        let over = line.count - keeping.completedJobs
        return line.prefix(Self.sweepStep).map(\.id).enumerated().prefix { index, id in
            guard index >= over, case .completed(let at, _) = entries[id]?.place else { return true }
            return at.milliseconds <= oldest
        }.map(\.element)
    }
}
