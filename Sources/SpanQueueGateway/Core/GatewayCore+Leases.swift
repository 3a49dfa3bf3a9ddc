// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueLoop
package import SpanQueueProto
import SpanQueueTelemetry

/// Claims that are to be extended, and who waits for it.
struct Beat {
    let claims: [ClaimReference]
    let lease: Duration
    let done: CheckedContinuation<BeatOutcome, Never>
}

/// What became of claims that were to be extended.
struct BeatOutcome: Sendable {
    var lost: Set<ClaimReference> = []
    var cancelled: Set<ClaimReference> = []
    var failed: Set<ClaimReference> = []
}

extension GatewayCore {
    /// How long heartbeats are gathered, and how many claims at most.
    private static let gathering = Duration.milliseconds(5)
    private static let gatheredClaims = 250
    /// How long after its timeout an attempt may still be ended by its worker.
    package static let timeoutGrace = Duration.seconds(5)
    /// How many records are read at a time for claims of other gateways.
    private static let readsAtOnce = 32

    // MARK: Heartbeats

    func extend(_ heartbeat: Wire.HeartbeatRequest, for stream: WorkStream) async {
        guard let terms = stream.terms else { return }
        let reply = await beat(heartbeat, terms.lease, stream.caller, for: stream)
        guard stream.end == nil else { return }
        for cancel in reply.cancels {
            guard let claim = ClaimBytes.decode(cancel.claim), stream.machine.held.contains(claim) else {
                // None of this stream's: told all the same.
                var message = Wire.ToWorker()
                message.cancel = cancel
                stream.write(message)
                continue
            }
            perform(stream.machine.cancel(claim, cancel.cause), stream)
        }
        guard stream.end == nil else { return }
        var message = Wire.ToWorker()
        message.heartbeat = reply
        message.heartbeat.cancels = []
        stream.write(message)
    }

    /// Extends claims for a caller without a stream.
    package func heartbeat(
        _ request: Wire.HeartbeatRequest, _ caller: GatewayCaller
    ) async throws -> Wire.HeartbeatReply {
        guard request.claims.count <= StreamLimits.claims else {
            throw GatewayError.invalid("\(request.claims.count) claims: send at most \(StreamLimits.claims) at a time")
        }
        let lease = try StreamTerms.lease(request.hasLease ? request.lease.value : nil)
        return await beat(request, lease, caller, for: nil)
    }

    private func beat(
        _ request: Wire.HeartbeatRequest, _ lease: Duration, _ caller: GatewayCaller, for stream: WorkStream?
    ) async -> Wire.HeartbeatReply {
        let began = ContinuousClock.now
        var reply = Wire.HeartbeatReply()
        reply.number = request.number
        func add(_ claim: Data, _ cause: Wire.Cancel.Cause) {
            var cancel = Wire.Cancel()
            cancel.claim = claim
            cancel.cause = cause
            reply.cancels.append(cancel)
        }
        var claims: [ClaimReference] = []
        for bytes in request.claims {
            // What no gateway made, and what is in a queue that is none of theirs, is nobody's claim.
            if let claim = ClaimBytes.decode(bytes), caller.allows(.work, claim.queue) {
                claims.append(claim)
            } else {
                add(bytes, .leaseLost)
            }
        }
        let outcome = await extended(claims, by: lease, for: stream)
        for claim in claims {
            if outcome.lost.contains(claim) {
                add(.init(ClaimBytes.encode(claim)), .leaseLost)
            } else if outcome.failed.contains(claim) {
                reply.failed.append(.init(ClaimBytes.encode(claim)))
            } else if outcome.cancelled.contains(claim) {
                add(.init(ClaimBytes.encode(claim)), .requested)
            } else if let known = held[claim], isOverdue(known) {
                add(.init(ClaimBytes.encode(claim)), .timeout)
            }
        }
        if outcome.lost.count + outcome.failed.count < claims.count, let now = try? await self.now() {
            reply.leaseUntil = .init(now + lease)
        }
        metrics.heartbeats.record((ContinuousClock.now - began).inSeconds)
        return reply
    }

