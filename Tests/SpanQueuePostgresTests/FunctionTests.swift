// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import Synchronization
import Testing

@testable import SpanQueuePostgres

@Suite("functions", .timeLimit(.minutes(3)))
struct FunctionTests {
    @Test("a sweep keeps as many completed jobs as are to be kept, and the tally stays the sum of what there is")
    func trim() async throws {
        let database = try await Database()
        var options = PostgresEngineOptions()
        options.retentionCount = 10
        try await database.withEngines(1, options) { engines in
            let engine = engines[0]
            let jobs = (0..<100).map { _ in job() }
            for chunk in 0..<20 { _ = try await engine.enqueue(Array(jobs[chunk * 5..<chunk * 5 + 5])) }
            for _ in 0..<25 {
                let claimed = try await engine.claim(claim(4)).jobs
                _ = try await engine.settleAll(claimed.map { Settlement($0, .complete) })
            }
            #expect(try await engine.counts(of: ["q"])[0][.completed] == 100)
            let reply = try await engine.sweep("q", within: .seconds(60))
            #expect(reply == SweepReply(dropped: 90, isFinished: true))
            let counts = try await engine.counts(of: ["q"])[0]
            #expect(counts[.completed] == 10)
            #expect(counts.totals.enqueued == 100 && counts.totals.completed == 100 && counts.totals.removed == 90)
            let left = try await engine.list(ListRequest(queue: "q", state: .completed)).jobs.map(\.message.id)
            #expect(left == jobs.suffix(10).map(\.message.id))
            // More rows than a fold is worth were there.
            #expect(try await database.sql("SELECT count(*) <= 2 FROM spanq.tally") == "t")
        }
    }

