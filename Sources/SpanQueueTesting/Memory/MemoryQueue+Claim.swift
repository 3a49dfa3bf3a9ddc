package import SpanQueue

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
        lastToken = max(now.milliseconds * 1000, lastToken + 1)
        let token = FencingToken(value: lastToken, nonce: nonce)
        let claim = ActiveClaim(
            token: token, worker: request.worker, claimedAt: Timestamp(milliseconds: token.value / 1000),
            leaseExpiresAt: now + request.lease)
        return ids.compactMap { id in
            guard let entry = entries[id] else { return nil }
            move(id, to: .active(claim))
            if entry.message.unique?.span == .untilStarted { release(entry.message.unique, of: id) }
            return ClaimedJob(
                message: entry.message, run: entry.run,
                reference: ClaimReference(id: id, queue: name, token: token, worker: request.worker), claimedAt: now)
        }
    }
}
