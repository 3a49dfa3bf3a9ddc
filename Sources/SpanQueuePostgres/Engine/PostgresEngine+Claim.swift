// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import SpanQueue

extension PostgresEngine {
    /// For how long a job that can't be read yet is put off. By then a worker that can read it may be there.
    private static let putOff = Duration.minutes(1)

    func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        let nonce = UInt32.random(in: .min ... .max)
        let end = ContinuousClock.now + options.commandTimeout
        let latest = node.notAfter(end)
        var calls = requests.map { request in
            let notAfter = request.notAfter.map { node.notAfter(min($0, end)) } ?? latest
            return PostgresCall(
                "claim", statements.claim,
                [
                    .text(request.queue), .int4(min(max(0, request.limit), ClaimRequest.maximumBatch)),
                    .int8(request.lease.milliseconds), .int8(Int64(nonce)), .text(request.worker), .int8(notAfter),
                ])
        }
        // Not idempotent: jobs that were claimed by a call whose answer was lost come back when their lease lapses.
        let look = lookForWatchers()
        if let look { calls.append(look) }
        let start = ContinuousClock.now
        let answers = try await work.pipeline(calls, idempotent: false)
        if look != nil, let answer = answers.last { noteWatchers(answer) }
        var replies: [Result<ClaimReply, SpanQueueError>] = []
        for (request, answer) in zip(requests, answers) {
            var newer: [ClaimReference] = []
            replies.append(
                answer.flatMap { rows in
                    Result { () throws(PostgresError) in try read(rows, of: request, nonce: nonce, newer: &newer) }
                }.mapError { error in
                    if error.isLate { node.noteLate() }
                    return SpanQueueError(error)
                })
            if case .success(let claim)? = replies.last {
                // Nobody tells of what becomes due before the next look.
                if !claim.hasMore, claim.nextDueIn.map({ $0 > idleWait }) ?? true {
                    idleNotes.noteEmpty(request.queue, claimedAt: start)
                } else {
                    idleNotes.noteMore(request.queue)
                }
                publish(request.queue) { .started(claim, in: request.queue, most: $0) }
            }
            if !newer.isEmpty { await putOff(newer, in: request.queue) }
        }
        return replies
    }

    private func read(
        _ rows: PostgresRows, of request: ClaimRequest, nonce: UInt32, newer: inout [ClaimReference]
    ) throws(PostgresError) -> ClaimReply {
        // The head comes last: only then is it known.
        let head = try rows.integers(rows.count - 1, 0)
        guard head.count == 8, let milliseconds = head[0], let value = head[1] else {
            throw PostgresError(.protocolViolation, "claim's answer has no head", mayHaveRun: true)
        }
        let now = Timestamp(milliseconds: milliseconds)
        node.learn(now)
        var reply = ClaimReply(now: now)
        reply.isPaused = head[2] == 1
        reply.promoted = Int(head[3] ?? 0)
        reply.hasMore = head[4] == 1
        reply.nextDueIn = head[5].map { max(.zero, Timestamp(milliseconds: $0) - now) }
        reply.nextLapseIn = head[6].map { max(.zero, Timestamp(milliseconds: $0) - now) }
        let token = FencingToken(value: value, nonce: nonce)
        reply.jobs.reserveCapacity(rows.count - 1)
        for row in 0..<rows.count - 1 {
            let id = JobID(unchecked: try rows.text(row, 1))
            let reference = ClaimReference(id: id, queue: request.queue, token: token, worker: request.worker)
            let stored = try StoredJob(rows, row, columns: (enqueuedAt: 2, message: 3, payload: 4, run: 5))
            do throws(PackingError) {
                let (message, run) = try stored.unpacked(id: id, queue: request.queue)
                reply.jobs.append(ClaimedJob(message: message, run: run, reference: reference, claimedAt: now))
            } catch  where error.isNewer {
                newer.append(reference)
            } catch {
                reply.unreadable.append(
                    UnreadableJob(reference: reference, claimedAt: now, problem: error.description))
            }
        }
        // Another one has work, too: here, or else elsewhere where somebody may sleep.
        if reply.hasMore, !waiters.wake(request.queue), head[7] == 1 { wakeOne(request.queue) }
        return reply
    }

    /// Gives back jobs that a later version has written: nothing is wrong with them, so they are neither buried nor charged an attempt.
    /// Their records stay as they are. Where Postgres does not take it, their leases lapse.
    private func putOff(_ claims: [ClaimReference], in queue: String) async {
        let ids = claims.prefix(3).map(\.id.description).joined(separator: ", ")
        logger.warning(
            "put off jobs that a newer SpanQueue has enqueued: upgrade this worker",
            metadata: ["queue": "\(queue)", "jobs": "\(claims.count)", "such_as": "\(ids)"])
        let ends = claims.map {
            SettleCall.End(claim: $0, verdict: "p", parameter: Self.putOff.milliseconds, run: [])
        }
        _ = try? await call(SettleCall.call(ends, in: queue, self), on: work)
    }
}

/// What the tables hold of one job, packed.
struct StoredJob {
    let enqueuedAt: Timestamp
    let message: ArraySlice<UInt8>
    let payload: ArraySlice<UInt8>
    let run: [UInt8]?

    init(
        _ rows: PostgresRows, _ row: Int, columns: (enqueuedAt: Int, message: Int, payload: Int, run: Int)
    ) throws(PostgresError) {
        enqueuedAt = Timestamp(milliseconds: try rows.integer(row, columns.enqueuedAt))
        message = try rows.bytes(row, columns.message)
        payload = try rows.bytes(row, columns.payload)
        run = try rows.optionalBytes(row, columns.run)
    }

    func unpacked(id: JobID, queue: String) throws(PackingError) -> (JobMessage, RunRecord) {
        let message = try MessagePacking.unpack(
            head: message, payload: payload, enqueuedAt: enqueuedAt, id: id, queue: queue)
        guard let run else { return (message, RunRecord()) }
        return (message, try RunPacking.unpack(run, eligibleAt: message.eligibleAt))
    }
}