    @Test("jobs that are due become ready in the order in which they are due, whatever the server knows of its tables")
    func promotion() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            // The later it was enqueued, the sooner it is due.
            let jobs = (0..<20).map { job(schedule: .after(.milliseconds(2000 - 50 * $0))) }
            for job in jobs { _ = try await engines[0].enqueue([job]) }
            // As if there were few jobs, and many of them due: the server goes through the join from the side of the jobs.
            try await database.sql("VACUUM ANALYZE spanq.job, spanq.live")
            try await database.sql(
                """
                UPDATE pg_class SET reltuples = CASE relname WHEN 'job' THEN 1 ELSE 100000 END
                WHERE oid IN ('spanq.job'::regclass, 'spanq.live'::regclass)
                """)
            try await database.freezeClock(at: 1_800_000_002_500_000)
            let claimed = try await engines[0].claim(claim(20)).jobs.map(\.message.id)
            #expect(claimed == jobs.reversed().map(\.message.id))
        }
    }

    @Test("a call that comes after its time limit does nothing, and the clock is learnt again")
    func late() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            // The server's clock jumps ahead by an hour.
            try await database.sql(
                """
                CREATE OR REPLACE FUNCTION spanq.clock() RETURNS bigint LANGUAGE sql VOLATILE AS
                $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 3600000000 $$
                """)
            let error = await #expect(throws: SpanQueueError.self) { try await engine.claim(claim()) }
            #expect(error?.code == .timeout && error?.mayHaveRun == false)
            #expect(try await engine.counts(of: ["q"])[0][.ready] == 1)
            #expect(try await engine.claim(claim()).jobs.count == 1)
        }
    }

    @Test("an enqueue whose idea of the clock is wrong learns it and goes on")
    func lateEnqueue() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job()])
            try await database.sql(
                """
                CREATE OR REPLACE FUNCTION spanq.clock() RETURNS bigint LANGUAGE sql VOLATILE AS
                $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 3600000000 $$
                """)
            let outcomes = try await engines[0].enqueue([job()])
            guard case .accepted = outcomes[0] else {
                Issue.record("\(outcomes)")
                return
            }
            #expect(try await engines[0].counts(of: ["q"])[0][.ready] == 2)
        }
    }

    @Test("a queue that uses what is not known is left alone, and takes jobs")
    func uses() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let id = JobID.random()
            _ = try await engine.enqueue([job(id)])
            try await database.sql("UPDATE spanq.queue SET uses = 4")
            _ = try await engine.enqueue([job()])
            let calls: [() async throws -> Void] = [
                { _ = try await engine.claim(claim()) },
                { _ = try await engine.reclaim(ReclaimRequest(queue: "q")) },
                { _ = try await engine.perform(.remove, on: id, in: "q", by: nil) },
                { _ = try await engine.performAll(BulkRequest(queue: "q", state: .ready, action: .remove)) },
                { _ = try await engine.delete("q") },
            ]
            for call in calls {
                let error = await #expect(throws: SpanQueueError.self) { try await call() }
                #expect(error?.code == .unsupported && error?.mayHaveRun == false)
            }
            #expect(try await engine.counts(of: ["q"])[0][.ready] == 2)
        }
    }

    @Test("a plain enqueue puts a job in its place, and does nothing where more is to be done or said than that")
    func plain() async throws {
        let database = try await Database()
        func isRefused(_ id: String, priority: Int = 0, notAfter: Int = 0) async throws -> String? {
            let message = "'\\x0100\(30 + priority)'"
            return try await database.sql(
                "SELECT spanq.enqueue_plain_1('q', '\(id)', 't', \(priority), \(message), '', \(notAfter)) IS NULL")
        }
        #expect(try await isRefused("a") == "t", "there is no queue")
        try await database.withEngines { engines in _ = try await engines[0].enqueue([job("first")]) }
        #expect(try await isRefused("a") == "f")
        #expect(try await isRefused("a") == "t", "the id is taken")
        #expect(try await isRefused("b", priority: 9) == "f")
        #expect(try await isRefused("c") == "f")
        let order = try await database.sql(
            "SELECT string_agg(j.id, ',' ORDER BY l.score) FROM spanq.live l JOIN spanq.job j ON j.nr = l.nr")
        #expect(order == "b,first,a,c")
        await #expect(throws: PostgresError.self) { try await isRefused("late", notAfter: 1) }
        let open = try await database.hold(
            "SELECT pg_advisory_xact_lock('spanq.queue'::regclass::oid::int4, hashtext('q'))")
        #expect(try await isRefused("d") == "t", "the queue may be about to go")
        try await open.end()
        try await database.sql("UPDATE spanq.queue SET door = 'm:1'")
        #expect(try await isRefused("e") == "t", "the queue has a door")
        #expect(try await database.sql("SELECT sum(r) || ' ' || sum(enqueued) FROM spanq.tally") == "4 4")
        #expect(try await database.sql("SELECT count(*) FROM spanq.live") == "4")
    }

    @Test("a queue with a door takes no jobs from those who bring none")
    func door() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job()])
            try await database.sql("UPDATE spanq.queue SET door = 'm:1'")
            let error = await #expect(throws: SpanQueueError.self) { try await engines[0].enqueue([job()]) }
            #expect(error?.code == .unsupported && error?.message.contains("m:1") == true)
            #expect(try await engines[0].claim(claim()).jobs.count == 1)
        }
    }

    @Test("what a later version has written is put off, not buried, and charged nothing")
    func newer() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let ids = (0..<2).map { _ in JobID.random() }
            _ = try await engine.enqueue(ids.map { job($0) })
            try await database.sql("UPDATE spanq.job SET message = set_byte(message, 0, 9) WHERE id = '\(ids[0])'")
            let reply = try await engine.claim(claim())
            #expect(reply.jobs.map(\.message.id) == [ids[1]])
            #expect(reply.unreadable.isEmpty)
            let record = try #require(try await engine.job(ids[0], in: "q"))
            #expect(record.state == .retrying && record.message.type == "newer")
            try await database.sql("UPDATE spanq.job SET message = set_byte(message, 0, 1) WHERE id = '\(ids[0])'")
            try await database.sql("UPDATE spanq.live SET score = 0 WHERE state = 't'")
            let again = try #require(try await engine.claim(claim()).jobs.first)
            #expect(again.attempt == 1 && again.run == RunRecord())
        }
    }

    @Test("two engines drain one queue: no job twice, none left, and the tally is exact")
    func drain() async throws {
        let database = try await Database()
        try await database.withEngines(2) { engines in
            let jobs = (0..<3000).map { _ in job() }
            _ = try await engines[0].enqueue(jobs)
            let done = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for engine in engines + engines {
                    group.addTask {
                        var mine: [JobID] = []
                        while true {
                            let claimed = try await engine.claim(claim(100)).jobs
                            if claimed.isEmpty { return mine }
                            let outcomes = try await engine.settleAll(claimed.map { Settlement($0, .complete) })
                            #expect(outcomes.allSatisfy { $0 == .settled })
                            mine += claimed.map(\.message.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(done.count == 3000)
            #expect(Set(done) == Set(jobs.map(\.message.id)))
            let counts = try await engines[0].counts(of: ["q"])[0]
            #expect(counts[.ready] == 0 && counts[.active] == 0 && counts[.completed] == 3000)
        }
    }

    @Test("batches with the same locks and ids in other orders end, each as one of them alone would")
    func crossed() async throws {
        let database = try await Database()
        try await database.withEngines(2) { engines in
            let ids = (0..<40).map { JobID(unchecked: "job-\($0)") }
            let locks = (0..<40).map {
                UniqueLock(digest: [UInt8](repeating: UInt8($0), count: 16), span: .untilFinished)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for round in 0..<10 {
                    for (number, engine) in engines.enumerated() {
                        group.addTask {
                            let order = number == 0 ? Array(0..<40) : Array((0..<40).reversed())
                            let jobs = order.map { place in
                                round % 2 == 0 ? job(ids[place]) : job(unique: locks[place])
                            }
                            _ = try await engine.enqueue(jobs, until: .now + .seconds(60))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await engines[0].counts(of: ["q"])[0][.ready] == 80)
        }
    }

    @Test("the tokens of a job rise also where the clock was set back")
    func setBack() async throws {
        let database = try await Database()
        try await database.freezeClock(at: 1_800_000_000_000_000)
        try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job()])
            let first = try #require(try await engines[0].claim(claim()).jobs.first)
            _ = try await engines[0].settleAll([Settlement(first, .release)])
            try await database.freezeClock(at: 1_700_000_000_000_000)
            let second = try #require(try await engines[0].claim(claim()).jobs.first)
            #expect(second.reference.token.value == first.reference.token.value + 1)
        }
    }

    @Test("jobs that are released together keep their order, and the next due time is that of the first")
    func together() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            let ids = (0..<4).map { JobID(unchecked: "job-\($0)") }
            _ = try await engine.enqueue(ids.map { job($0) })
            let claimed = try await engine.claim(claim()).jobs
            #expect(claimed.map(\.message.id) == ids)
            _ = try await engine.settleAll(claimed.map { Settlement($0, .release) })
            let again = try await engine.claim(claim()).jobs
            #expect(again.map(\.message.id) == ids)
            _ = try await engine.settleAll(again.prefix(1).map { Settlement($0, .retry(after: .hours(2))) })
            for hours: Int64 in [3, 1] { _ = try await engine.enqueue([job(schedule: .after(.hours(hours)))]) }
            #expect(try await engine.claim(claim()).nextDueIn == .hours(1))
        }
    }

    @Test("a lock of a job that is gone keeps nobody out")
    func lockOfNobody() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let lock = UniqueLock(digest: [UInt8](repeating: 1, count: 16), span: .untilFinished)
            _ = try await engines[0].enqueue([job("gone", unique: lock)])
            guard case .duplicate = try await engines[0].enqueue([job(unique: lock)])[0] else {
                Issue.record("the lock is free")
                return
            }
            try await database.sql("DELETE FROM spanq.live; DELETE FROM spanq.job")
            guard case .accepted = try await engines[0].enqueue([job(unique: lock)])[0] else {
                Issue.record("the lock is not free")
                return
            }
        }
    }

    @Test("a job that is gone has a lock for a time still, and gets it again if it comes again")
    func lockOfItsOwn() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let lock = UniqueLock(digest: [UInt8](repeating: 1, count: 16), span: .duration(.hours(1)))
            for _ in 0..<2 {
                guard case .accepted = try await engines[0].enqueue([job("mine", unique: lock)])[0] else {
                    Issue.record("it has lost its lock to itself")
                    return
                }
                guard case .duplicate = try await engines[0].enqueue([job("other", unique: lock)])[0] else {
                    Issue.record("the lock is free")
                    return
                }
                // A redrive makes no other lock of it.
                #expect(try await engines[0].perform(.bury(reason: ""), on: "mine", in: "q") == .done(.dead))
                #expect(try await engines[0].perform(.redrive, on: "mine", in: "q") == .done(.ready))
                #expect(try await database.sql("SELECT count(until) FROM spanq.lock") == "1")
                #expect(try await engines[0].perform(.remove, on: "mine", in: "q") == .done(nil))
            }
        }
    }

    @Test("a job that is removed, and one that ends, leave no lock of their own behind")
    func locksEnd() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let jobs = (0..<5).map { number in
                let digest = [UInt8](repeating: UInt8(number), count: 16)
                return job(JobID(unchecked: "job-\(number)"), unique: UniqueLock(digest: digest, span: .untilFinished))
            }
            _ = try await engine.enqueue(jobs)
            #expect(try await engine.perform(.remove, on: "job-0", in: "q") == .done(nil))
            let claimed = try await engine.claim(claim()).jobs
            let verdicts: [Verdict] = [.complete, .bury(.permanent), .cancel(reason: "no"), .retry(after: .zero)]
            _ = try await engine.settleAll(zip(claimed, verdicts).map { Settlement($0, $1) })
            #expect(try await database.sql("SELECT string_agg(id, ' ') FROM spanq.lock") == "job-4")
        }
    }

    @Test("a returned job counts for the age of the oldest, and ends are written down by the server's clock")
    func moments() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job("a")])
            let first = try await engine.claim(claim()).jobs
            _ = try await engine.settleAll(first.map { Settlement($0, .release) })
            try await database.freezeClock(at: 1_800_000_002_000_000)
            #expect(try await engine.counts(of: ["q"])[0].oldestReadyAge == .seconds(2))
            let second = try await engine.claim(claim()).jobs
            _ = try await engine.settleAll(second.map { Settlement($0, .retry(after: .hours(1))) })
            let attempts = try #require(try await engine.job("a", in: "q")).run.attemptRecords
            #expect(attempts.map(\.endedAt.milliseconds) == [1_800_000_000_000, 1_800_000_002_000])
        }
    }

    @Test("whatever moves jobs out of ready waits for whoever else does so in its queue")
    func alone() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job("a"), job("b"), job("c"), job("d")])
            let request = ListRequest(queue: "q", state: .ready, limit: 4)
            let last = try #require(try await engine.packed(request, isForRemoval: false).jobs.last)
            let note = OperatorNote(reason: "its jobs go", by: "ada")
            let calls: [@Sendable () async throws -> Int] = [
                { try await engine.claim(claim(1)).jobs.count },
                {
                    try await engine.perform(.cancel(reason: ""), on: "b", in: "q", by: nil) == .done(.cancelled)
                        ? 1 : 0
                },
                {
                    let outcomes = try await engine.perform(
                        .cancel(reason: ""), on: ["c"], in: "q", if: .ready, by: nil)
                    return outcomes == [.done(.cancelled)] ? 1 : 0
                },
                { try await engine.performAll(BulkRequest(queue: "q", state: .ready, action: .remove)).done },
                {
                    let nothing = AuditViolation(.totals, queue: "q", subject: "q", "")
                    return try await PostgresAudit(of: engine)?.repair([nothing]).count ?? 0
                },
                {
                    try await engine.halt("q", note: note)
                    return 1
                },
                {
                    let pause = try #require(try await engine.counts(of: ["q"])[0].pause)
                    return try await engine.adopt([last], into: "q", under: pause) == [.adopted] ? 1 : 0
                },
                {
                    let pause = try #require(try await engine.counts(of: ["q"])[0].pause)
                    return try await engine.drop([last], from: "q", under: pause) == [.dropped] ? 1 : 0
                },
            ]
            let waiting =
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND classid = 'spanq.live'::regclass::oid"
            for (number, call) in calls.enumerated() {
                let open = try await database.hold("SELECT spanq.alone(1)")
                let isOver = Mutex(false)
                let calling = Task {
                    defer { isOver.withLock { $0 = true } }
                    return try await call()
                }
                var hasWaited = false
                while !hasWaited, !isOver.withLock({ $0 }) {
                    hasWaited = try await database.sql(waiting) == "1"
                }
                #expect(hasWaited, "call \(number)")
                try await open.end()
                #expect(try await calling.value == 1, "call \(number)")
            }
        }
    }

    @Test("the claim of one queue does not wait for that of another, nor for an enqueue that is not committed")
    func apart() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job(), job(in: "p")])
            // A transaction of somebody else's, that holds the lock of the queue `p` and has enqueued to `q`.
            let open = try await database.hold(
                """
                SELECT spanq.alone((SELECT nr FROM spanq.queue WHERE name = 'p'));
                SELECT spanq.enqueue_1('q', ARRAY['x'], ARRAY['t'], ARRAY[0], ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[],
                  ARRAY['\\x010030']::bytea[], ARRAY['']::bytea[], ARRAY[NULL]::bytea[], ARRAY[NULL]::bigint[], 0)
                """)
            #expect(try await engine.claim(claim()).jobs.count == 1)
            try await open.end()
            // It is not a message, but it has arrived.
            #expect(try await engine.claim(claim()).unreadable.count == 1)
        }
    }

    @Test("a worker is as it said last, and one that fell silent is forgotten by those that live")
    func workers() async throws {
        let database = try await Database()
        func announce(_ id: String, busy: Int) async throws {
            try await database.sql(
                "SELECT spanq.announce_1('\(id)', 'h', 1, ARRAY['q'], 9, \(busy), 0, 'v', ARRAY['t'], 30000)")
        }
        func all() async throws -> String? {
            try await database.sql("SELECT string_agg(id || ' ' || busy, ', ' ORDER BY id) FROM spanq.worker")
        }
        try await database.freezeClock()
        try await announce("a", busy: 1)
        try await announce("b", busy: 1)
        #expect(try await all() == "a 1, b 1")
        try await database.freezeClock(at: 1_800_000_100_000_000)
        try await announce("b", busy: 3)
        #expect(try await all() == "b 3")
    }
}
