// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ModelDriver
import RedisServerFixture
import SpanQueue
import Testing

@testable import HiredisClient
@testable import SpanQueueRedis

/// Rules that hold in every script, where one script once had a rule of its own.
@Suite("Rules that all scripts share", .serialized)
struct ScriptRuleTests {
    // MARK: Locks

    @Test("a lock whose owner is gone keeps no dead letter from being redriven, alone or in bulk")
    func staleLock() async throws {
        try await AuditBench.with { bench in
            for (byte, id) in [(UInt8(1), "alone"), (2, "in-bulk")] {
                let lock = bench.lock(byte, .untilFinished)
                try await bench.settle(bench.start(bench.job(id, unique: lock)), .bury(.permanent))
                let owner = bench.job("\(id)-owner", unique: lock, delay: .hours(1))
                try await bench.enqueue(owner)
                try await bench.redis("HDEL", ":jobs", "\(id)-owner")
            }
            #expect(try await bench.engine.redrive("alone") == .done(.ready))
            let request = BulkRequest(queue: "q", state: .dead, action: .redrive)
            #expect(try await bench.engine.performAll(request) == BulkReply(done: 1, skipped: 0))
            for (byte, id) in [(UInt8(1), "alone"), (2, "in-bulk")] {
                let holder = try await bench.redis("HGET", ":unique", AuditBench.text(byte)).optionalBytes()
                #expect(holder == Array("0:\(id)".utf8))
            }
        }
    }

    @Test("a lock whose owner is there keeps a redrive and an enqueue out, also one with a later version's fields")
    func laterLock() async throws {
        try await AuditBench.with { bench in
            let lock = bench.lock(1, .untilFinished)
            try await bench.settle(bench.start(bench.job("dead", unique: lock)), .bury(.permanent))
            try await bench.enqueue(bench.job("owner:of:it", unique: lock))
            for value in ["0:owner:of:it", "0,1800000000000,3:owner:of:it"] {
                try await bench.redis("HSET", ":unique", AuditBench.text(1), value)
                #expect(try await bench.engine.redrive("dead") == .duplicate(of: "owner:of:it"))
                #expect(try await bench.add(bench.job("more", unique: lock)).map(\.owner) == ["owner:of:it"])
                let request = BulkRequest(queue: "q", state: .dead, action: .redrive)
                #expect(try await bench.engine.performAll(request) == BulkReply(done: 0, skipped: 1))
            }
            // What keeps more than its owner is not released by a script that knows only owners.
            try await bench.settle(try #require(try await bench.claim().first), .complete)
            #expect(try await bench.redis("HLEN", ":unique").integer() == 1)
        }
    }

    @Test("of two dead letters of one lock a redrive in bulk takes one")
    func oneOfTwo() async throws {
        try await AuditBench.with { bench in
            let lock = bench.lock(1, .untilFinished)
            for id in ["a", "b"] {
                try await bench.settle(bench.start(bench.job(id, unique: lock)), .bury(.permanent))
            }
            let request = BulkRequest(queue: "q", state: .dead, action: .redrive)
            #expect(try await bench.engine.performAll(request) == BulkReply(done: 1, skipped: 1))
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    @Test("a lock that can't be read stops the calls that ask for it before they write anything")
    func unreadableLock() async throws {
        try await AuditBench.with { bench in
            let lock = bench.lock(1, .untilFinished)
            try await bench.settle(bench.start(bench.job("dead", unique: lock)), .bury(.permanent))
            try await bench.settle(
                bench.start(bench.job("dead-2", unique: bench.lock(2, .untilFinished))), .bury(.permanent))
            try await bench.redis("HSET", ":unique", AuditBench.text(2), "garbage")
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            await #expect(throws: SpanQueueError.self) { try await bench.engine.redrive("dead-2") }
            await #expect(throws: SpanQueueError.self) {
                try await bench.engine.performAll(BulkRequest(queue: "q", state: .dead, action: .redrive))
            }
            await #expect(throws: SpanQueueError.self) {
                try await bench.enqueue(bench.job("x"), bench.job("y", unique: bench.lock(2, .untilFinished)))
            }
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
        }
    }

    // MARK: States

    @Test("a completed job is never shown as ready, whatever list named it")
    func completedByItsRun() async throws {
        try await AuditBench.with { bench in
            try await bench.settle(bench.start(bench.job("done")), .complete)
            // A list is read in two steps, and a job may move on between them: it then stands in the list no more.
            try await bench.redis("RPUSH", ":ready", "done")
            let page = try await bench.engine.list(ListRequest(queue: "q", state: .ready))
            #expect(page.jobs.isEmpty)
            #expect(try await bench.record("done")?.state == .completed)
        }
    }

    @Test("what a job is by its run is what it is by its place, after all that can happen to it")
    func stateByRun() async throws {
        try await AuditBench.with { bench in
            try await bench.fill()
            for state in JobState.known {
                for record in try await bench.engine.list(ListRequest(queue: "q", state: state)).jobs {
                    #expect(try await bench.record(record.message.id.description)?.state == state)
                }
            }
        }
    }

    // MARK: Later versions

    @Test(
        "a job that a later version wrote is put off as it is, charged nothing and never buried",
        arguments: [true, false])
    func newer(isMessage: Bool) async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("plain"), bench.job("newer", priority: 3))
            let key = isMessage ? ":jobs" : ":runs"
            var bytes = Array("1800000000000".utf8) + [3, 0, UInt8(ascii: "3")] + [UInt8](repeating: 200, count: 50)
            if !isMessage { bytes = [2, 9, 9, 9] }
            try await bench.redis(["HSET", key, "newer"], bytes)
            for _ in 0..<5 {
                let reply = try await bench.engine.claim(
                    ClaimRequest(queue: "q", limit: 5, lease: .hours(1), worker: "worker-1"))
                #expect(reply.unreadable.isEmpty)
                for job in reply.jobs {
                    #expect(job.reference.id == "plain")
                    try await bench.settle(job, .complete)
                }
                let due = try #require(try await bench.redis("ZSCORE", ":retrying", "newer").optionalBytes())
                #expect(String(decoding: due, as: UTF8.self).contains(".03"))
                #expect(try await bench.redis("HGET", key, "newer").optionalBytes() == bytes)
                #expect(try await bench.redis("HLEN", ":leases").integer() == 0)
                // A minute later.
                try await bench.redis("ZADD", ":retrying", "1.03", "newer")
            }
            let record = try #require(try await bench.record("newer"))
            #expect(record.state == .retrying && record.message.type == "newer")
            #expect(record.run.lastError?.contains("version") == true)
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    // MARK: Time

