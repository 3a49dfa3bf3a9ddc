// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import PostgresServerFixture
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("injection", .timeLimit(.minutes(5)))
struct InjectionTests {
    @Test("each text argument of each function takes what looks like SQL as a text")
    func functions() async throws {
        try await Probe.with { probe in
            let functions = try await SQLFunction.all(in: probe.database)
            #expect(functions.count > 40)
            let tried = try await probe.tryAll(functions, in: probe.database.schema.name)
            #expect(tried > 60 * HostileText.all.count)
            let findings = try await probe.findings()
            #expect(findings.isEmpty, "\(findings.prefix(5))")
        }
    }

    @Test("a function that makes SQL of its arguments is noticed, whatever way it does so")
    func noticed() async throws {
        try await Probe.with { probe in
            let bodies = [
                "'SELECT ''' || p || ''''", "'SELECT \"' || p || '\"'", "'SELECT ' || p", "'SELECT $$' || p || '$$'",
                "format('SELECT ''%s''', p)", "'SELECT E''' || replace(p, '''', '\\''') || ''''",
                "'SELECT ''' || replace(p, '''', '''''') || ''''::text || p",
            ]
            try await probe.database.sql("CREATE SCHEMA bad")
            for (number, body) in bodies.enumerated() {
                try await probe.database.sql(
                    "CREATE FUNCTION bad.f\(number)(p text) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN EXECUTE \(body); END $f$"
                )
            }
            _ = try await probe.tryAll(try await SQLFunction.all(in: probe.database, schema: "bad"), in: "bad")
            let findings = try await probe.findings()
            for number in bodies.indices {
                #expect(findings.contains { $0.hasPrefix("f\(number)(") }, "\(bodies[number])")
            }
        }
    }

    @Test("each call of the engine stores such texts as they are, or refuses them")
    func engine() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let texts = HostileText.all.filter { !$0.isEmpty && $0.utf8.count <= 128 }
            for text in texts {
                var new = job(JobID(unchecked: text), in: text)
                new.message.type = text
                new.message.tags = [text, "'"]
                new.message.payload = Array(text.utf8)
                _ = try await engine.enqueue([new])
                let request = ClaimRequest(queue: text, limit: 1, lease: .seconds(30), worker: text)
                let claimed = try #require(try await engine.claim(request).jobs.first)
                #expect(claimed.message.id.description == text && claimed.message.type == text)
                #expect(claimed.message.tags == [text, "'"])
                #expect(try await engine.extend([claimed.reference], in: text, by: .seconds(30)) == ExtendReply())
                #expect(try await engine.report(JobProgress(fraction: 0.5, note: text), on: claimed))
                #expect(
                    try await engine.perform(.cancel(reason: text), on: new.message.id, in: text, by: text)
                        == .requested)
                let report = AttemptReport(errorType: text, error: text, result: Array(text.utf8))
                #expect(try await engine.settleAll([Settlement(claimed, .cancel(reason: text), report)]) == [.settled])
                let record = try #require(try await engine.job(new.message.id, in: text))
                #expect(record.run.endReason == text && record.run.attemptRecords.last?.errorType == text)
                #expect(record.run.history.last?.by == text && record.state == .cancelled)
                #expect(try await engine.list(ListRequest(queue: text, state: .cancelled)).jobs.count == 1)
                await #expect(throws: SpanQueueError.self) {
                    try await engine.list(ListRequest(queue: text, state: .cancelled, cursor: text))
                }
                #expect(try await engine.pause(text, note: OperatorNote(reason: text, by: text)))
                let counts = try await engine.counts(of: [text])[0]
                #expect(counts.isPaused && counts.pause?.note.reason == text && counts.pause?.note.by == text)
                #expect(try await engine.resume(text))
                try await engine.announce(
                    WorkerInfo(
                        id: text, host: text, pid: 1, queues: [text], concurrency: 1, busy: 0,
                        startedAt: Timestamp(milliseconds: 1), version: text, types: [text]), lifetime: .seconds(30))
                let worker = try #require(try await engine.workers().first { $0.id == text })
                #expect(worker.host == text && worker.queues == [text] && worker.types == [text])
                #expect(worker.version == text)
                try await engine.retire(workerID: text)
                #expect(try await engine.workers().isEmpty)
                let deed = JournalDeed(
                    by: text, role: text, address: text, via: text, action: text, queue: text, target: text,
                    reason: text)
                let place = try await engine.append(deed, outcome: .failed(text), intent: text)
                let entry = try #require(try await engine.entries(before: nil, limit: 1).first)
                #expect(entry.place == place && entry.deed == deed && entry.outcome == .failed(text))
                #expect(try await engine.reclaim(ReclaimRequest(queue: text)).isEmpty)
                #expect(try await engine.sweep(text, within: .zero).dropped == 0)
                try await engine.waitForWork(in: [text], atMost: .milliseconds(5))
                await engine.passWakeUp(in: [text])
                #expect(
                    try await engine.performAll(BulkRequest(queue: text, state: .cancelled, action: .remove, by: text))
                        .done == 1)
                #expect(try await engine.queues() == [text])
                #expect(try await engine.delete(text))
            }
            for table in ["job", "live", "done", "lock", "queue", "worker"] {
                #expect(try await database.sql("SELECT count(*) FROM spanq.\(table)") == "0", "\(table)")
            }
        }
    }

    @Test("a NUL, which no text of Postgres holds, is refused, and nothing is done")
    func zero() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            let text = "a\0'; SELECT 1; --"
            var new = job()
            new.message.type = text
            let error = await #expect(throws: SpanQueueError.self) { try await engine.enqueue([new]) }
            #expect(error?.mayHaveRun == false)
            await #expect(throws: SpanQueueError.self) { try await engine.enqueue([job(in: text)]) }
            await #expect(throws: SpanQueueError.self) { try await engine.enqueue([job(JobID(unchecked: text))]) }
            await #expect(throws: SpanQueueError.self) {
                try await engine.perform(.cancel(reason: text), on: "a", in: text, by: text)
            }
            let queues = try await engine.queues()
            #expect(queues.isEmpty)
            #expect(try await database.sql("SELECT count(*) FROM spanq.job") == "0")
        }
    }
}

