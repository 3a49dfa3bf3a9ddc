// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Calls of the engine in fewer words, for those that ask for one thing, or take any failure for that of the whole.
extension JobStore {
    /// Adds jobs; see `enqueue(_:until:)`.
    package func enqueue(_ jobs: [NewJob]) async throws -> [EnqueueOutcome] {
        try await enqueue(jobs, until: .now + .minutes(5))
    }
}

extension JobSource {
    /// Claims from one queue.
    package func claim(_ request: ClaimRequest) async throws -> ClaimReply {
        // An engine answers every request, so there is exactly one reply.
        try await claim([request])[0].get()
    }

    /// Claims; throws the first failure.
    package func claimAll(_ requests: [ClaimRequest]) async throws -> [ClaimReply] {
        try await claim(requests).map { try $0.get() }
    }

    /// Extends leases of one queue.
    package func extend(
        _ claims: [ClaimReference], in queue: String, by lease: Duration
    ) async throws -> ExtendReply {
        try await extend([LeaseBatch(queue: queue, claims: claims, lease: lease)])[0].get()
    }

    /// Ends attempts; throws the first failure.
    package func settleAll(_ settlements: [Settlement]) async throws -> [SettleOutcome] {
        try await settle(settlements).map { try $0.get() }
    }

    /// Waits for work for a while.
    package func waitForWork(in queues: [String], atMost limit: Duration) async throws {
        try await waitForWork(in: queues, until: .now + limit)
    }
}

extension EngineCore {
    /// Its upkeep, where it has one.
    package var keeper: (any JobKeeper)? { self as? any JobKeeper }

    /// Reclaims lapsed jobs; throws `.unsupported` where the engine does it by itself.
    package func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        try await mustKeep().reclaim(request)
    }

    /// One step of a sweep, and how many records it dropped; throws `.unsupported` where the engine does it by itself.
    package func sweep(_ queue: String) async throws -> Int {
        try await mustKeep().sweep(queue, within: .zero).dropped
    }

    private func mustKeep() throws(SpanQueueError) -> any JobKeeper {
        guard let keeper else { throw SpanQueueError(.unsupported, "the \(name) engine has no upkeep to be called") }
        return keeper
    }
}

extension JobOperator {
    /// Acts on one job for nobody in particular.
    package func perform(_ action: JobAction, on id: JobID, in queue: String) async throws -> ActionOutcome {
        try await perform(action, on: id, in: queue, by: nil)
    }

    /// Stops claims from a queue, without a word why.
    @discardableResult
    package func pause(_ queue: String) async throws -> Bool { try await pause(queue, note: OperatorNote()) }
}
