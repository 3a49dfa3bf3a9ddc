package import SpanQueue

extension MemoryQueue {
    /// The job's claim where it is the one that `reference` names; nil where that is lost.
    func claim(named reference: ClaimReference) -> ActiveClaim? {
        guard let claim = entries[reference.id]?.place.claim, claim.token == reference.token,
            claim.worker == reference.worker
        else { return nil }
        return claim
    }

    /// Lets claims hold until `lease` from now. One that has lapsed and was not taken back is still its worker's.
    package mutating func extend(_ claims: [ClaimReference], by lease: Duration, at now: Timestamp) -> ExtendReply {
        var reply = ExtendReply()
        for reference in claims {
            guard var claim = claim(named: reference) else {
                reply.lost.insert(reference.id)
                continue
            }
            claim.leaseExpiresAt = now + lease
            move(reference.id, to: .active(claim))
            if entries[reference.id]?.cancelReason != nil { reply.cancelRequested.insert(reference.id) }
        }
        return reply
    }

    /// Stores what a running attempt reports; false where its claim is lost.
    package mutating func update(_ reference: ClaimReference, run: RunRecord) -> Bool {
        guard claim(named: reference) != nil else { return false }
        entries[reference.id]?.run = run
        return true
    }
}