    /// Extends claims, in a call that is shared with others. Those that this gateway has not made it reads first.
    func extended(_ claims: [ClaimReference], by lease: Duration, for stream: WorkStream?) async -> BeatOutcome {
        var lost: Set<ClaimReference> = []
        var failed: Set<ClaimReference> = []
        let unknown = claims.filter { held[$0] == nil }
        if !unknown.isEmpty {
            let found = await adopt(unknown)
            lost = found.lost
            failed = found.failed
        }
        let known = claims.filter { held[$0] != nil }
        for claim in known { report(claim) }
        guard !known.isEmpty else { return BeatOutcome(lost: lost, failed: failed) }
        var outcome = await withCheckedContinuation { done in
            beats.append(Beat(claims: known, lease: lease, done: done))
            if beats.reduce(0, { $0 + $1.claims.count }) >= Self.gatheredClaims {
                flushBeats()
            } else if beatTimer == nil {
                beatTimer = schedule(at: .now + Self.gathering) { $0.flushBeats() }
            }
        }
        for claim in known where held[claim]?.stream == nil && stream?.end == nil {
            guard let stream, let found = held[claim] else { continue }
            found.stream = stream.number
            stream.machine.adopted(claim)
        }
        outcome.lost.formUnion(lost)
        outcome.failed.formUnion(failed)
        return outcome
    }

    private func flushBeats() {
        if let beatTimer { thread.cancel(beatTimer) }
        beatTimer = nil
        guard !beats.isEmpty else { return }
        let taken = beats
        beats = []
        start { await $0.send(taken) }
    }

    private func send(_ beats: [Beat]) async {
        struct Place: Hashable {
            let queue: String
            let lease: Duration
        }
        var places: [Place: Set<ClaimReference>] = [:]
        for beat in beats {
            for claim in beat.claims {
                places[Place(queue: claim.queue, lease: beat.lease), default: []].insert(claim)
            }
        }
        let batches = places.map { LeaseBatch(queue: $0.queue, claims: Array($1), lease: $0.lease) }
        let began = ContinuousClock.now
        var results: [Result<ExtendReply, SpanQueueError>]
        do throws(CancellationError) {
            results = try await engine.extend(batches)
        } catch {
            results = batches.map { _ in .failure(SpanQueueError(.closed, "the gateway has ended", mayHaveRun: true)) }
        }
        var outcome = BeatOutcome()
        for (batch, result) in zip(batches, results) {
            switch result {
            case .success(let reply):
                attempts.extended(ok: true)
                for claim in batch.claims {
                    if reply.lost.contains(claim.id) {
                        outcome.lost.insert(claim)
                        lose(claim)
                    } else {
                        held[claim]?.lapsesAt = began + batch.lease
                        if reply.cancelRequested.contains(claim.id) {
                            held[claim]?.isCancelled = true
                            outcome.cancelled.insert(claim)
                        }
                    }
                }
            case .failure(let error):
                attempts.extended(ok: false)
                outcome.failed.formUnion(batch.claims)
                logger.warning("heartbeat failed", metadata: ["queue": "\(batch.queue)", "error": "\(error)"])
            }
        }
        for beat in beats {
            beat.done.resume(
                returning: BeatOutcome(
                    lost: outcome.lost.intersection(beat.claims),
                    cancelled: outcome.cancelled.intersection(beat.claims),
                    failed: outcome.failed.intersection(beat.claims)))
        }
    }

    /// A claim is somebody else's, or lapsed.
    func lose(_ claim: ClaimReference) {
        // Its end may have got there first.
        guard let known = held[claim], !known.isSettling else { return }
        forget(known)
        attempts.lost(known.claim)
    }

    func forget(_ known: HeldClaim) {
        if let timer = known.timer { thread.cancel(timer) }
        known.timer = nil
        held[known.claim.reference] = nil
    }

    // MARK: Claims of others

