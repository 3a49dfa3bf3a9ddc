package import SpanQueue

extension MemoryQueue {
    /// All that is known of a job.
    package func record(of id: JobID) -> JobRecord? {
        guard let entry = entries[id] else { return nil }
        return JobRecord(
            message: entry.message, state: entry.place.state, run: entry.run, dueAt: entry.place.dueAt,
            claim: entry.place.claim, cancelRequested: entry.cancelReason != nil)
    }

    /// A page of the jobs in one state, in the order in which they will run or have ended.
    ///
    /// - Throws: `.invalidArgument` for a cursor that is none.
    package func list(_ request: ListRequest) throws(SpanQueueError) -> ListPage {
        let line = self[request.state]
        let members = request.newestFirst ? Array(line.members.reversed()) : Array(line.members)
        var rest = members[...]
        if let cursor = request.cursor {
            let last = try Self.member(atCursor: cursor)
            // Those before the cursor, or those before it with itself: they end where the other way round would begin.
            let seen = request.newestFirst ? members.count - line.count { $0 >= last } : line.count { $0 > last }
            rest = rest.dropFirst(seen)
        }
        let page = rest.prefix(min(max(1, request.limit), 1000))
        let isLast = page.endIndex == rest.endIndex
        return ListPage(
            jobs: page.compactMap { record(of: $0.id) }, cursor: isLast ? nil : page.last.map(Self.cursor(behind:)))
    }

    private static func cursor(behind member: Line.Member) -> String {
        "\(member.rank.major)/\(member.rank.minor)/\(member.id)"
    }

    private static func member(atCursor cursor: String) throws(SpanQueueError) -> Line.Member {
        let parts = cursor.split(separator: "/", maxSplits: 2)
        guard parts.count == 3, let major = Int64(parts[0]), let minor = Int64(parts[1]) else {
            throw SpanQueueError(.invalidArgument, "not a cursor of this list: use the one of the page before")
        }
        return Line.Member(rank: Rank(major: major, minor: minor), id: JobID(unchecked: String(parts[2])))
    }

    /// How many jobs stand in each state, and what has happened so far.
    package func counts(at now: Timestamp) -> QueueCounts {
        let jobs = Dictionary(uniqueKeysWithValues: JobState.known.map { ($0, self[$0].count) })
        return QueueCounts(
            queue: name, jobs: jobs, isPaused: isPaused, oldestReadyAge: oldestReadyAge(at: now), totals: totals)
    }

    /// Of each priority the arrivals stand in their order, and before them those that came back, the latest first. So the oldest of
    /// both kinds stand where they meet, and the cost does not grow with the depth.
    private func oldestReadyAge(at now: Timestamp) -> Duration? {
        let line = self[.ready]
        var oldest: Duration?
        for level in Int64(0)...9 {
            let middle = line.count { $0.rank >= Rank(major: level, minor: 0) }
            for place in [middle - 1, middle] where line.members.indices.contains(place) {
                let member = line.members[place]
                guard member.rank.major == level, let entry = entries[member.id] else { continue }
                let age = max(.zero, now - (entry.run.eligibleAt ?? entry.message.eligibleAt))
                oldest = max(oldest ?? .zero, age)
            }
        }
        return oldest
    }
}
