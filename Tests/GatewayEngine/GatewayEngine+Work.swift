// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
package import SpanQueue
import SpanQueueGateway
import SpanQueueProto
import SwiftProtobuf

extension GatewayEngine {
    /// The leases that a gateway gives. The engine behind is told of shorter ones.
    private static let leases = Duration.seconds(5)...Duration.hours(1)
    private static let mostClaims = 1000

    // MARK: Claim

    /// One `Claim` for each request.
    package func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        var replies: [Result<ClaimReply, SpanQueueError>] = []
        for request in requests { replies.append(try await result { try await self.claimOne(request) }) }
        return replies
    }

    private func claimOne(_ request: ClaimRequest) async throws -> ClaimReply {
        // To promote and take nothing is not something that the gateway is asked for.
        guard request.limit > 0 else { return try await behind.claim(request) }
        let lease = Self.given(request.lease)
        let lane = EngineTap.Lane(queue: request.queue, worker: request.worker)
        let message = Wire.ClaimRequest.with {
            $0.worker = request.worker
            $0.lanes = [Wire.Lane.with { $0.queue = request.queue }]
            $0.lease = .init(lease)
            $0.limit = UInt32(min(request.limit, ClaimRequest.maximumBatch))
        }
        tap.expect(lane, lease: request.lease == lease ? nil : request.lease)
        let answer: Result<Wire.Jobs, any Error>
        do {
            answer = .success(try await call { try await $0.worker.claim(message, options: Self.options) })
        } catch {
            answer = .failure(error)
        }
        let behind = tap.reply(to: lane)
        let told = try answer.get().jobs
        guard var reply = behind else { throw Self.wrong("that nothing is there: it has not asked") }
        let claimed = reply.jobs
        reply.jobs = try told.map { try Self.claimed($0, among: claimed, lease) }
        return reply
    }

    private static func given(_ lease: Duration) -> Duration { min(max(lease, leases.lowerBound), leases.upperBound) }

    /// A job as the engine gave it, where the gateway tells it so.
    private static func claimed(
        _ told: Wire.Job, among jobs: [ClaimedJob], _ lease: Duration
    ) throws(SpanQueueError) -> ClaimedJob {
        let reference = ClaimBytes.decode(told.claim)
        guard let job = jobs.first(where: { $0.reference == reference }) else { throw wrong("of a claim") }
        var message = job.message
        message.id = JobID(unchecked: told.id)
        message.queue = told.queue
        message.type = told.type
        message.payload = [UInt8](told.payload)
        message.priority = Int(told.priority)
        message.maxRetries = Int(told.maxAttempts) - 1
        message.enqueuedAt = told.enqueuedAt.moment
        message.deadline = told.hasDeadline ? told.deadline.moment : nil
        message.timeout = told.hasTimeout ? told.timeout.length : nil
        message.tags = told.tags
        guard message == job.message else { throw wrong("what job \(told.id) is") }
        guard Int(told.attempt) == job.attempt, told.number == 0, !told.traceparent.isEmpty,
            told.token == UInt64(bitPattern: job.reference.token.value), told.leaseUntil.moment == job.claimedAt + lease
        else { throw wrong("the claim of job \(told.id)") }
        return job
    }

    // MARK: Extend

    /// One `Heartbeat` for each batch.
    package func extend(_ batches: [LeaseBatch]) async throws(CancellationError) -> [Result<
        ExtendReply, SpanQueueError
    >] {
        var replies: [Result<ExtendReply, SpanQueueError>] = []
        for batch in batches { replies.append(try await result { try await self.extendOne(batch) }) }
        return replies
    }

    private func extendOne(_ batch: LeaseBatch) async throws -> ExtendReply {
        var reply = ExtendReply()
        for start in stride(from: 0, to: batch.claims.count, by: Self.mostClaims) {
            let claims = Array(batch.claims[start..<min(start + Self.mostClaims, batch.claims.count)])
            let message = Wire.HeartbeatRequest.with {
                $0.claims = claims.map { Data(ClaimBytes.encode($0)) }
                $0.lease = .init(Self.given(batch.lease))
                $0.number = 7
            }
            tap.expect(claims, lease: Self.given(batch.lease) == batch.lease ? nil : batch.lease)
            defer { tap.expect(claims, lease: nil) }
            let told = try await call { try await $0.worker.heartbeat(message, options: Self.options) }
            guard told.number == 7 else { throw Self.wrong("the number of a heartbeat") }
            guard told.failed.isEmpty else {
                throw tap.failure(of: claims)
                    ?? SpanQueueError(.unavailable, "\(told.failed.count) claims were not extended", mayHaveRun: true)
            }
            for cancel in told.cancels {
                guard let claim = ClaimBytes.decode(cancel.claim), claims.contains(claim) else {
                    throw Self.wrong("of a claim in a heartbeat")
                }
                switch cancel.cause {
                case .leaseLost: reply.lost.insert(claim.id)
                case .requested: reply.cancelRequested.insert(claim.id)
                default: break
                }
            }
        }
        return reply
    }

    // MARK: Settle

    /// By `Settle`.
    package func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        var outcomes: [Result<SettleOutcome, SpanQueueError>] = []
        var rest = settlements[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.mostClaims))
            rest = rest.dropFirst(part.count)
            let answer = try await result { try await self.settleSome(part) }
            switch answer {
            case .success(let some): outcomes += some
            case .failure(let error): outcomes += part.map { _ in .failure(error) }
            }
        }
        return outcomes
    }

    private func settleSome(_ settlements: [Settlement]) async throws -> [Result<SettleOutcome, SpanQueueError>] {
        let message = Wire.Results.with { $0.results = settlements.map { Wire.Result($0) } }
        tap.expect(settlements)
        defer { tap.forget(settlements) }
        let told = try await call { try await $0.worker.settle(message, options: Self.options) }.settlements
        guard told.map(\.claim) == message.results.map(\.claim) else { throw Self.wrong("which claims were settled") }
        return try told.map { settlement in
            switch settlement.outcome {
            case .settled: .success(.settled)
            case .lost: .success(.lost)
            case .refused, .unavailable: .failure(SpanQueueError(settlement.problem))
            case .unspecified, .UNRECOGNIZED: throw Self.wrong("nothing of a result")
            }
        }
    }
}

extension Wire.Result {
    fileprivate init(_ settlement: Settlement) {
        self.init()
        claim = Data(ClaimBytes.encode(settlement.reference))
        failure.type = settlement.report.errorType ?? ""
        failure.message = settlement.report.error ?? ""
        switch settlement.verdict {
        case .complete:
            complete = .init()
            if let bytes = settlement.report.result { complete.result = Data(bytes) }
        case .retry(let delay): retry.delay = .init(delay)
        case .snooze(let delay): snooze.delay = .init(delay)
        case .release: release = .init()
        case .cancel(let reason): cancelled.reason = reason
        // The gateway finds out by itself that there is none left.
        case .bury(.attemptsExhausted) where settlement.isLast: retry = .init()
        case .bury(.decodeError): bury.reason = .decodeError
        case .bury(.expired): bury.reason = .expired
        case .bury: bury.reason = .permanent
        }
    }
}
