// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import SpanQueueLoop

extension RedisEngine {
    func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        // A step of the clock makes leases look lapsed that are not. Where none of ours has heard the time yet, it is asked for first; and
        // the call itself does nothing if the clock has moved on by more than a lease stands.
        if request.grace > .zero, !node.knowsTime { _ = try await now() }
        switch node.doubt(within: request.grace) {
        case .gap: return []
        case .beginning: guard try await isClockVouchedFor(request.grace) else { return [] }
        case nil: break
        }
        let margin = min(Self.reclaimMargin, request.grace / 4)
        let notAfter = request.grace > .zero ? node.notAfter(.now + margin) : 0
        let keys = keys(request.queue)
        // Not sent again after a lost reply: the jobs are back, and only the news of it is lost.
        let reply = try await onTime(
            RedisScriptCall(
                scripts.reclaim,
                keys: [
                    keys.jobs, keys.runs, keys.priority, keys.active, keys.leases, keys.dead, keys.cancelled,
                    keys.unique, keys.meta, keys.wake, keys.cancelling,
                ]
            ) { arguments in
                arguments.append(max(1, min(request.limit, ReclaimRequest.maximumBatch)))
                arguments.append(request.maxReclaims)
                arguments.append(notAfter)
            })
        guard let reply else { return [] }
        do {
            var cursor = RESPCursor(reply)
            let count = try cursor.nextArrayCount()
            let now = Timestamp(milliseconds: try cursor.nextDecimal())
            node.learn(now)
            var jobs: [ReclaimedJob] = []
            for _ in 0..<(count - 1) / 5 {
                if let job = try Self.reclaimed(&cursor, queue: request.queue) { jobs.append(job) }
            }
            publish(request.queue) { most in
                QueueEvent(queue: request.queue, at: now, all: jobs.map(QueueEvent.Change.init(reclaimed:)), most: most)
            }
            return jobs
        } catch {
            throw SpanQueueError.unexpectedReply("reclaim", error)
        }
    }

    /// Whether another process, which has watched the server's clock for a lease at least, has said so within the last half of a lease. In
    /// the rest, which nobody has watched, it can't have made a step that lapses the lease of a live worker: those hold for two thirds of
    /// a lease at any time.
    private func isClockVouchedFor(_ lease: Duration) async throws -> Bool {
        let now = try await now()
        let reply = try await send(RESPCommand("HMGET", RedisKeys.clock, "at", "since"))
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            guard let at = try cursor.nextOptionalString().flatMap({ Int64($0) }),
                let since = try cursor.nextOptionalString().flatMap({ Int64($0) }), at <= now.milliseconds,
                now.milliseconds - at <= (lease / 2).milliseconds,
                at - since >= lease.milliseconds
            else { return false }
            node.trustBeginning()
            // The clock may have changed between the two calls.
            return node.doubt(within: lease) == nil
        } catch {
            throw SpanQueueError.unexpectedReply("HMGET", error)
        }
    }

    /// How late by the server's clock a reclaim may be, at most.
    private static let reclaimMargin = Duration.seconds(1)

    /// Makes a call; nil where Redis found that it was too late for it.
    private func onTime(_ script: RedisScriptCall) async throws -> RESPReply? {
        do {
            return try await client.run(script, idempotent: false)
        } catch let error as RedisError where error.isLate {
            node.noteLate()
            return nil
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
    }

    private static func reclaimed(_ cursor: inout RESPCursor, queue: String) throws -> ReclaimedJob? {
        let id = JobID(unchecked: try cursor.nextString())
        let fate = try cursor.nextString()
        let lease = try? Lease(cursor.nextString())
        let message = try cursor.nextOptionalBytes()
        let run = try cursor.nextOptionalBytes()
        guard fate != "v" else { return nil }
        let records = try? message.map { message throws(PackingError) in
            try unpack(message[...], run, id: id, queue: queue)
        }
        let reference = ClaimReference(
            id: id, queue: queue, token: lease?.token ?? FencingToken(value: 0, nonce: 0),
            worker: lease?.worker ?? "unknown")
        let state: JobState = fate == "r" ? .ready : fate == "d" ? .dead : .cancelled
        return ReclaimedJob(reference: reference, state: state, message: records?.0, run: records?.1 ?? RunRecord())
    }

    /// The most records of a kind that one call of the script drops.
    private static let sweepStep = 250

    func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply {
        await copyOldRegistryIfDue()
        let end = ContinuousClock.now + budget
        var dropped = 0
        while true {
            let step = try await sweepStep(queue)
            dropped += step.dropped
            guard step.isFull, end > .now else { return SweepReply(dropped: dropped, isFinished: !step.isFull) }
        }
    }

    /// One bounded step, and whether there may be more.
    private func sweepStep(_ queue: String) async throws -> (dropped: Int, isFull: Bool) {
        let keys = keys(queue)
        let reply = try await call(
            RedisScriptCall(
                scripts.sweep,
                keys: [
                    keys.jobs, keys.runs, keys.completed, keys.retained, keys.cancelled, keys.dead, keys.unique,
                    keys.uniqueExpiry, keys.meta,
                ]
            ) { arguments in
                arguments.append(options.retention.milliseconds)
                arguments.append(options.retentionCount)
                arguments.append(options.deadRetention?.milliseconds ?? 0)
                arguments.append(Self.sweepStep)
            })
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            return (Int(try cursor.nextInteger()), try cursor.nextInteger() == 1)
        } catch {
            throw SpanQueueError.unexpectedReply("sweep", error)
        }
    }

    // MARK: Waking

    /// Where less is to be waited, the worker just sleeps.
    private static let shortestPop = Duration.milliseconds(2)
    /// How often Redis is nudged, every 2 ms, to end a pop: by then it has had a tick.
    private static let nudges = 50

    func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws {
        let limit = deadline - .now
        // Shorter than it takes to go to sleep in Redis and be woken there.
        guard limit >= Self.shortestPop else { return try await loop.sleep(for: limit) }
        let waiter = try takeWaiter()
        defer { giveBack(waiter) }
        var command = RESPCommand("BLPOP")
        for queue in queues { command.append(keys(queue).wake) }
        let milliseconds = limit.milliseconds
        command.append("\(milliseconds / 1000).\(String(1000 + milliseconds % 1000).dropFirst())")
        // Redis looks whose time is up whenever it has had something to do, and else with its next tick, up to 100 ms late. So it is
        // given something to do. (`CLIENT UNBLOCK` would end the pop too, but Redis 7.0 panics at it while it holds up writes, as in a
        // failover; see ADR 10.)
        let alarm = Task(executorPreference: loop) { [client, loop] in
            try await loop.sleep(for: limit)
            // The pop is on another connection, and may reach Redis later than this.
            for _ in 0..<Self.nudges {
                try await loop.sleep(for: .milliseconds(2))
                _ = try await client.send(RESPCommand("PING"), idempotent: true)
            }
        }
        defer { alarm.cancel() }
        do {
            _ = try await waiter.send(command, timeout: limit + options.commandTimeout, idempotent: false)
        } catch let error as RedisError where error.code == .unblocked {
            // It became a replica: whoever looks for work now finds the new primary.
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
    }

    func passWakeUp(in queues: [String]) async {
        let calls = queues.map { queue in
            let keys = keys(queue)
            return RedisScriptCall(scripts.wake, keys: [keys.ready, keys.priority, keys.wake])
        }
        // They leave whatever becomes of this task; while it may, it waits for them.
        for reply in calls.map({ client.start($0, idempotent: true) }) { await reply.finished() }
    }
}
