// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueuePostgres

@Suite("SQL for everybody", .timeLimit(.minutes(1)))
struct SQLTests {
    @Test("a job that SQL enqueues reads as one that Swift enqueues, with every option")
    func packed() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let id = try await database.sql(
                """
                SELECT spanq.enqueue('q', 'email:welcome', '{"userID": 42}', id => 'mine', priority => 3, delay => '5 s',
                  deadline => '2100-01-01 00:00:00+00', unique_key => 'k', unique_for => '1 h', max_retries => 7, timeout => '10 s',
                  traceparent => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
                """)
            #expect(id == "mine")
            let record = try #require(try await engine.job("mine", in: "q"))
            let message = record.message
            #expect(record.state == .scheduled)
            #expect(record.dueAt == message.enqueuedAt + .seconds(5) && message.runAt == record.dueAt)
            #expect(message.type == "email:welcome" && message.priority == 3 && message.maxRetries == 7)
            #expect(String(decoding: message.payload, as: UTF8.self) == #"{"userID": 42}"#)
            #expect(message.deadline == Timestamp(milliseconds: 4_102_444_800_000))
            #expect(message.timeout == .seconds(10))
            #expect(message.trace.traceParent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            let key = Array(Digest.sha256(Array("kk".utf8)).prefix(16))
            #expect(message.unique == UniqueLock(digest: key, span: .duration(.hours(1))))
            let content = Digest.sha256(Array("email:welcome\0".utf8), message.payload).prefix(8)
            #expect(message.contentDigest == content.reduce(0) { $0 << 8 | UInt64($1) })
            // The bytes are those that Swift would have made of it.
            var again = NewJob(
                message: message, schedule: .after(.seconds(5)), expiry: .at(Timestamp(milliseconds: 4_102_444_800_000))
            )
            let hex = MessagePacking.packHead(again).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(try await database.sql("SELECT encode(message, 'hex') FROM spanq.job") == hex)
            // So an enqueue of the same by Swift is a repeat.
            again.message.payload = Array(#"{"userID": 42}"#.utf8)
            guard case .present(let existing) = try await engine.enqueue([again])[0] else {
                Issue.record("not a repeat")
                return
            }
            #expect(existing.id == "mine")
            // Who holds the key is told; other content, whatever its key, is refused.
            #expect(try await database.sql("SELECT spanq.enqueue('q', 't', '1', unique_key => 'k')") == "mine")
            let other = await #expect(throws: PostgresError.self) {
                try await database.sql(
                    """
                    SELECT spanq.enqueue('q', 'email:welcome', '{"userID": 43}', id => 'mine', unique_key => 'k', unique_for => '1 h')
                    """)
            }
            #expect(other?.code == .other("23505"))
            #expect(try await engine.counts(of: ["q"])[0].totals.enqueued == 1)
        }
    }

    @Test("what an argument can't be is refused, and nothing is added")
    func refused() async throws {
        let database = try await Database()
        let calls: [(call: String, words: String)] = [
            ("enqueue('a b', 't', '1')", "queue:"), ("enqueue(repeat('q', 129), 't', '1')", "queue:"),
            ("enqueue(NULL, 't', '1')", "queue:"), ("enqueue('q', 'a b', '1')", "type:"),
            ("enqueue('q', '', '1')", "type:"), ("enqueue('q', 't', '1', id => 'a b')", "id:"),
            ("enqueue('q', 't', '1', id => repeat('i', 129))", "id:"),
            ("enqueue('q', 't', to_jsonb(repeat('x', 1048576)))", "payload:"), ("enqueue('q', 't', NULL)", "payload:"),
            ("enqueue('q', 't', '1', priority => 10)", "priority:"),
            ("enqueue('q', 't', '1', priority => NULL)", "priority:"),
            ("enqueue('q', 't', '1', max_retries => 1001)", "max_retries:"),
            ("enqueue('q', 't', '1', max_retries => -1)", "max_retries:"),
            ("enqueue('q', 't', '1', delay => '1 s', run_at => now())", "not both"),
            ("enqueue('q', 't', '1', delay => '3651 days')", "delay:"),
            ("enqueue('q', 't', '1', delay => '-1 s')", "delay:"),
            ("enqueue('q', 't', '1', run_at => now() + interval '3651 days')", "run_at:"),
            ("enqueue('q', 't', '1', timeout => '0 s')", "timeout:"),
            ("enqueue('q', 't', '1', timeout => '3651 days')", "timeout:"),
            ("enqueue('q', 't', '1', unique_for => '1 s')", "unique_for:"),
            ("enqueue('q', 't', '1', unique_key => 'k', unique_for => '0 s')", "unique_for:"),
            ("enqueue('q', 't', '1', unique_key => 'k', unique_for => '3651 days')", "unique_for:"),
            ("enqueue('q', 't', '1', unique_key => '')", "unique_key:"),
            ("enqueue('q', 't', '1', unique_key => repeat('k', 1025))", "unique_key:"),
            ("enqueue_many('a b', ARRAY['t'], ARRAY['1']::jsonb[])", "queue:"),
            ("enqueue_many('q', ARRAY['t'], ARRAY['1', '2']::jsonb[])", "as many"),
            (
                "enqueue_many('q', array_fill('t'::text, ARRAY[10001]), array_fill('1'::jsonb, ARRAY[10001]))",
                "at most 10000"
            ),
            ("enqueue_many('q', ARRAY['t', 'a b'], ARRAY['1', '2']::jsonb[])", "types:"),
            ("enqueue_many('q', ARRAY['t', NULL], ARRAY['1', '2']::jsonb[])", "types:"),
            ("enqueue_many('q', ARRAY['t', 't'], ARRAY['1', NULL]::jsonb[])", "payloads:"),
            ("enqueue_many('q', ARRAY['t'], ARRAY[to_jsonb(repeat('x', 1048576))])", "payloads:"),
            ("enqueue_many('q', ARRAY['t'], ARRAY['1']::jsonb[], priority => -1)", "priority:"),
            ("enqueue_many('q', ARRAY['t'], ARRAY['1']::jsonb[], max_retries => 1001)", "max_retries:"),
            ("cancel('q', 'a', repeat('r', 1025))", "reason:"),
        ]
        for (call, words) in calls {
            let error = await #expect(throws: PostgresError.self, "\(call)") {
                try await database.sql("SELECT spanq.\(call)")
            }
            #expect(error?.code == .other("22023") && error?.message.contains(words) == true, "\(call)")
        }
        #expect(try await database.sql("SELECT count(*) FROM spanq.job") == "0")
    }

    @Test("a plain job has an id and a trace of its own, and is claimed and completed")
    func plain() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let ids = try await database.sql(
                "SELECT array_to_string(spanq.enqueue_many('q', ARRAY['a', 'b'], ARRAY['1', '{}']::jsonb[]), ',')")
            let jobs = try await engines[0].claim(claim()).jobs
            #expect(jobs.map(\.message.id.description).joined(separator: ",") == ids)
            // Ids are UUIDs of version 7, of the present time.
            let form = #/01a3185c-5000-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#
            #expect(jobs.allSatisfy { $0.message.id.description.wholeMatch(of: form) != nil })
            #expect(jobs.map(\.message.type) == ["a", "b"] && jobs.map(\.message.maxRetries) == [25, 25])
            #expect(jobs[0].message.trace.traceID != jobs[1].message.trace.traceID)
            #expect(jobs.allSatisfy { $0.message.unique == nil && $0.message.contentDigest == nil })
            #expect(try await engines[0].settleAll(jobs.map { Settlement($0, .complete) }) == [.settled, .settled])
            // A trace of zeros is none.
            let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01"
            try await database.sql("SELECT spanq.enqueue('q', 't', '1', traceparent => '\(zero)')")
            let traced = try #require(try await engines[0].claim(claim()).jobs.first)
            #expect(!traced.message.trace.traceParent.hasPrefix("00-0000000000000000"))
        }
    }

    @Test("jobs of one call are in its order, each with its payload")
    func many() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            try await database.sql(
                "SELECT spanq.enqueue_many('q', array_agg('t' || n ORDER BY n), array_agg(to_jsonb(n) ORDER BY n)) FROM generate_series(1, 50) AS n"
            )
            let jobs = try await engines[0].claim(claim()).jobs.map(\.message)
            #expect(jobs.map(\.type) == (1...50).map { "t\($0)" })
            #expect(jobs.map { String(decoding: $0.payload, as: UTF8.self) } == (1...50).map { "\($0)" })
        }
    }

    @Test("jobs of transactions that are rolled back never were, those of committed ones run")
    func transactions() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            try await database.sql("CREATE TABLE spanq.orders (n int)")
            for number in 0..<20 {
                let fails = number % 2 == 0 ? "SELECT 1/0;" : ""
                _ = try? await database.sql(
                    "INSERT INTO spanq.orders VALUES (\(number)); SELECT spanq.enqueue('q', 'ship', '\(number)'); \(fails)"
                )
            }
            let jobs = try await engines[0].claim(claim()).jobs
            let shipped = jobs.map { String(decoding: $0.message.payload, as: UTF8.self) }
            #expect(shipped == (0..<20).filter { $0 % 2 == 1 }.map(String.init))
            #expect(try await database.sql("SELECT count(*) FROM spanq.orders") == "10")
            #expect(try await engines[0].counts(of: ["q"])[0].totals.enqueued == 10)
        }
    }

    @Test("one who waits is woken by a commit, and by nothing before it")
    func wakes() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines(1, idleWait: .hours(1)) { engines in
            async let waiting: Void = engines[0].waitForWork(in: ["q"], atMost: .hours(1))
            while try await database.sql("SELECT count(*) FROM spanq.idle") != "1" {
                try await Task.sleep(for: .milliseconds(5))
            }
            try await database.sql("SELECT spanq.enqueue('q', 't', '1'), spanq.enqueue('q', 't', '2')")
            try await waiting
            #expect(try await engines[0].claim(claim()).jobs.count == 2)
            #expect(try await database.sql("SELECT count(*) FROM spanq.told") == "0")
        }
    }

    @Test("what a handler does and the end of its job are one: both, or neither")
    func complete() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            try await database.sql("CREATE TABLE spanq.effects (id text)")
            let ids = (0..<3).map { _ in JobID.random() }
            _ = try await engine.enqueue(ids.map { job($0) })
            let jobs = try await engine.claim(claim()).jobs
            func end(_ job: ClaimedJob, token: Int64? = nil, then: String = "") -> String {
                let token = token ?? job.reference.token.value
                return
                    "INSERT INTO spanq.effects VALUES ('\(job.message.id)'); SELECT spanq.complete('q', '\(job.message.id)', \(token)); \(then)"
            }
            try await database.sql(end(jobs[0]))
            let lost = await #expect(throws: PostgresError.self) { try await database.sql(end(jobs[1], token: 5)) }
            #expect(lost?.code == .other("SQ004"))
            await #expect(throws: PostgresError.self) { try await database.sql(end(jobs[2], then: "SELECT 1/0;")) }
            #expect(try await database.sql("SELECT string_agg(id, ',') FROM spanq.effects") == ids[0].description)
            let record = try #require(try await engine.job(ids[0], in: "q"))
            #expect(record.state == .completed && record.run.attempts == 1)
            let attempt = try #require(record.run.attemptRecords.first)
            #expect(attempt.outcome == .completed && attempt.worker == "w" && attempt.number == 1)
            #expect(attempt.token == jobs[0].reference.token)
            // The worker, whose handler returns as usual, finds it done; one whose claim is another's does not.
            #expect(try await engine.settleAll([Settlement(jobs[0], .complete)]) == [.settled])
            #expect(try await engine.settleAll([Settlement(jobs[0], .retry(after: .zero))]) == [.lost])
            #expect(try await engine.settleAll([Settlement(jobs[1], .complete)]) == [.settled])
            let counts = try await engine.counts(of: ["q"])[0]
            #expect(counts[.completed] == 2 && counts[.active] == 1 && counts.totals.completed == 2)
        }
    }

    @Test("a job that is to be kept for a time of its own, or not at all, is when SQL completes it")
    func kept() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            var jobs = [
                job(unique: UniqueLock(digest: [UInt8](repeating: 1, count: 16), span: .duration(.hours(1)))), job(),
            ]
            jobs[0].message.retention = .duration(.hours(5))
            jobs[0].message.timeout = .seconds(9)
            jobs[0].message.backoff = .constant(.seconds(1))
            jobs[1].message.retention = .none
            _ = try await engine.enqueue(jobs)
            for claimed in try await engine.claim(claim()).jobs {
                try await database.sql(
                    "SELECT spanq.complete('q', '\(claimed.message.id)', \(claimed.reference.token.value))")
            }
            #expect(
                try await database.sql("SELECT string_agg(state::text || (score - ended_at), ',') FROM spanq.done")
                    == "k18000000")
            #expect(try await engine.counts(of: ["q"])[0].totals.removed == 1)
        }
    }

    @Test("a cancel from SQL is noted in the session's name")
    func cancel() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let ids = (0..<2).map { _ in JobID.random() }
            _ = try await engines[0].enqueue([job(ids[0])])
            let running = try await engines[0].claim(claim()).jobs
            _ = try await engines[0].enqueue([job(ids[1])])
            #expect(try await database.sql("SELECT spanq.cancel('q', '\(ids[1])', 'no use')") == "cancelled")
            #expect(try await database.sql("SELECT spanq.cancel('q', '\(ids[0])')") == "requested")
            #expect(try await database.sql("SELECT spanq.cancel('q', 'never-was')") == "not_found")
            for (id, verdict) in [("dead", Verdict.bury(.permanent)), ("completed", .complete)] {
                _ = try await engines[0].enqueue([job(JobID(unchecked: id))])
                let claimed = try await engines[0].claim(claim()).jobs
                _ = try await engines[0].settleAll(claimed.map { Settlement($0, verdict) })
                #expect(try await database.sql("SELECT spanq.cancel('q', '\(id)')") == id)
            }
            let event = try #require(try await engines[0].job(ids[1], in: "q")?.run.history.last)
            #expect(event.by == "spanq")
            let reply = try await engines[0].extend(running.map(\.reference), in: "q", by: .seconds(9))
            #expect(reply.cancelRequested == [ids[0]])
        }
    }

    @Test("the view of transitions tells each move of a job, as its history does")
    func transitions() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let id = JobID.random()
            func claimOne(lease: Duration = .seconds(30)) async throws -> ClaimedJob {
                let request = ClaimRequest(queue: "q", limit: 1, lease: lease, worker: "w-ü")
                return try #require(try await engine.claim(request).jobs.first)
            }
            func settle(_ job: ClaimedJob, _ verdict: Verdict, _ error: String? = nil) async throws {
                let report = AttemptReport(errorType: error.map { _ in "E" }, error: error)
                #expect(try await engine.settleAll([Settlement(job, verdict, report)]) == [.settled])
            }
            _ = try await engine.enqueue([job(id)])
            try await settle(try await claimOne(), .retry(after: .zero), "it's \\ \"bad\"\0 ü")
            try await settle(try await claimOne(), .release)
            _ = try await claimOne(lease: .milliseconds(1))
            try await Task.sleep(for: .milliseconds(20))
            #expect(try await engine.reclaim(ReclaimRequest(queue: "q")).count == 1)
            try await settle(try await claimOne(), .bury(.permanent), "no")
            #expect(try await engine.perform(.redrive, on: id, in: "q", by: "ada") == .done(.ready))
            _ = try await claimOne()
            let moves = try await database.sql(
                """
                SELECT string_agg(concat_ws(':', number, from_state, to_state, attempt, worker, error), E'\\n' ORDER BY number)
                FROM spanq.transitions WHERE job = '\(id)' AND queue = 'q' AND type = 'test'
                """)
            #expect(
                moves == """
                    0:enqueued
                    1:ready:active:1:w-ü
                    2:active:retrying:1:w-ü:it's \\ "bad" ü
                    3:ready:active:2:w-ü
                    4:active:ready:2:w-ü
                    5:ready:active:2:w-ü
                    6:active:ready:2:w-ü:the worker did not extend its lease
                    7:ready:active:2:w-ü
                    8:active:dead:2:w-ü:no
                    9:dead:ready
                    1000000:ready:active:1:w-ü
                    """)
            let isOrdered = try await database.sql(
                """
                SELECT bool_and(at >= earlier) FROM (
                  SELECT at, lag(at) OVER (ORDER BY number) AS earlier FROM spanq.transitions) moves WHERE earlier IS NOT NULL
                """)
            #expect(isOrdered == "t")
        }
    }
}
