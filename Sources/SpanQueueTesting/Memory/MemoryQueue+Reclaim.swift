package import SpanQueue

extension MemoryQueue {
    /// Takes back jobs whose lease has run out: to the head of their priority, or out of the way where they were taken back
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
        if let reason = entry.cancelReason {
            entry.run.append(.attempt(lost))
            entry.run.append(.cancelled(at: now, reason: reason))
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
        entries[id]?.cancelReason = nil
        let state = entries[id]?.place.state ?? .ready
        if state.isTerminal { release(message.unique, of: id) }
        let reference = ClaimReference(id: id, queue: name, token: claim.token, worker: claim.worker)
        return ReclaimedJob(reference: reference, state: state, message: message, run: entry.run)
    }
}