    @Test(
        "a call runs until the very millisecond of its limit, and not after it",
        arguments: ["enqueue", "claim", "reclaim"])
    func limit(name: String) async throws {
        let time = try ServerTime()
        try await AuditBench.with(environment: time.environment) { bench in
            let (scripts, keys) = (bench.engine.scripts, bench.engine.keys("q"))
            for (limit, isLate) in [(0, false), (time.now.milliseconds, false), (time.now.milliseconds - 1, true)] {
                let call =
                    switch name {
                    case "enqueue":
                        RedisScriptCall(
                            scripts.enqueue,
                            keys: [
                                keys.jobs, keys.ready, keys.priority, keys.scheduled, keys.unique, keys.uniqueExpiry,
                                keys.meta, keys.wake,
                            ]
                        ) { arguments in
                            arguments.append(limit)
                            arguments.append("")
                            arguments.append(0)
                        }
                    case "claim":
                        RedisScriptCall(
                            scripts.claim,
                            keys: [
                                keys.jobs, keys.runs, keys.ready, keys.priority, keys.scheduled, keys.retrying,
                                keys.active, keys.leases, keys.unique, keys.meta, keys.wake,
                            ]
                        ) { arguments in
                            for word in ["1", "1000", "0", "w"] { arguments.append(word) }
                            arguments.append(limit)
                        }
                    default:
                        RedisScriptCall(
                            scripts.reclaim,
                            keys: [
                                keys.jobs, keys.runs, keys.priority, keys.active, keys.leases, keys.dead,
                                keys.cancelled, keys.unique, keys.meta, keys.wake, keys.cancelling,
                            ]
                        ) { arguments in
                            for word in ["1", "3"] { arguments.append(word) }
                            arguments.append(limit)
                        }
                    }
                do {
                    _ = try await bench.engine.client.run(call, idempotent: false)
                    #expect(!isLate, "\(limit)")
                } catch let error as RedisError {
                    #expect(isLate && error.code == .late, "\(limit): \(error)")
                }
            }
        }
    }

    /// From 2039 on a score, a double, has room for the hundredths of a millisecond in steps of 1/2048 only.
    @Test("a delayed job keeps its priority in any year up to 2100", arguments: [2027, 2038, 2040, 2069, 2100])
    func years(year: Int) async throws {
        let time = try ServerTime()
        let begin = try #require(RFC3339("\(year)-03-01T00:00:00Z")).timestamp
        time.now = begin
        try await AuditBench.with(environment: time.environment) { bench in
            for round in 0..<10 {
                for level in 0...9 {
                    try await bench.enqueue(
                        bench.job("\(round)-\(level)", priority: level, delay: .milliseconds(100 + 7 * round)))
                }
            }
            time.now = begin + .seconds(1)
            let levels = try await bench.claim(100).map(\.message.priority)
            #expect(levels == (0...9).reversed().flatMap { [Int](repeating: $0, count: 10) })
        }
    }

    // MARK: Workers

    @Test("an announcement is one command, so no worker can be half known")
    func announcement() async throws {
        try await AuditBench.with { bench in
            try await bench.redis("CONFIG", "RESETSTAT")
            try await bench.announce("w")
            let sent = try await bench.redis("INFO", "commandstats").string()
            #expect(sent.contains("cmdstat_evalsha:calls=1,") || sent.contains("cmdstat_eval:calls=1,"))
            #expect(try await bench.redis("PTTL", "spanq:{@}:worker:w").integer() > 0)
            #expect(try await bench.engine.workers().map(\.id) == ["w"])
            try await bench.engine.retire(workerID: "w")
            #expect(try await bench.redis("EXISTS", "spanq:{@}:workers", "spanq:{@}:worker:w").integer() == 0)
        }
    }

