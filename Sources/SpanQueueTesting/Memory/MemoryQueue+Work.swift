// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue
import SpanQueueTelemetry

extension MemoryQueue {
    /// Adds a job, or says why not: its id is known, or another job holds the lock that it wants.
    package mutating func enqueue(_ job: NewJob, at now: Timestamp) -> EnqueueOutcome {
        let message = job.message(acceptedAt: now)
        let id = message.id
        if let known = entries[id] {
            guard Self.isRepeat(job, of: known) else { return .conflict }
            if message.contentDigest != nil { return .present(existing(id)) }
            return .accepted(enqueuedAt: known.message.enqueuedAt, runAt: known.message.runAt, isRepeat: true)
        }
        if let lock = message.unique {
            if let holder = holder(of: lock, otherThan: id, at: now) { return .duplicate(of: existing(holder)) }
            take(lock, for: id, at: now)
        }
        if let runAt = message.runAt {
            let place = Place.scheduled(due: runAt, priority: message.priority)
            add(id, Entry(submitted: job, message: message, place: place))
            // An idle worker sleeps until the earliest due time that it knows of: wake one if that has become earlier.
            if self[.scheduled].first?.id == id { wake() }
        } else {
            let place = Place.ready(priority: message.priority, turn: nextTurn())
            add(id, Entry(submitted: job, message: message, place: place))
            wake()
        }
        return .accepted(enqueuedAt: now, runAt: message.runAt, isRepeat: false)
    }

    private func existing(_ id: JobID) -> ExistingJob {
        guard let entry = entries[id] else { return ExistingJob(id: id) }
        return ExistingJob(
            id: id, state: entry.place.state, dueAt: entry.place.dueAt, type: entry.message.type,
            traceID: entry.message.trace.traceID, enqueuedAt: entry.message.enqueuedAt)
    }

    /// A caller-given id is repeated where the content's digest is the same; one of our own only by the same job.
    private static func isRepeat(_ job: NewJob, of known: Entry) -> Bool {
        guard let digest = job.message.contentDigest else { return known.submitted == job }
        return known.message.contentDigest == digest
    }
}

extension MemoryQueue {
    /// The job that keeps `id` from having this lock; nil where it may take it.
    func holder(of lock: UniqueLock, otherThan id: JobID, at now: Timestamp) -> JobID? {
        guard let held = locks[lock.digest], held.owner != id, held.isHeld(at: now) else { return nil }
        return held.owner
    }

    mutating func take(_ lock: UniqueLock, for id: JobID, at now: Timestamp) {
        let expiry = lock.span.duration.map { now + $0 }
        locks[lock.digest] = Lock(owner: id, expiresAt: expiry)
    }

    /// Releases a lock that `id` itself holds until its start or end. One that is held for a duration stays.
    mutating func release(_ lock: UniqueLock?, of id: JobID) {
        guard let lock, locks[lock.digest] == Lock(owner: id, expiresAt: nil) else { return }
        locks[lock.digest] = nil
    }
}

extension MemoryQueue {
    /// Makes ready what is due, then gives the first ready jobs to a worker under a lease.
    ///
    /// - Parameter nonce: what keeps the claim apart from any other, drawn by the caller.
    package mutating func claim(_ request: ClaimRequest, at now: Timestamp, nonce: UInt32) -> ClaimReply {
        var reply = ClaimReply(now: now)
        reply.isPaused = isPaused
        if !isPaused {
            reply.promoted = promote(at: now)
            reply.jobs = takeReady(request, at: now, nonce: nonce)
            reply.hasMore = self[.ready].count > 0
            // While ready jobs are left, nobody waits for a due time.
            if !reply.hasMore { reply.nextDueIn = nextDue.map { max(.zero, $0 - now) } }
        }
        if reply.hasMore { wake() }
        reply.nextLapseIn = self[.active].first.map { max(.zero, Timestamp(milliseconds: $0.rank.major) - now) }
        return reply
    }

    /// When the next scheduled or retrying job is due.
    package var nextDue: Timestamp? {
        let first = [self[.scheduled].first, self[.retrying].first].compactMap { $0?.rank.major }.min()
        return first.map { Timestamp(milliseconds: $0) }
    }

    /// Whether a claim at this moment would give something.
    package func hasWork(at now: Timestamp) -> Bool {
        !isPaused && (self[.ready].count > 0 || nextDue.map { $0 <= now } ?? false)
    }

    /// Makes due jobs ready, scheduled ones first, each kind in the order of due time: a batch of each at most.
    private mutating func promote(at now: Timestamp) -> Int {
        var promoted = 0
        for state in [JobState.scheduled, .retrying] {
            let due = self[state].ids(upTo: now.milliseconds, limit: ClaimRequest.maximumBatch)
            for id in due {
                // The priority is the rank's minor part.
                let priority = Int(entries[id]?.place.rank.minor ?? 0)
                move(id, to: .ready(priority: priority, turn: nextTurn()))
            }
            promoted += due.count
        }
        return promoted
    }

