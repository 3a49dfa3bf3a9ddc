package import SpanQueue

extension InMemoryEngine {
    package func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        let now = clock.now
        return try step(job.message.queue) { queue throws(SpanQueueError) in queue.enqueue(job, at: now) }
    }

    /// Adds each job to its queue, or says why not.
    package func enqueue(
        _ jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async throws -> [EnqueueOutcome] {
        let now = clock.now
        return try jobs.map { job in
            try step(job.message.queue) { queue throws(SpanQueueError) in queue.enqueue(job, at: now) }
        }
    }

    /// Makes due jobs ready, then claims; all claims of a call share one moment and one nonce.
    package func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        let now = clock.now
        let nonce = UInt32.random(in: 0...UInt32.max)
        return requests.map { request in result(request.queue) { $0.claim(request, at: now, nonce: nonce) } }
    }

    /// Extends leases; one that has lapsed and was not taken back is still its worker's.
    package func extend(
        _ batches: [LeaseBatch]
    ) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>] {
        let now = clock.now
        return batches.map { batch in
            result(batch.queue) { $0.extend(batch.claims, by: batch.lease, at: now) }
        }
    }

    /// Ends attempts. A settlement repeated with the same token and run is answered as it was.
    package func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        let now = clock.now
        var outcomes = [Result<SettleOutcome, SpanQueueError>](
            repeating: .success(.lost), count: settlements.count)
        for (queue, places) in Dictionary(grouping: settlements.indices, by: { settlements[$0].reference.queue }) {
            switch result(queue, { $0.settle(places.map { settlements[$0] }, at: now) }) {
            case .success(let settled):
                for (place, outcome) in zip(places, settled) { outcomes[place] = .success(outcome) }
            case .failure(let error):
                for place in places { outcomes[place] = .failure(error) }
            }
        }
        return outcomes
    }

    /// Stores a progress report or result; false where the lease is lost.
    package func update(_ claim: ClaimReference, run: RunRecord) async throws -> Bool {
        try step(claim.queue) { queue throws(SpanQueueError) in queue.update(claim, run: run) }
    }
}