    @Test(
        "an announcement says that the clock runs evenly where it stands as expected, and since when as far as others have seen"
    )
    func evenClock() async throws {
        try await AuditBench.with { bench in
            /// - Parameter ahead: how far the clock is thought to be ahead of where it is; up to two seconds a call may be late.
            func announce(watched: Int, ahead: Duration = .seconds(1)) async throws -> (at: Int64, since: Int64) {
                // Another millisecond: what is vouched for now differs from what was before.
                try await Task.sleep(for: .milliseconds(5))
                let now = try await bench.engine.now()
                bench.engine.node.pretendWatched(for: .seconds(watched), now + ahead)
                try await bench.announce("w")
                var reply = RESPCursor(try await bench.redis("HMGET", "spanq:{@}:clock", "at", "since"))
                try reply.nextArray(of: 2)
                return (try reply.nextDecimal(), try reply.nextDecimal())
            }
            let first = try await announce(watched: 40)
            #expect((40_000...45_000).contains(first.at - first.since))
            for ahead in [Duration.milliseconds(-600), .seconds(10)] {
                #expect(try await announce(watched: 40, ahead: ahead) == first, "\(ahead)")
            }
            // It has not watched for long enough to say anything.
            #expect(try await announce(watched: 20) == first)
            let later = try await announce(watched: 35)
            #expect(later.at >= first.at && later.since == first.since)
            let older = try await announce(watched: 100)
            #expect((100_000...105_000).contains(older.at - older.since))
            // The clock was set back since, or was watched by nobody for a while.
            for at in [older.at + 60_000, older.at - 60_000] {
                try await bench.redis("HSET", "spanq:{@}:clock", "at", "\(at)", "since", "\(older.since)")
                let fresh = try await announce(watched: 40)
                #expect((40_000...45_000).contains(fresh.at - fresh.since))
            }
        }
    }

    @Test("reading the workers writes nothing, not even where one has lapsed; the next announcement forgets it")
    func lapsedWorker() async throws {
        try await AuditBench.with { bench in
            try await bench.announce("w")
            try await bench.redis("ZADD", "spanq:{@}:workers", "1", "ghost")
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            #expect(try await bench.engine.workers().map(\.id) == ["w"])
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
            // A replica and a full server can be asked.
            try await bench.redis("REPLICAOF", "127.0.0.1", "1")
            #expect(try await bench.engine.workers().map(\.id) == ["w"])
            try await bench.redis("REPLICAOF", "NO", "ONE")
            try await bench.announce("w")
            #expect(try await bench.redis("ZCARD", "spanq:{@}:workers").integer() == 1)
        }
    }

    // MARK: Queues

    @Test("a pause of a queue that has never had a job does nothing, and makes no queue")
    func pauseOfNothing() async throws {
        try await AuditBench.with { bench in
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            try await bench.pause()
            try await bench.resume()
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
            #expect(try await bench.engine.queues() == [])
        }
    }

    @Test("an empty queue can be deleted, with its locks, its pause and its name; one with jobs can't")
    func delete() async throws {
        try await AuditBench.with { bench in
            #expect(try await !bench.engine.delete("q"))
            try await bench.enqueue(bench.job("a", unique: bench.lock(1, .duration(.hours(1)))))
            let error = await #expect(throws: SpanQueueError.self) { _ = try await bench.engine.delete("q") }
            #expect(error?.code == .invalidState && error?.message.contains("1 jobs") == true)
            try await bench.pause()
            try await bench.perform(.remove, on: "a")
            #expect(try await bench.engine.delete("q"))
            #expect(try await bench.engine.queues() == [])
            #expect(try await bench.redis("DBSIZE").integer() == 1)
        }
    }

    @Test("a queue that was deleted is listed again by the producer that had listed it before")
    func deletedAndBegunAgain() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            try await bench.perform(.remove, on: "a")
            // By another program, of which this one knows nothing.
            let other = try await RedisEngine.started(
                bench.server.url, RedisEngineOptions(), scripts: .embedded, logger: bench.engine.logger)
            #expect(try await other.delete("q"))
            await other.shutdown()
            try await bench.enqueue(bench.job("b"))
            #expect(try await bench.engine.queues() == ["q"])
            #expect(try await bench.audit.run().findings.isEmpty)
        }
    }

    // MARK: Includes

    @Test("every line that includes a file is replaced by it, and each script compiles")
    func includes() async throws {
        try await AuditBench.with { bench in
            for script in Scripts.embedded.all {
                #expect(!String(decoding: script.source, as: UTF8.self).contains("-- include "), "\(script.name)")
                var command = RESPCommand("SCRIPT")
                command.append("LOAD")
                command.append(script.source)
                _ = try await bench.engine.send(command)
            }
        }
    }
}

extension RedisEngine {
    fileprivate func redrive(_ id: JobID) async throws -> ActionOutcome {
        try await perform(.redrive, on: id, in: "q")
    }
}
