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
        let jobs = Dictionary(uniqueKeysWithValues: JobState.allCases.map { ($0, self[$0].count) })
        return QueueCounts(
            queue: name, jobs: jobs, isPaused: isPaused, oldestReadyAge: oldestReadyAge(at: now), totals: totals)
    }

    /// Judged by the first job of all and the first without a priority, so that the cost does not grow with the depth.
    private func oldestReadyAge(at now: Timestamp) -> Duration? {
        let line = self[.ready]
        let plain = line.count { $0.rank.major >= 9 }
        let heads = [line.first, plain < line.count ? line.members[plain] : nil].compactMap(\.self)
        return heads.compactMap { head in
            entries[head.id].map { max(.zero, now - ($0.run.eligibleAt ?? $0.message.eligibleAt)) }
        }.max()
    }
}
