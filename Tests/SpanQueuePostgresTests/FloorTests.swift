// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("where a claim begins", .timeLimit(.minutes(2)))
struct FloorTests {
    @Test("under an old snapshot a claim does not walk over the entries of all that was claimed before")
    func oldSnapshot() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.sql(
            "SELECT spanq.enqueue_many('q', array_fill('t'::text, ARRAY[1500]), array_fill('1'::jsonb, ARRAY[1500]))")
        let open = try await database.hold("SELECT txid_current()")
        let session = try PlainConnection(database.url.text)
        @discardableResult
        func run(_ text: String) throws -> String? { try session.run(database.schema.own(text)) }
        let claim = "SELECT count(*) FROM spanq.claim_1('q', 20, 30000, 1, 'w', 0)"
        for _ in 0..<50 { #expect(try run(claim) == "21") }
        try run("BEGIN")
        // What this session has not told yet.
        let read = "SELECT pg_stat_get_xact_tuples_returned('spanq.live_place'::regclass)"
        let before = try #require(try run(read).flatMap { Int($0) })
        try run(claim)
        let after = try #require(try run(read).flatMap { Int($0) })
        try run("COMMIT")
        // A thousand are dead.
        #expect((20..<200).contains(after - before))
        try await open.end()
    }

    @Test("under an old snapshot a line that has ended is not walked over by each claim that finds it so")
    func ended() async throws {
        let database = try await Database()
        try await database.freezeClock()
        let open = try await database.hold("SELECT txid_current()")
        let session = try PlainConnection(database.url.text)
        @discardableResult
        func run(_ text: String) throws -> String? { try session.run(database.schema.own(text)) }
        func enqueue(_ count: Int) throws {
            try run(
                "SELECT spanq.enqueue_many('q', array_fill('t'::text, ARRAY[\(count)]), array_fill('1'::jsonb, ARRAY[\(count)]))"
            )
        }
        /// Claims, and gives how many jobs came, and how many entries were looked at.
        func claim() throws -> (jobs: Int, looked: Int) {
            // What this session has not told yet.
            let read = "SELECT pg_stat_get_xact_tuples_returned('spanq.live_place'::regclass)"
            try run("BEGIN")
            let before = try #require(try run(read).flatMap { Int($0) })
            let rows = try #require(
                try run("SELECT count(*) FROM spanq.claim_1('q', 500, 30000, 1, 'w', 0)").flatMap { Int($0) })
            let after = try #require(try run(read).flatMap { Int($0) })
            try run("COMMIT")
            return (rows - 1, after - before)
        }
        try enqueue(10_000)
        try enqueue(2000)
        for _ in 0..<24 { #expect(try claim().jobs == 500) }
        // Time for a look at the whole line, which is found to be long.
        try await database.freezeClock(at: 1_800_000_040_000_000)
        let whole = try claim()
        #expect(whole.jobs == 0 && whole.looked >= 12_000)
        for count in [0, 10, 0] {
            if count > 0 { try enqueue(count) }
            let next = try claim()
            #expect(next.jobs == count && next.looked < 1000)
        }
        try await open.end()
    }

    @Test(
        "a job that was committed late is not found behind the floor, and is a second later, or once the clock was set back",
        arguments: [2_000_000, -2_000_000] as [Int64])
    func late(shift: Int64) async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            let open = try await database.hold(
                """
                SELECT spanq.enqueue_1('q', ARRAY['x'], ARRAY['t'], ARRAY[0], ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[],
                  ARRAY['\\x010030']::bytea[], ARRAY['']::bytea[], ARRAY[NULL]::bytea[], ARRAY[NULL]::bigint[], 0)
                """)
            _ = try await engine.enqueue((0..<39).map { _ in job() })
            #expect(try await engine.claim(claim(10)).jobs.count == 10)
            try await open.end()
            #expect(try await engine.claim(claim(10)).jobs.count == 10)
            try await database.freezeClock(at: 1_800_000_000_000_000 + shift)
            let reply = try await engine.claim(claim(10))
            // It is not a message, but it is there.
            #expect(reply.unreadable.map(\.reference.id) == ["x"])
            #expect(reply.jobs.count == 9)
        }
    }

    @Test("a claim that finds too few behind the floor looks at the beginning of the line")
    func few() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            let open = try await database.hold(
                """
                SELECT spanq.enqueue_1('q', ARRAY['x'], ARRAY['t'], ARRAY[0], ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[],
                  ARRAY['\\x010030']::bytea[], ARRAY['']::bytea[], ARRAY[NULL]::bytea[], ARRAY[NULL]::bigint[], 0)
                """)
            _ = try await engine.enqueue((0..<14).map { _ in job() })
            #expect(try await engine.claim(claim(10)).jobs.count == 10)
            try await open.end()
            let reply = try await engine.claim(claim(10))
            #expect(reply.unreadable.count == 1 && reply.jobs.count == 5)
        }
    }

    @Test("where a claim ends the line and something was committed before it meanwhile, it says that there is more")
    func exact() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            let open = try await database.hold(
                """
                SELECT spanq.enqueue_1('q', ARRAY['x'], ARRAY['t'], ARRAY[0], ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[],
                  ARRAY['\\x010030']::bytea[], ARRAY['']::bytea[], ARRAY[NULL]::bytea[], ARRAY[NULL]::bigint[], 0)
                """)
            _ = try await engine.enqueue((0..<14).map { _ in job() })
            #expect(try await engine.claim(claim(10)).jobs.count == 10)
            try await open.end()
            let reply = try await engine.claim(claim(5))
            #expect(reply.jobs.count == 5 && reply.hasMore)
            #expect(try await engine.claim(claim(5)).unreadable.count == 1)
        }
    }

    @Test("a claim hears of the earliest lapse: of a shorter lease, and of one that was cut short")
    func lapses() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job(), job()])
            func claimed(_ limit: Int, _ lease: Duration) async throws -> ClaimReply {
                try await engine.claim(ClaimRequest(queue: "q", limit: limit, lease: lease, worker: "w"))
            }
            #expect(try await claimed(1, .seconds(60)).nextLapseIn == .seconds(60))
            let second = try await claimed(1, .seconds(20))
            #expect(second.nextLapseIn == .seconds(20))
            #expect(try await claimed(0, .seconds(60)).nextLapseIn == .seconds(20))
            _ = try await engine.extend(second.jobs.map(\.reference), in: "q", by: .seconds(5))
            #expect(try await claimed(0, .seconds(60)).nextLapseIn == .seconds(5))
        }
    }

    @Test("what was returned, and what has a higher priority, is claimed before what stands behind the floor")
    func returned() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines { engines in
            let engine = engines[0]
            let ids = (0..<8).map { JobID(unchecked: "job-\($0)") }
            _ = try await engine.enqueue(ids.map { job($0) })
            let first = try await engine.claim(claim(2)).jobs
            _ = try await engine.settleAll([Settlement(first[0], .release)])
            #expect(try await engine.claim(claim(2)).jobs.map(\.message.id) == [ids[0], ids[2]])
            var urgent = job("urgent")
            urgent.message.priority = 5
            _ = try await engine.enqueue([urgent])
            #expect(try await engine.claim(claim(2)).jobs.map(\.message.id) == ["urgent", ids[3]])
        }
    }
}
