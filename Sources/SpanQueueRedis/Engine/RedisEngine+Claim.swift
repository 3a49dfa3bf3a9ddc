// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

extension RedisEngine {
    func claim(
        _ requests: [ClaimRequest]
    ) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>] {
        guard !requests.isEmpty else { return [] }
        let nonce = UInt32.random(in: .min ... .max)
        let end = ContinuousClock.now + options.commandTimeout
        let notAfter = node.notAfter(end)
        let calls = requests.map { request in
            call(
                for: request, nonce: nonce,
                notAfter: request.notAfter.map { node.notAfter(min($0, end)) } ?? notAfter)
        }
        // Not idempotent: jobs that were claimed by a call whose reply was lost come back when their lease lapses.
        let replies = try await results(of: calls, idempotent: false)
        var newer: [String: [NewerJob]] = [:]
        let answers: [Result<ClaimReply, SpanQueueError>] = zip(requests, replies).map { request, reply in
            switch reply {
            case .success(let reply):
                return Result { () throws(SpanQueueError) in
                    let claim = try read(reply, of: request, nonce: nonce, newer: &newer[request.queue, default: []])
                    publish(request.queue) { .started(claim, in: request.queue, most: $0) }
                    return claim
                }
            case .failure(let error):
                if error.isLate { node.noteLate() }
                return .failure(SpanQueueError(error))
            }
        }
        for (queue, jobs) in newer where !jobs.isEmpty { await putOff(jobs, in: queue) }
        return answers
    }

    private func call(for request: ClaimRequest, nonce: UInt32, notAfter: Int64) -> RedisScriptCall {
        let keys = keys(request.queue)
        return RedisScriptCall(
            scripts.claim,
            keys: [
                keys.jobs, keys.runs, keys.ready, keys.priority, keys.scheduled, keys.retrying, keys.active,
                keys.leases,
                keys.unique, keys.meta, keys.wake,
            ]
        ) { arguments in
            arguments.append(claimLimit(request))
            arguments.append(request.lease.milliseconds)
            arguments.append(String(nonce, radix: 16))
            arguments.append(request.worker)
            arguments.append(notAfter)
        }
    }

    private func read(
        _ reply: RESPReply, of request: ClaimRequest, nonce: UInt32, newer: inout [NewerJob]
    ) throws(SpanQueueError) -> ClaimReply {
        do {
            var cursor = RESPCursor(reply)
            try noteWatch(parts: cursor.nextArrayCount(), cursor, of: request.queue)
            let now = Timestamp(milliseconds: try cursor.nextDecimal())
            node.learn(now)
            var answer = ClaimReply(now: now)
            let lease = try cursor.nextString()
            answer.isPaused = try cursor.nextInteger() == 1
            answer.hasMore = try cursor.nextInteger() == 1
            answer.nextDueIn = try Self.wait(until: cursor.nextString(), from: now)
            answer.nextLapseIn = try Self.wait(until: cursor.nextString(), from: now)
            answer.promoted = Int(try cursor.nextInteger())
            for _ in 0..<(try cursor.nextArrayCount()) {
                answer.vanished.append(JobID(unchecked: try cursor.nextString()))
            }
            let count = try cursor.nextArrayCount()
            guard count > 0 else { return answer }
            let token = try Lease(lease).token
            // Ids, messages and runs come one list after the other, and are read side by side.
            var ids = cursor
            for _ in 0..<count { cursor.skip() }
            try cursor.nextArray(of: count)
            var messages = cursor
            for _ in 0..<count { cursor.skip() }
            try cursor.nextArray(of: count)
            answer.jobs.reserveCapacity(count)
            var largest = 0
            for _ in 0..<count {
                let id = JobID(unchecked: try ids.nextString())
                let message = try messages.nextSlice()
                largest = max(largest, message.count)
                let run = try cursor.nextOptionalBytes()
                let reference = ClaimReference(id: id, queue: request.queue, token: token, worker: request.worker)
                do throws(PackingError) {
                    let (message, run) = try Self.unpack(message, run, id: id, queue: request.queue)
                    answer.jobs.append(ClaimedJob(message: message, run: run, reference: reference, claimedAt: now))
                } catch  where error.isNewer {
                    newer.append(NewerJob(reference: reference, priority: MessagePacking.priority(of: message)))
                } catch {
                    answer.unreadable.append(
                        UnreadableJob(reference: reference, claimedAt: now, problem: error.description))
                }
            }
            noteLargestMessage(largest, in: request.queue)
            return answer
        } catch {
            throw SpanQueueError.unexpectedReply("claim", error)
        }
    }

    /// Whether somebody watches the queue is told behind everything else, while it is so.
    private func noteWatch(parts: Int, _ cursor: RESPCursor, of queue: String) throws {
        guard parts > 11 else { return watches.note(queue, for: nil) }
        var cursor = cursor
        for _ in 0..<11 { cursor.skip() }
        watches.note(queue, for: .milliseconds(try cursor.nextDecimal()))
    }

    static func unpack(
        _ message: ArraySlice<UInt8>, _ run: [UInt8]?, id: JobID, queue: String
    ) throws(PackingError) -> (JobMessage, RunRecord) {
        let message = try MessagePacking.unpack(message, id: id, queue: queue)
        guard let run else { return (message, RunRecord()) }
        return (message, try RunPacking.unpack(run, eligibleAt: message.eligibleAt))
    }

    private static func wait(until moment: String, from now: Timestamp) throws(PackingError) -> Duration? {
        guard !moment.isEmpty else { return nil }
        guard let milliseconds = Int64(moment) else { throw PackingError(description: "\(moment) is not a time") }
        return max(.zero, .milliseconds(milliseconds - now.milliseconds))
    }
}
