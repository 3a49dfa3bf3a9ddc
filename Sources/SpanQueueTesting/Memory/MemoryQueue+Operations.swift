// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension MemoryQueue {
    /// Does to one job what a person asked for.
    package mutating func perform(
        _ action: JobAction, on id: JobID, by: String? = nil, at now: Timestamp
    ) -> ActionOutcome {
        guard let state = entries[id]?.place.state else { return .notFound }
        switch action {
        case .cancel(let reason): return cancel(id, in: state, OperatorNote(reason: reason, by: by), at: now)
        case .bury(let reason): return bury(id, in: state, OperatorNote(reason: reason, by: by), at: now)
        case .redrive: return redrive(id, in: state, by: by, at: now)
        case .remove:
            guard state != .active else { return .invalidState(state) }
            remove(id)
            return .done(nil)
        }
    }

    /// The same where the job is in a state, or already where the action would bring it.
    package mutating func perform(
        _ action: JobAction, on id: JobID, if state: JobState, by: String? = nil, at now: Timestamp
    ) -> ActionOutcome {
        guard let found = entries[id]?.place.state else { return .notFound }
        guard found == state || found == action.aim else { return .invalidState(found) }
        return perform(action, on: id, by: by, at: now)
    }

    private mutating func cancel(
        _ id: JobID, in state: JobState, _ note: OperatorNote, at now: Timestamp
    ) -> ActionOutcome {
        switch state {
        case .active:
            entries[id]?.cancelRequest = CancelRequest(at: now, reason: note.reason, by: note.by)
            return .requested
        case .cancelled: return .done(state)
        case .scheduled, .ready, .retrying:
            moveToCancelled(id, at: now)
            release(entries[id]?.message.unique, of: id)
            entries[id]?.run.append(.cancelled(at: now, reason: note.reason, by: note.by))
            return .done(.cancelled)
        default: return .invalidState(state)
        }
    }

    private mutating func bury(
        _ id: JobID, in state: JobState, _ note: OperatorNote, at now: Timestamp
    ) -> ActionOutcome {
        switch state {
        case .dead: return .done(state)
        case .scheduled, .ready, .retrying:
            moveToDead(id, at: now)
            release(entries[id]?.message.unique, of: id)
            entries[id]?.run.append(.buried(at: now, reason: note.reason, by: note.by))
            return .done(.dead)
        default: return .invalidState(state)
        }
    }

    mutating func redrive(_ id: JobID, in state: JobState, by: String?, at now: Timestamp) -> ActionOutcome {
        guard let message = entries[id]?.message else { return .notFound }
        switch state {
        case .ready: return .done(state)
        case .dead:
            if let lock = message.unique, lock.span == .untilStarted || lock.span == .untilFinished {
                if let holder = holder(of: lock, otherThan: id, at: now) { return .duplicate(of: holder) }
                take(lock, for: id, at: now)
            }
            entries[id]?.run.attempts = 0
            entries[id]?.run.reclaims = 0
        case .scheduled, .retrying: break
        default: return .invalidState(state)
        }
        move(id, to: .ready(priority: message.priority, turn: nextTurn()))
        entries[id]?.run.append(.redriven(at: now, by: by))
        wake()
        return .done(.ready)
    }

    /// Forgets a job and the lock that waited for its start or end.
    mutating func remove(_ id: JobID) {
        release(entries[id]?.message.unique, of: id)
        forget(id)
    }
}

extension MemoryQueue {
    /// Removes or redrives jobs of one state, oldest first.
    ///
    /// - Throws: `.invalidArgument` for a state that the action does not take.
    package mutating func performAll(
        _ request: BulkRequest, at now: Timestamp
    ) throws(SpanQueueError) -> BulkReply {
        try Self.check(request)
        var line = self[request.state].members[...]
        if let notAfter = request.notAfter {
            line = line.prefix { $0.rank.major <= notAfter.milliseconds }
        }
        var ids = line.dropFirst(request.skip).prefix(min(request.limit, 100)).map(\.id)
        if request.action == .redrive { ids = inOrderOfRedriving(ids) }
        var reply = BulkReply(done: 0, skipped: 0)
        for id in ids {
            switch request.action {
            case .remove:
                remove(id)
                reply.done += 1
            case .redrive:
                let outcome = redrive(id, in: request.state, by: request.by, at: now)
                if case .done = outcome { reply.done += 1 } else { reply.skipped += 1 }
            }
        }
        return reply
    }

    /// Dead jobs that are redriven together, in the order in which they get their places.
    package func inOrderOfRedriving(_ ids: [JobID]) -> [JobID] {
        guard storage == .rows else { return ids }
        func mustLock(_ id: JobID) -> Bool { entries[id]?.message.unique.map { $0.span.duration == nil } ?? false }
        return ids.filter { !mustLock($0) } + ids.filter(mustLock)
    }

