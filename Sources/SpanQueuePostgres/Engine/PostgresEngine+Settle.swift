// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

extension PostgresEngine {
    private static let settleBatch = 128
    private static let extendBatch = 500

    func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        var groups: [String: [Int]] = [:]
        var chunks: [[Int]] = []
        for (place, settlement) in settlements.enumerated() {
            let queue = settlement.reference.queue
            groups[queue, default: []].append(place)
            if groups[queue]?.count == Self.settleBatch, let full = groups.removeValue(forKey: queue) {
                chunks.append(full)
            }
        }
        chunks += groups.values
        let calls = chunks.map { places in
            // Of two ends of one job the first counts; what is plain is done before the others.
            var seen: Set<JobID> = []
            var isTwice: Set<JobID> = []
            for place in places where !seen.insert(settlements[place].reference.id).inserted {
                isTwice.insert(settlements[place].reference.id)
            }
            let ends = places.map { place in
                let settlement = settlements[place]
                let isPlain = settlement.job.message.unique == nil && !isTwice.contains(settlement.reference.id)
                return SettleCall.End(settlement, isPlain: isPlain)
            }
            return SettleCall.call(ends, in: settlements[places[0]].reference.queue, self)
        }
        var outcomes = [Result<SettleOutcome, SpanQueueError>](repeating: .success(.settled), count: settlements.count)
        for (places, answer) in zip(chunks, try await work.pipeline(calls, idempotent: true)) {
            do throws(PostgresError) {
                let rows = try answer.get()
                let now = Timestamp(milliseconds: try rows.integer(0, 0))
                node.learn(now)
                var lost: Set<Int> = []
                for number in try rows.integers(0, 1) {
                    let number = Int(number ?? 0) - 1
                    guard places.indices.contains(number) else {
                        throw PostgresError(
                            .protocolViolation, "settle answered for no job \(number)", mayHaveRun: true)
                    }
                    outcomes[places[number]] = .success(.lost)
                    lost.insert(places[number])
                }
                let queue = settlements[places[0]].reference.queue
                if try rows.bool(0, 2) { wakeOne(queue) }
                publish(queue) { most in
                    .ended(
                        places.filter { !lost.contains($0) }, of: settlements, in: queue, at: now, most: most)
                }
            } catch {
                for place in places { outcomes[place] = .failure(SpanQueueError(error)) }
            }
        }
        return outcomes
    }

    func extend(
        _ batches: [LeaseBatch]
    ) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>] {
        // Each batch in calls of a bounded size, all in one round trip.
        var chunks: [(batch: Int, claims: ArraySlice<ClaimReference>)] = []
        for (number, batch) in batches.enumerated() {
            for start in stride(from: 0, to: batch.claims.count, by: Self.extendBatch) {
                chunks.append((number, batch.claims[start..<min(start + Self.extendBatch, batch.claims.count)]))
            }
        }
        let calls = chunks.map { chunk in
            PostgresCall(
                "extend", statements.extend,
                [
                    .text(batches[chunk.batch].queue), .texts(chunk.claims.lazy.map(\.id.description)),
                    .int8s(chunk.claims.lazy.map { $0.token.value }),
                    .int8s(chunk.claims.lazy.map { Int64($0.token.nonce) }), .texts(chunk.claims.lazy.map(\.worker)),
                    .int8(batches[chunk.batch].lease.milliseconds),
                ])
        }
        var answers = [Result<ExtendReply, SpanQueueError>](repeating: .success(ExtendReply()), count: batches.count)
        for (chunk, answer) in zip(chunks, try await work.pipeline(calls, idempotent: true)) {
            answers[chunk.batch] = answers[chunk.batch].flatMap { reply in
                answer.flatMap { rows in
                    Result { () throws(PostgresError) in try Self.extended(reply, by: rows, chunk.claims) }
                }.mapError { SpanQueueError($0) }
            }
        }
        return answers
    }

    private static func extended(
        _ reply: ExtendReply, by rows: PostgresRows, _ claims: ArraySlice<ClaimReference>
    ) throws(PostgresError) -> ExtendReply {
        var reply = reply
        var held: Set<Int> = []
        for row in 0..<rows.count {
            let place = claims.startIndex + Int(try rows.integer(row, 0)) - 1
            guard claims.indices.contains(place) else {
                throw PostgresError(.protocolViolation, "extend answered for no claim \(place)", mayHaveRun: true)
            }
            held.insert(place)
            if try rows.bool(row, 1) { reply.cancelRequested.insert(claims[place].id) }
        }
        for place in claims.indices where !held.contains(place) { reply.lost.insert(claims[place].id) }
        return reply
    }

    func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool {
        let claim = job.reference
        var run = job.run ?? RunRecord()
        run.progress = progress
        let rows = try await call(
            PostgresCall(
                "report", statements.report,
                [
                    .text(claim.queue), .text(claim.id.description), .int8(claim.token.value),
                    .int8(Int64(claim.token.nonce)), .text(claim.worker), .bytes(RunPacking.pack(run)),
                ]), on: work)
        return try read { () throws(PostgresError) in try rows.bool(0, 0) }
    }
}