/// A server on which hostile texts are put into arguments. A schema `probe` holds them, and what came of it.
private struct Probe {
    let database: Database
    private let client: PostgresClient

    static func with<Result>(_ body: (Probe) async throws -> Result) async throws -> Result {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let database = try await Database(on: server)
        let result = try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job("a"), job("b")])
            _ = try await engines[0].claim(ClaimRequest(queue: "q", limit: 1, lease: .hours(1), worker: "w"))
            try await database.sql("UPDATE spanq.live SET token = 1, nonce = 1 WHERE state = 'a'")
            let probe = Probe(database: database, client: engines[0].client)
            try await probe.prepare()
            return try await body(probe)
        }
        return result
    }

    private func prepare() async throws {
        try await database.sql(
            """
            INSERT INTO \(database.schema.name).queue (name, pause_at, pause_note, pause_by) VALUES ('paused', 1, 'x', 'x');
            CREATE SCHEMA probe;
            CREATE TABLE probe.canary (n int);
            CREATE TABLE probe.text (place int, body text);
            CREATE TABLE probe.finding (call text, body text, what text);
            CREATE VIEW probe.job AS SELECT * FROM \(database.schema.name).job;
            CREATE FUNCTION probe.hit() RETURNS text LANGUAGE plpgsql AS $f$
            BEGIN RAISE EXCEPTION 'hit' USING ERRCODE = 'HIT01'; END $f$;
            -- Makes a call with each text, and takes back all that it does. What is not to be: that the text is run; that it is read as
            -- SQL, which mostly is not SQL (class 42, but for the lack of a cast); that it breaks what is not its own.
            CREATE FUNCTION probe.try(p_name text, p_call text) RETURNS int LANGUAGE plpgsql AS $f$
            DECLARE v record; v_count int := 0;
            BEGIN
              FOR v IN SELECT body FROM probe.text ORDER BY place LOOP
                v_count := v_count + 1;
                BEGIN
                  EXECUTE p_call USING v.body;
                  IF to_regclass('probe.canary') IS NULL THEN RAISE EXCEPTION 'dropped' USING ERRCODE = 'HIT02'; END IF;
                  RAISE EXCEPTION 'back' USING ERRCODE = 'BACK1';
                EXCEPTION WHEN OTHERS THEN
                  IF SQLSTATE <> 'BACK1' AND SQLSTATE !~ '^(22|23|54|SQ|40001)' THEN
                    INSERT INTO probe.finding VALUES (p_name, v.body, SQLSTATE || ' ' || SQLERRM);
                  END IF;
                END;
              END LOOP;
              RETURN v_count;
            END $f$;
            """)
        for (place, text) in HostileText.all.enumerated() {
            _ = try await client.run(
                PostgresCall("probe", "INSERT INTO probe.text VALUES ($1, $2)", [.int4(place), .text(text)]),
                idempotent: false)
        }
    }

    /// - Returns: how many calls were made.
    func tryAll(_ functions: [SQLFunction], in schema: String) async throws -> Int {
        var count = 0
        for function in functions {
            for place in function.textPlaces {
                let rows = try await client.run(
                    PostgresCall(
                        "probe", "SELECT probe.try($1, $2)",
                        [
                            .text("\(function), \(function.names[place])"),
                            .text(function.call(in: schema, text: place)),
                        ]),
                    timeout: .seconds(60), idempotent: false)
                count += Int(try rows.integer(0, 0))
            }
        }
        return count
    }

    func findings() async throws -> [String] {
        let rows = try await client.run(
            PostgresCall("probe", "SELECT call || ' took ' || left(body, 60) || ': ' || what FROM probe.finding"),
            idempotent: true)
        return try (0..<rows.count).map { try rows.text($0, 0) }
    }
}