    /// Reads the records of claims that other gateways made, or this one before it was started again.
    ///
    /// - Returns: those that are no claims any more, and those that could not be read.
    func adopt(_ claims: [ClaimReference]) async -> BeatOutcome {
        var outcome = BeatOutcome()
        let unique = Array(Set(claims))
        guard let now = try? await self.now() else {
            outcome.failed = Set(unique)
            return outcome
        }
        for start in stride(from: 0, to: unique.count, by: Self.readsAtOnce) {
            let some = unique[start..<min(start + Self.readsAtOnce, unique.count)]
            let records = await read(some)
            for (claim, record) in records {
                switch record {
                case .success(let record):
                    if let record, let job = Self.job(record, claim) {
                        let known = HeldClaim(job, lapsesAt: .now + StreamTerms.leases.lowerBound, stream: nil)
                        if let active = record.claim {
                            known.lapsesAt = .now + max(.zero, active.leaseExpiresAt - now)
                        }
                        known.isCancelled = record.cancelRequested
                        guard held[claim] == nil else { continue }
                        held[claim] = known
                        if let timeout = job.message.timeout {
                            watch(known, from: .now - max(.zero, now - job.claimedAt), timeout)
                        }
                    } else {
                        outcome.lost.insert(claim)
                    }
                case .failure: outcome.failed.insert(claim)
                }
            }
        }
        return outcome
    }

    func read(
        _ claims: some Sequence<ClaimReference>
    ) async -> [(claim: ClaimReference, record: Result<JobRecord?, any Error>)] {
        await withTaskGroup(of: (ClaimReference, Result<JobRecord?, any Error>).self) { group in
            for claim in claims {
                group.addTask(executorPreference: thread) { [engine] in
                    do {
                        return (claim, .success(try await engine.job(claim.id, in: claim.queue)))
                    } catch {
                        return (claim, .failure(error))
                    }
                }
            }
            var records: [(claim: ClaimReference, record: Result<JobRecord?, any Error>)] = []
            for await (claim, record) in group { records.append((claim, record)) }
            return records
        }
    }

    /// The job of a claim, where the record says that it still holds.
    static func job(_ record: JobRecord, _ claim: ClaimReference) -> ClaimedJob? {
        guard record.state == .active, let active = record.claim, active.token == claim.token,
            active.worker == claim.worker
        else { return nil }
        return ClaimedJob(message: record.message, run: record.run, reference: claim, claimedAt: active.claimedAt)
    }

    // MARK: Timeouts

    private func isOverdue(_ known: HeldClaim) -> Bool {
        guard let timeout = known.claim.message.timeout, let endsAt = known.timesOutAt else { return false }
        return timeout > .zero && endsAt <= .now
    }

    /// Cancels an attempt when it has run for its timeout, and ends it where its worker does not.
    func watch(_ known: HeldClaim, from began: ContinuousClock.Instant, _ timeout: Duration) {
        let claim = known.claim.reference
        let endsAt = began + timeout
        known.timesOutAt = endsAt
        known.timer = schedule(at: endsAt) { core in
            guard let known = core.held[claim] else { return }
            if let stream = known.stream.flatMap({ core.streams[$0] }) {
                core.perform(stream.machine.cancel(claim, .timeout), stream)
            }
            known.timer = core.schedule(at: endsAt + Self.timeoutGrace) { core in
                guard let known = core.held[claim], !known.isSettling else { return }
                core.start { await $0.endOverdue(known) }
            }
        }
    }

    private func endOverdue(_ known: HeldClaim) async {
        let took = known.timesOutAt.map { ContinuousClock.now - $0 + (known.claim.message.timeout ?? .zero) }
        let ending = await attempts.ending(
            of: known.claim, .timedOut, isCancelled: false, progress: known.progress, took: took)
        guard !known.isSettling else { return }
        if let stream = known.stream.flatMap({ streams[$0] }) {
            // It has had its time: what it says of it from now on is lost.
            perform(stream.machine.forget(known.claim.reference), stream)
        }
        settle(ending, of: known)
    }

    // MARK: Progress

    func note(_ progress: Wire.Progress, of claim: ClaimReference) {
        guard let known = held[claim], progress.fraction.isFinite else { return }
        known.progress = JobProgress(
            fraction: min(max(progress.fraction, 0), 1),
            note: Excerpt.bounded(progress.note, bytes: Limits.progressBytes))
        known.isReported = false
    }

    /// Stores the latest progress of a claim, if it has not been.
    private func report(_ claim: ClaimReference) {
        guard let known = held[claim], !known.isReported, let progress = known.progress else { return }
        known.isReported = true
        let job = known.claim
        start { core in _ = try? await core.engine.report(progress, on: job) }
    }
}
