// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("searches and actions on many jobs", .timeLimit(.minutes(3)))
struct SearchTests {
    /// 5,000 ready, 5,000 dead, 5,000 cancelled and 5,000 completed jobs in one queue, without statistics. Of the dead, one in a hundred has
    /// fingerprint 7.
    private func fill(_ database: Database) async throws {
        try await database.sql(
            """
            ALTER TABLE spanq.live SET (autovacuum_enabled = off);
            ALTER TABLE spanq.done SET (autovacuum_enabled = off);
            INSERT INTO spanq.queue (name) VALUES ('q');
            INSERT INTO spanq.job
            SELECT n, 1, 'id-' || n, CASE WHEN n % 4000 = 0 THEN 'rare' ELSE 'plain' END, 0, 1700000000000 + n,
              spanq.packed('plain', '\\x01', 0, 25, false, NULL, NULL, NULL, NULL, NULL, NULL, decode(repeat('ab', 25), 'hex')), '\\x01'
            FROM generate_series(1, 20000) n;
            INSERT INTO spanq.live (nr, queue, state, score) SELECT n, 1, 'r', spanq.line(0) + n FROM generate_series(1, 5000) n;
            INSERT INTO spanq.done (nr, queue, state, score, ended_at, last_token, run)
            SELECT n, 1, (ARRAY['d', 'x', 'c'])[(n - 1) / 5000]::"char", n, 1700000000000 + n, 1,
              spanq.noted('\\x01000100'::bytea || '\\x46000008'::bytea || int8send(n % 100), 'B',
                spanq.note(1700000000000 + n, 'manual', NULL))
            FROM generate_series(5001, 20000) n;
            INSERT INTO spanq.tally (queue, r, d, x, c, enqueued, dead, cancelled, completed)
            VALUES (1, 5000, 5000, 5000, 5000, 20000, 5000, 5000, 5000);
            """)
    }

    /// What a call of a function read of a table: rows by index, and scans of all of it.
    private func reads(_ call: String, of table: String, in database: Database) async throws -> (rows: Int, scans: Int)
    {
        let text = try await database.sql(
            """
            SELECT count(*) FROM \(call);
            SELECT coalesce(idx_tup_fetch, 0) || ' ' || seq_scan FROM pg_stat_xact_user_tables
            WHERE relid = 'spanq.\(table)'::regclass
            """)
        let parts = try #require(text).split(separator: " ").compactMap { Int($0) }
        return (parts[0], parts[1])
    }

    @Test("a step reads as many jobs as it looks at, by an index, wherever it begins and whatever is wanted")
    func bounded() async throws {
        let database = try await Database()
        try await fill(database)
        func search(
            _ state: String, _ wanted: String, from place: String = "NULL, NULL", newestFirst: Bool = false
        ) -> String {
            "spanq.search_1('q', '\(state)', \(place), 100, 250, \(newestFirst), \(wanted))"
        }
        let rare = "'rare', NULL, '{}', NULL, NULL, NULL, NULL"
        let text = "NULL, NULL, '{}', 'elsewhere', NULL, NULL, NULL"
        let alike = "NULL, NULL, '{}', NULL, int8send(7), NULL, NULL"
        let moments = "NULL, NULL, '{}', NULL, NULL, 1700000007000, 1700000007010"
        let cases: [(call: String, table: String, most: Int)] = [
            (search("r", rare), "live", 250),
            (search("r", rare, from: "spanq.line(0) + 2500, 2500"), "live", 250),
            (search("d", text), "done", 250), (search("d", text, from: "1700000007000, 7000"), "done", 250),
            (search("x", text, newestFirst: true), "done", 250), (search("c", text, newestFirst: true), "done", 250),
            (search("c", text), "done", 250),
            // Those of the right time, or fingerprint, and no others.
            (search("d", moments), "done", 11), (search("d", moments, newestFirst: true), "done", 11),
            (search("d", alike), "done", 50), (search("d", alike, newestFirst: true), "done", 50),
            ("spanq.types_1('q', 'd', NULL, NULL, 250, true)", "done", 250),
        ]
        for (call, table, most) in cases {
            let (rows, scans) = try await reads(call, of: table, in: database)
            #expect(rows <= most + 1 && rows > 0 && scans == 0, "\(call): \(rows) rows, \(scans) scans")
            let (jobs, scansOfJobs) = try await reads(call, of: "job", in: database)
            #expect(jobs <= most + 1 && scansOfJobs == 0, "\(call): \(jobs) jobs, \(scansOfJobs) scans")
        }
        for call in [
            "spanq.bulk_2('q', ARRAY['d'], 'v', 100, NULL, 0, NULL)",
            "spanq.bulk_2('q', ARRAY['x'], 'r', 100, 1700000011000, 0, NULL)",
            "spanq.act_many_1('q', 'v', ARRAY(SELECT 'id-' || n FROM generate_series(9000, 9099) n), ARRAY['d'], '', NULL)",
        ] {
            let (rows, scans) = try await reads(call, of: "done", in: database)
            #expect(rows <= 450 && scans == 0, "\(call): \(rows) rows, \(scans) scans")
        }
        #expect(try await PostgresAuditing.violations(database).isEmpty)
    }