    private static func check(_ request: BulkRequest) throws(SpanQueueError) {
        guard request.state != .active else {
            throw SpanQueueError(.invalidArgument, "active jobs can't be acted on in bulk: cancel them one by one")
        }
        guard request.action == .remove || request.state == .dead else {
            throw SpanQueueError(.invalidArgument, "only dead jobs can be redriven in bulk, not \(request.state) ones")
        }
        guard request.notAfter == nil || request.state == .dead || request.state == .cancelled else {
            throw SpanQueueError(.invalidArgument, "only dead and cancelled jobs can be chosen by the time they ended")
        }
    }
}

extension MemoryQueue {
    /// All that is known of a job.
    package func record(of id: JobID) -> JobRecord? {
        guard let entry = entries[id] else { return nil }
        return JobRecord(
            message: entry.message, state: entry.place.state, run: entry.run, dueAt: entry.place.dueAt,
            claim: entry.place.claim, cancelRequest: entry.cancelRequest)
    }

    /// A page of the jobs in one state, in the order in which they will run or have ended.
    ///
    /// - Throws: `.invalidArgument` for a cursor that is none.
    package func list(_ request: ListRequest) throws(SpanQueueError) -> ListPage {
        let rest = try members(of: request.state, behind: request.cursor, isReversed: request.newestFirst)
        let page = rest.prefix(min(max(1, request.limit), 1000))
        let isLast = page.endIndex == rest.endIndex
        return ListPage(
            jobs: page.compactMap { record(of: $0.id) }, cursor: isLast ? nil : page.last.map(Self.cursor(behind:)))
    }

    /// A step of a search.
    ///
    /// - Throws: `.invalidArgument` for a cursor that is none.
    package func search(_ request: SearchRequest) throws(SpanQueueError) -> SearchPage {
        var page = SearchPage(jobs: [], cursor: nil, scanned: 0)
        let most = request.query.isEmpty ? request.limit : SearchPage.step
        for member in try members(of: request.state, behind: request.cursor, isReversed: request.newestFirst) {
            guard page.scanned < most, page.jobs.count < request.limit else { return page }
            page.scanned += 1
            page.cursor = Self.cursor(behind: member)
            if let record = record(of: member.id), request.query.matches(record) { page.jobs.append(record) }
        }
        page.cursor = nil
        return page
    }

    private func members(
        of state: JobState, behind cursor: String?, isReversed: Bool
    ) throws(SpanQueueError) -> ArraySlice<Line.Member> {
        let line = self[state]
        let members = isReversed ? Array(line.members.reversed()) : line.members
        guard let cursor else { return members[...] }
        let last = try Self.member(atCursor: cursor)
        // Those before the cursor, or those before it with itself: they end where the other way round would begin.
        let seen = isReversed ? members.count - line.count { $0 >= last } : line.count { $0 > last }
        return members[seen...]
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
            queue: name, jobs: jobs, isPaused: isPaused, pause: pause, oldestReadyAge: oldestReadyAge(at: now),
            totals: totals)
    }

    /// How many jobs are ready at level 0, 1 … 9.
    package var readyByPriority: [Int] {
        let line = self[.ready]
        // The highest level stands first.
        let starts = (Int64(0)...10).map { major in line.count { $0.rank.major >= major } }
        return zip(starts, starts.dropFirst()).map { $1 - $0 }.reversed()
    }

    /// Of each priority the arrivals stand in their order, and before them those that came back, the latest first. So the oldest of
    /// both kinds stand where they meet, and the cost does not grow with the depth.
    /// What is due counts, too, although no claim has promoted it yet.
    private func oldestReadyAge(at now: Timestamp) -> Duration? {
        let line = self[.ready]
        var oldest: Duration?
        for state in [JobState.scheduled, .retrying] {
            guard let member = self[state].members.first, let entry = entries[member.id] else { continue }
            let age = now - (entry.run.eligibleAt ?? entry.message.eligibleAt)
            if age >= .zero { oldest = max(oldest ?? .zero, age) }
        }
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
        func isOverdue(_ index: Int, _ id: JobID) -> Bool {
            guard index >= over, case .completed(let at, _) = entries[id]?.place else { return true }
            return at.milliseconds <= oldest
        }
        let first = line.prefix(Self.sweepStep).map(\.id).enumerated()
        // After the clock was set back, one that is not too old may stand before one that is.
        return switch storage {
        case .keys: first.prefix { isOverdue($0.offset, $0.element) }.map(\.element)
        case .rows: first.filter { isOverdue($0.offset, $0.element) }.map(\.element)
        }
    }
}
