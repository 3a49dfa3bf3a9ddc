// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import SpanQueueLoop

extension RedisEngine {
    private static let settleBatch = 128
    private static let extendBatch = 250

    func settle(
        _ settlements: [Settlement]
    ) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>] {
        guard !settlements.isEmpty else { return [] }
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
        // Plain completions go first in a call.
        for index in chunks.indices where !chunks[index].allSatisfy({ Self.isPlain(settlements[$0]) }) {
            let places = chunks[index]
            chunks[index] =
                places.filter { Self.isPlain(settlements[$0]) } + places.filter { !Self.isPlain(settlements[$0]) }
        }
        let calls = chunks.map { call(for: $0, of: settlements) }
        var outcomes = [Result<SettleOutcome, SpanQueueError>](
            repeating: .success(.settled), count: settlements.count)
        for (places, reply) in zip(chunks, try await results(of: calls, idempotent: true, on: settling)) {
            do throws(SpanQueueError) {
                let (lost, now) = try lost(reply, of: places)
                for place in lost { outcomes[place] = .success(.lost) }
                let queue = settlements[places[0]].reference.queue
                publish(queue) { most in
                    .ended(
                        places.filter { !lost.contains($0) }, of: settlements, in: queue, at: now, most: most)
                }
            } catch {
                for place in places { outcomes[place] = .failure(error) }
            }
        }
        return outcomes
    }

    /// The connection that is used for claims as well, where nothing can be before a settlement on it: then that and the next claim leave in
    /// one write, which wakes Redis once, and are answered in one read. Only the loop's own thread can tell.
    private var settling: RedisClient {
        loop.isCurrent && client.assumeIsolated({ $0.isClear }) ? client : leases
    }

    private static func isPlain(_ settlement: Settlement) -> Bool {
        settlement.verdict == .complete && settlement.job.message.retention == .standard
            && settlement.job.message.unique == nil
    }

    private func call(for places: [Int], of settlements: [Settlement]) -> RedisScriptCall {
        let keys = keys(settlements[places[0]].reference.queue)
        let plain = places.prefix { Self.isPlain(settlements[$0]) }
        return RedisScriptCall(
            scripts.settle, keys: keys.forSettling
        ) { arguments in
            arguments.append(options.retentionCount)
            arguments.append(plain.count)
            var leases = LeaseTexts()
            for place in plain {
                let settlement = settlements[place]
                arguments.append(settlement.reference.id.description)
                arguments.append(leases.text(settlement.reference))
                arguments.append(RunPacking.packForSettlement(settlement.run))
            }
            for place in places.dropFirst(plain.count) {
                let settlement = settlements[place]
                let (verdict, parameter) = Self.words(for: settlement)
                arguments.append(verdict)
                arguments.append(settlement.reference.id.description)
                arguments.append(leases.text(settlement.reference))
                arguments.append(RunPacking.packForSettlement(settlement.run))
                arguments.append(parameter)
                arguments.append(settlement.job.message.priority)
                if let lock = settlement.job.message.unique, lock.isHeldUntilAnEnd {
                    arguments.append(lock.digest)
                } else {
                    arguments.append("")
                }
            }
        }
    }

    private static func words(for settlement: Settlement) -> (verdict: String, parameter: String) {
        switch settlement.verdict {
        case .complete:
            switch settlement.job.message.retention.kind {
            case .standard: ("c", "")
            case .none: ("c", "0")
            case .duration(let span): ("c", String(max(1, span.milliseconds)))
            }
        case .retry(let delay), .snooze(let delay): ("t", String(delay.milliseconds))
        case .bury: ("b", "")
        case .release: ("r", "")
        case .cancel: ("x", "")
        }
    }

    /// The places of those that were no longer ours, and Redis' time.
    private func lost(
        _ reply: Result<RESPReply, RedisError>, of places: [Int]
    ) throws(SpanQueueError) -> ([Int], Timestamp) {
        do {
            var cursor = RESPCursor(try reply.get())
            let count = try cursor.nextArrayCount()
            let now = Timestamp(milliseconds: try cursor.nextDecimal())
            node.learn(now)
            let lost = try (1..<max(1, count)).map { _ in
                let index = Int(try cursor.nextInteger()) - 1
                guard places.indices.contains(index) else { throw PackingError(description: "no job \(index)") }
                return places[index]
            }
            return (lost, now)
        } catch let error as RedisError {
            throw SpanQueueError(error)
        } catch {
            throw SpanQueueError.unexpectedReply("settle", error)
        }
    }

    // MARK: Leases

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
        var answers = [Result<ExtendReply, SpanQueueError>](repeating: .success(ExtendReply()), count: batches.count)
        guard !chunks.isEmpty else { return answers }
        let calls = chunks.map { call(for: $0.claims, of: batches[$0.batch]) }
        for (chunk, reply) in zip(chunks, try await results(of: calls, idempotent: true, on: leases)) {
            answers[chunk.batch] = answers[chunk.batch].flatMap { answer in
                Result { () throws(SpanQueueError) in try Self.extended(answer, by: reply, chunk.claims) }
            }
        }
        return answers
    }

    private func call(for claims: ArraySlice<ClaimReference>, of batch: LeaseBatch) -> RedisScriptCall {
        let keys = keys(batch.queue)
        return RedisScriptCall(scripts.extend, keys: [keys.active, keys.leases, keys.cancelling]) { arguments in
            arguments.append(batch.lease.milliseconds)
            var leases = LeaseTexts()
            for claim in claims {
                arguments.append(claim.id.description)
                arguments.append(leases.text(claim))
            }
        }
    }

    private static func extended(
        _ answer: ExtendReply, by reply: Result<RESPReply, RedisError>, _ claims: ArraySlice<ClaimReference>
    ) throws(SpanQueueError) -> ExtendReply {
        do {
            var answer = answer
            var cursor = RESPCursor(try reply.get())
            try cursor.nextArray(of: 2)
            for _ in 0..<(try cursor.nextArrayCount()) { answer.lost.insert(try claim(&cursor, claims)) }
            for _ in 0..<(try cursor.nextArrayCount()) { answer.cancelRequested.insert(try claim(&cursor, claims)) }
            return answer
        } catch let error as RedisError {
            throw SpanQueueError(error)
        } catch {
            throw SpanQueueError.unexpectedReply("extend", error)
        }
    }

    private static func claim(_ cursor: inout RESPCursor, _ batch: ArraySlice<ClaimReference>) throws -> JobID {
        let index = batch.startIndex + Int(try cursor.nextInteger()) - 1
        guard batch.indices.contains(index) else { throw PackingError(description: "no claim \(index)") }
        return batch[index].id
    }

    func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool {
        let claim = job.reference
        let keys = keys(claim.queue)
        var run = job.run ?? RunRecord()
        run.progress = progress
        let reply = try await call(
            RedisScriptCall(scripts.update, keys: [keys.leases, keys.runs]) { arguments in
                arguments.append(claim.id.description)
                arguments.append(Lease.text(claim))
                arguments.append(RunPacking.pack(run))
            })
        return try reply.integer() == 1
    }
}

extension RedisKeys {
    /// The keys of `settle.lua`.
    var forSettling: [String] {
        [
            jobs, runs, priority, retrying, active, leases, completed, retained, dead, cancelled, unique, meta, wake,
            cancelling,
        ]
    }
}

extension UniqueLock {
    /// Whether it is released by the end of its owner, or its start, rather than by time.
    var isHeldUntilAnEnd: Bool {
        span.duration == nil
    }
}