    @Test("what is not wanted does not leave the server")
    func wanted() async throws {
        let database = try await Database()
        try await fill(database)
        let cases: [(state: String, wanted: String, count: Int)] = [
            ("r", "'rare', NULL, '{}', NULL, NULL, NULL, NULL", 1),
            ("r", "'rar*', NULL, '{}', NULL, NULL, NULL, NULL", 1),
            ("r", "NULL, 'id-499', '{}', NULL, NULL, NULL, NULL", 11),
            ("r", "NULL, NULL, ARRAY['plain']::bytea[], NULL, NULL, NULL, NULL", 5000),
            ("r", "NULL, NULL, ARRAY['plain', 'absent']::bytea[], NULL, NULL, NULL, NULL", 0),
            ("d", "NULL, NULL, '{}', 'MANUAL', NULL, NULL, NULL", 5000),
            ("d", "NULL, NULL, '{}', 'absent', NULL, NULL, NULL", 0),
            ("x", "NULL, NULL, '{}', NULL, int8send(7), NULL, NULL", 50),
            ("c", "NULL, NULL, '{}', NULL, NULL, 1700000016000, 1700000016009", 10),
            ("r", "NULL, NULL, '{}', NULL, NULL, 1700000000100, 1700000000109", 10),
        ]
        for (state, wanted, count) in cases {
            let found = try await database.sql(
                "SELECT count(id) FROM spanq.search_1('q', '\(state)', NULL, NULL, 6000, 6000, false, \(wanted))")
            #expect(found == "\(count)", "\(state) \(wanted)")
        }
    }