    private mutating func takeReady(_ request: ClaimRequest, at now: Timestamp, nonce: UInt32) -> [ClaimedJob] {
        let limit = min(max(0, request.limit), ClaimRequest.maximumBatch)
        let ids = self[.ready].members.prefix(limit).map(\.id)
        guard !ids.isEmpty else { return [] }
        // One token serves the whole batch: it only has to rise from claim to claim of one job.
        let last = storage == .keys ? lastToken : ids.compactMap { entries[$0]?.lastToken }.max() ?? 0
        lastToken = max(now.milliseconds * 1000, last + 1)
        let token = FencingToken(value: lastToken, nonce: nonce)
        let claim = ActiveClaim(
            token: token, worker: request.worker, claimedAt: Timestamp(milliseconds: token.value / 1000),
            leaseExpiresAt: now + request.lease)
        return ids.compactMap { id in
            guard let entry = entries[id] else { return nil }
            move(id, to: .active(claim))
            entries[id]?.lastToken = token.value
            if entry.message.unique?.span == .untilStarted { release(entry.message.unique, of: id) }
            return ClaimedJob(
                message: entry.message, run: entry.run,
                reference: ClaimReference(id: id, queue: name, token: token, worker: request.worker), claimedAt: now)
        }
    }
}

extension MemoryQueue {
    /// The job's claim where it is the one that `reference` names; nil where that is lost.
    func claim(named reference: ClaimReference) -> ActiveClaim? {
        guard let claim = entries[reference.id]?.place.claim, claim.token == reference.token,
            claim.worker == reference.worker
        else { return nil }
        return claim
    }

    /// Lets claims hold until `lease` from now. One that has lapsed and was not reclaimed is still its worker's.
    package mutating func extend(_ claims: [ClaimReference], by lease: Duration, at now: Timestamp) -> ExtendReply {
        var reply = ExtendReply()
        for reference in claims {
            guard var claim = claim(named: reference) else {
                reply.lost.insert(reference.id)
                continue
            }
            claim.leaseExpiresAt = now + lease
            move(reference.id, to: .active(claim))
            if entries[reference.id]?.cancelRequest != nil { reply.cancelRequested.insert(reference.id) }
        }
        return reply
    }

    /// Stores what a running attempt reports; false where its claim is lost.
    package mutating func report(_ progress: JobProgress, on job: ClaimedJob) -> Bool {
        guard claim(named: job.reference) != nil else { return false }
        entries[job.reference.id]?.run.progress = progress
        return true
    }
}

extension MemoryQueue {
    /// Ends attempts in the order given.
    package mutating func settle(_ settlements: [Settlement], at now: Timestamp) -> [SettleOutcome] {
        var released: [(id: JobID, priority: Int)] = []
        let outcomes = settlements.map { settle($0, at: now, released: &released) }
        // From the last to the first, so that jobs released together keep their order at the head.
        for (id, priority) in released.reversed() {
            move(id, to: .ready(priority: priority, turn: turnBeforeAll()))
        }
        if !released.isEmpty { wake() }
        // At the end, so that a repeat in this call still finds the record it is recognised by.
        if storage == .keys {
            for old in standardCompletions.dropLast(keeping.completedJobs) { forget(old.id) }
        }
        return outcomes
    }

    private mutating func settle(
        _ settlement: Settlement, at now: Timestamp, released: inout [(id: JobID, priority: Int)]
    ) -> SettleOutcome {
        let id = settlement.reference.id
        guard claim(named: settlement.reference) != nil, !released.contains(where: { $0.id == id }) else {
            return wasSettled(by: settlement) ? .settled : .lost
        }
        var run = settlement.run
        run.endLatestAttempt(at: now)
        var isOver = true
        switch settlement.verdict {
        case .retry, .snooze, .release:
            if let request = entries[id]?.cancelRequest {
                // Asked for while it ran, and unheard by its worker: the job is cancelled instead of going on.
                run.append(request, at: now)
                moveToCancelled(id, at: now)
            } else if let delay = settlement.verdict.delay {
                isOver = false
                move(id, to: .retrying(due: now + delay, priority: settlement.job.message.priority))
                if self[.retrying].first?.id == id { wake() }
            } else {
                isOver = false
                released.append((id, settlement.job.message.priority))
            }
        case .complete: complete(id, settlement.job.message.retention, at: now)
        case .bury: moveToDead(id, at: now)
        case .cancel:
            if let request = entries[id]?.cancelRequest { run.append(request, at: now) }
            moveToCancelled(id, at: now)
        }
        let lock = settlement.job.message.unique
        if isOver, lock?.span == .untilFinished { release(lock, of: id) }
        entries[id]?.run = run
        entries[id]?.cancelRequest = nil
        return .settled
    }