    @Test("dead letters are met by fingerprint, and once each, while others are redriven and die")
    func fingerprint() async throws {
        let database = try await Database()
        try await fill(database)
        try await database.withEngines { engines in
            for newestFirst in [false, true] {
                var request = SearchRequest(
                    queue: "q", state: .dead, query: JobQuery(fingerprint: 7), limit: 7, newestFirst: newestFirst)
                var met: [JobID] = []
                var scanned = 0
                repeat {
                    let page = try await engines[0].search(request)
                    met += page.jobs.map(\.message.id)
                    scanned += page.scanned
                    // One of the group that was met leaves it.
                    let last = try #require(met.last)
                    #expect(
                        try await engines[0].perform(.redrive, on: [last], in: "q", if: .dead, by: nil)
                            == [.done(.ready)])
                    request.cursor = page.cursor
                } while request.cursor != nil
                #expect(Set(met).count == met.count && scanned == met.count)
                #expect(met.count == (newestFirst ? 42 : 50))
            }
        }
    }

    @Test("what is large is given in several steps")
    func large() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let jobs = (0..<6).map { _ in
                var each = job()
                each.message.payload = [UInt8](repeating: 7, count: 1 << 20)
                return each
            }
            _ = try await engines[0].enqueue(jobs)
            var request = SearchRequest(queue: "q", state: .ready, query: JobQuery(type: "test"))
            let first = try await engines[0].search(request)
            #expect(first.jobs.count == 4 && first.scanned == 4)
            request.cursor = first.cursor
            let second = try await engines[0].search(request)
            #expect((first.jobs + second.jobs).map(\.message.id) == jobs.map(\.message.id) && second.cursor == nil)
        }
    }

    @Test("many jobs of any state, with locks and without, are acted on in one call as one by one")
    func many() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            func lock(_ number: Int) -> UniqueLock {
                UniqueLock(digest: [UInt8](repeating: UInt8(number), count: 16), span: .untilFinished)
            }
            let ids = (0..<12).map { JobID(unchecked: "job-\($0)") }
            for (number, id) in ids.enumerated() {
                _ = try await engine.enqueue([
                    job(
                        id, unique: number % 3 == 0 ? lock(number) : nil,
                        schedule: number % 4 == 3 ? .after(.hours(1)) : .now)
                ])
            }
            let running = try await engine.claim(claim(1)).jobs
            #expect(running.map(\.message.id) == [ids[0]])
            let reversed = Array(ids.reversed())
            // Twice: the second time nothing is left to do.
            for _ in 0..<2 {
                let outcomes = try await engine.perform(
                    .bury(reason: "why"), on: reversed + [ids[1]], in: "q", if: .ready, by: "ada")
                for (id, outcome) in zip(reversed, outcomes) {
                    let number = try #require(ids.firstIndex(of: id))
                    let expected: ActionOutcome =
                        number == 0
                        ? .invalidState(.active) : number % 4 == 3 ? .invalidState(.scheduled) : .done(.dead)
                    #expect(outcome == expected, "\(id)")
                }
                #expect(outcomes.last == .done(.dead))
            }
            let dead = try await engine.list(ListRequest(queue: "q", state: .dead)).jobs
            #expect(dead.map(\.message.id) == [10, 9, 8, 6, 5, 4, 2, 1].map { ids[$0] })
            #expect(dead.allSatisfy { $0.run.endReason == "why" && $0.run.history.last?.by == "ada" })
            // Their locks are free; one is taken by another job.
            _ = try await engine.enqueue([job("other", unique: lock(6))])
            let redriven = try await engine.perform(.redrive, on: ids, in: "q", if: .dead, by: nil)
            #expect(
                redriven
                    == (0..<12).map {
                        $0 == 0
                            ? .invalidState(.active)
                            : $0 % 4 == 3
                                ? .invalidState(.scheduled) : $0 == 6 ? .duplicate(of: "other") : .done(.ready)
                    })
            #expect(
                try await engine.perform(.redrive, on: [ids[3], "none"], in: "q", if: .scheduled, by: nil) == [
                    .done(.ready), .notFound,
                ])
            let asked = try await engine.perform(.cancel(reason: "no"), on: ids, in: "q", if: .active, by: nil)
            #expect(asked[0] == .requested && asked[1] == .invalidState(.ready))
            #expect(
                try await engine.extend(running.map(\.reference), in: "q", by: .seconds(9)).cancelRequested == [ids[0]])
            let removed = try await engine.perform(.remove, on: ids, in: "q", if: .ready, by: nil)
            #expect(removed.filter { $0 == .done(nil) }.count == 8)
            #expect(try await engine.perform(.remove, on: ids, in: "q", if: .ready, by: nil)[1] == .notFound)
            #expect(try await engine.perform(.remove, on: ids, in: "none", if: .ready, by: nil)[1] == .notFound)
            #expect(try await database.sql("SELECT count(*) FROM spanq.lock") == "2")
        }
        #expect(try await PostgresAuditing.violations(database).isEmpty)
    }

    @Test("a call that acts on many is a text for nobody: what looks like SQL does nothing")
    func injection() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job("kept")])
            for text in [
                "'; DROP TABLE spanq.job; --", "\\'; --", "%", "_", "\\", "{\"a\",NULL}", "NULL", "*", "\0", "ü",
            ] {
                let query = JobQuery(type: text + "x", tags: [text], idPrefix: text, error: text)
                let page = try await engine.search(SearchRequest(queue: "q", state: .ready, query: query))
                #expect(page.jobs.isEmpty && page.cursor == nil, "\(text)")
                guard !text.contains("\0") else { continue }
                let outcomes = try await engine.perform(
                    .cancel(reason: text), on: [JobID(unchecked: text)], in: "q", if: .ready, by: text)
                #expect(outcomes == [.notFound], "\(text)")
            }
            #expect(try await engine.counts(of: ["q"])[0][.ready] == 1)
        }
    }
}