    /// Whether the record is the one that this settlement wrote, or has only grown since: then this is its repeat, and is
    /// answered as it was.
    private func wasSettled(by settlement: Settlement) -> Bool {
        guard let entry = entries[settlement.reference.id] else { return false }
        if entry.run.continues(settlement.run) { return true }
        guard storage == .rows, settlement.verdict == .complete, entry.place.state == .completed else { return false }
        return entry.run.history.last?.attempt?.token == settlement.reference.token
    }

    private mutating func complete(_ id: JobID, _ retention: Retention, at now: Timestamp) {
        totals.completed += 1
        switch retention.kind {
        case .standard:
            move(id, to: .completed(at: now, turn: nextTurn()))
        case .none: forget(id)
        // One of no length is none: a record is never kept by being asked to keep it for less than a millisecond.
        case .duration(let span) where span.milliseconds <= 0: forget(id)
        case .duration(let span): move(id, to: .retained(until: now + span))
        }
    }

    /// The completed jobs with the standard retention, oldest first.
    var standardCompletions: ArraySlice<Line.Member> {
        let line = self[.completed]
        return line.members.dropFirst(line.count { $0.rank.major >= Place.firstStandardCompletion })
    }
}

extension RunRecord {
    /// Writes the end of the attempt that was recorded last.
    fileprivate mutating func endLatestAttempt(at now: Timestamp) {
        guard var record = history.last?.attempt else { return }
        record.endedAt = now
        history[history.count - 1] = .attempt(record)
    }

    /// Whether this is what a settlement wrote, its end time aside, or that with later events behind it.
    fileprivate func continues(_ settled: RunRecord) -> Bool {
        var start = self
        start.history = Array(history.prefix(settled.history.count))
        if let record = settled.history.last?.attempt, start.history.last?.attempt != nil {
            start.endLatestAttempt(at: record.endedAt)
        }
        return start == settled
    }
}

extension MemoryQueue {
    /// Reclaims jobs whose lease has run out: to the head of their priority, or out of the way where they were reclaimed
    /// too often or were to be cancelled.
    package mutating func reclaim(_ request: ReclaimRequest, at now: Timestamp) -> [ReclaimedJob] {
        let limit = min(max(0, request.limit), ReclaimRequest.maximumBatch)
        // From the latest lapse to the earliest, so that the earliest ends up in front.
        let lapsed = self[.active].ids(upTo: now.milliseconds, limit: limit).reversed()
        let reclaimed = Array(
            lapsed.compactMap { takeBack($0, maxReclaims: request.maxReclaims, at: now) }.reversed())
        if reclaimed.contains(where: { $0.state == .ready }) { wake() }
        return reclaimed
    }

    private mutating func takeBack(_ id: JobID, maxReclaims: Int, at now: Timestamp) -> ReclaimedJob? {
        guard var entry = entries[id], let claim = entry.place.claim else { return nil }
        let message = entry.message
        var lost = AttemptRecord(
            number: entry.run.attempts + 1, token: claim.token, worker: claim.worker,
            eligibleAt: entry.run.eligibleAt ?? message.eligibleAt, claimedAt: min(claim.claimedAt, now), endedAt: now,
            outcome: .lost, errorType: "lease_expired", error: "the worker did not extend its lease")
        entry.run.reclaims += 1
        if let request = entry.cancelRequest {
            entry.run.append(.attempt(lost))
            entry.run.append(request, at: now)
            moveToCancelled(id, at: now)
        } else if entry.run.reclaims >= maxReclaims {
            lost.reason = DeadReason.leaseExpired.rawValue
            entry.run.append(.attempt(lost))
            moveToDead(id, at: now)
        } else {
            entry.run.append(.attempt(lost))
            move(id, to: .ready(priority: message.priority, turn: turnBeforeAll()))
        }
        entries[id]?.run = entry.run
        entries[id]?.cancelRequest = nil
        let state = entries[id]?.place.state ?? .ready
        if state.isTerminal { release(message.unique, of: id) }
        let reference = ClaimReference(id: id, queue: name, token: claim.token, worker: claim.worker)
        return ReclaimedJob(reference: reference, state: state, message: message, run: entry.run)
    }
}

extension RunRecord {
    /// Adds a cancel that was asked for while an attempt ran that ended now.
    fileprivate mutating func append(_ request: CancelRequest, at now: Timestamp) {
        append(.cancelled(at: request.at ?? now, reason: request.reason, by: request.by))
    }
}
