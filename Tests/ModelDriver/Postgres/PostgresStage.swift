// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import PostgresServerFixture
package import SpanQueue
import SpanQueueLoop
import SpanQueuePostgres
import SpanQueueRedis
import SpanQueueTesting
import Synchronization

/// A real Postgres whose `spanq.clock()` stands still, and the real engine on it, behind something that cuts connections. Runs follow
/// one another on it.
package final class PostgresStage: ModelStage {
    static let faults = Fault.ofPostgres
    static let storage = MemoryQueue.Storage.rows

    package let engine: any Engine
    let clockCreeps = false
    var now: Timestamp { time.withLock { $0 } }

    private let time = Mutex(ServerTime.start)
    private let server: PostgresServer
    private let cutter: ReplyCutter
    private let audit: PostgresAudit
    /// A connection of our own, for looking and for faults.
    private let client: PostgresClient
    private let loop = LoopThread(name: "model")

    /// What Redis is set up with.
    private static let options: PostgresEngineOptions = {
        var options = PostgresEngineOptions()
        options.commandTimeout = Stage.options.commandTimeout
        options.retention = Stage.options.retention
        options.retentionCount = Stage.options.retentionCount
        options.deadRetention = Stage.options.deadRetention
        return options
    }()

    /// Starts a server.
    ///
    /// - Parameter functions: text of SQL with functions to put in the place of ours.
    package static func start(functions: String? = nil) async throws -> PostgresStage {
        let server = try await PostgresServer.start()
        do {
            let url = try PostgresURL(server.url)
            _ = try await PostgresSchema().migrate(on: url)
            _ = try await PostgresScript.run(faultFunctions, on: url)
            if let functions { _ = try await PostgresScript.run(functions, on: url) }
            let cutter = try ReplyCutter(to: server)
            do {
                return try await PostgresStage(server, cutter)
            } catch {
                cutter.stop()
                throw error
            }
        } catch {
            server.stop()
            throw error
        }
    }

    private init(_ server: PostgresServer, _ cutter: ReplyCutter) async throws {
        var logger = Logger(label: "model")
        logger.logLevel = .critical
        self.server = server
        self.cutter = cutter
        client = PostgresClient(url: try PostgresURL(server.url), name: "model", loop: loop, logger: logger)
        engine = try EngineSource.postgres(PostgresServer.url(cutter.directory), Self.options)
            .make(EngineEnvironment(logger: logger))
        audit = try await PostgresAudit(server.url, Self.options, logger: logger)
        try await engine.start()
    }

    /// Stops the server.
    package func stop() async {
        await engine.shutdown()
        await audit.shutdown()
        await client.close()
        loop.stop()
        cutter.stop()
        server.stop()
    }

    // MARK: The server

    func setTime(_ moment: Timestamp) async throws {
        time.withLock { $0 = moment }
        try await ask("UPDATE spanq.test_clock SET micros = $1", .int8(moment.milliseconds * 1000))
    }

    func reset() async throws {
        try await ask("SELECT spanq.test_reset()")
        try await setTime(ServerTime.start)
        // What the engine believes of the server's clock must not be left from another run.
        _ = try await engine.now()
    }

    func read() async throws -> StoredRows { try await StoredRows.read(client, queue: Stage.queue) }

    func findings(maxReclaims: Int) async throws -> [AuditViolation] {
        try await audit.run(maxReclaims: maxReclaims).violations
    }

    func saved() async throws { try await ask("SELECT spanq.test_save()") }

    func restore(_ saved: Void) async throws { try await ask("SELECT spanq.test_restore()") }

    func swallowWakeUp() {}

    func isLate(_ error: SpanQueueError) -> Bool { error.message.contains("after its time limit") }

    @discardableResult
    private func ask(_ statement: String, _ parameters: PostgresValue...) async throws -> PostgresRows {
        try await client.run(PostgresCall("model", statement, parameters), idempotent: true)
    }

    // MARK: Faults

    func bring(_ fault: Fault, on call: Call, choice: UInt64) async throws -> Trouble {
        // At its beginning, or when it has done everything and commits. A call that is several transactions may have committed some by then.
        let atCommit = choice % 2 == 1 && call.isOneTransaction
        switch fault {
        case .deadlock: return try await strike("40P01", atCommit) { _ in nil }
        case .serialization: return try await strike("40001", atCommit) { _ in nil }
        case .readOnly: return try await strike("25006", false, refusal: .unavailable) { $0 }
        case .cut where choice % 3 == 0 && call.isIdempotent:
            cutter.cutNext(true)
            return Trouble(mayRunTwice: true) { [cutter] in
                cutter.cutNext(false)
                return nil
            }
        case .cut:
            let isRepeated = call.isIdempotent
            return try await strike("cut", atCommit, refusal: isRepeated ? nil : .unavailable) { isRepeated ? nil : $0 }
        default: return Trouble()
        }
    }

    /// - Parameter end: what is to be expected of the call, by whether it was struck: some never come to a place where they can be.
    private func strike(
        _ state: String, _ atCommit: Bool, refusal: SpanQueueError.Code? = nil,
        end: @escaping @Sendable (Bool) -> Bool?
    ) async throws -> Trouble {
        try await ask("SELECT spanq.test_arm($1, $2)", .text(state), .bool(atCommit))
        return Trouble(refusal: refusal) { [self] in
            end(try await ask("SELECT spanq.test_disarm()").bool(0, 0))
        }
    }

    /// Every function of ours asks for the time first, and nearly every move is counted last: there a call can be struck, once. A sequence
    /// remembers that, since a transaction that is rolled back does not undo it. Calls that wake others, or tell and ask of live events,
    /// are left alone: nobody waits for them, and those of the step before may come late.
    private static let faultFunctions: String = {
        let tables = ["queue", "job", "live", "done", "lock", "tally", "worker", "idle", "error"]
        return """
            CREATE TABLE spanq.test_clock (micros bigint NOT NULL);
            INSERT INTO spanq.test_clock VALUES (\(ServerTime.start.milliseconds * 1000));
            CREATE TABLE spanq.test_fault (state text NOT NULL, at_commit boolean NOT NULL);
            CREATE SEQUENCE spanq.test_strikes;

            CREATE FUNCTION spanq.test_strike(p_at_commit boolean) RETURNS void LANGUAGE plpgsql AS $$
            DECLARE
              v_state text := (SELECT state FROM spanq.test_fault WHERE at_commit = p_at_commit);
              v_context text;
            BEGIN
              IF v_state IS NULL THEN RETURN; END IF;
              GET DIAGNOSTICS v_context = PG_CONTEXT;
              IF v_context ~ '(wake|tell|watched)_1' OR nextval('spanq.test_strikes') > 1 THEN RETURN; END IF;
              IF v_state = 'cut' THEN
                PERFORM pg_terminate_backend(pg_backend_pid());
                PERFORM pg_sleep(60);
              END IF;
              RAISE EXCEPTION 'struck by a test' USING ERRCODE = v_state;
            END $$;

            CREATE OR REPLACE FUNCTION spanq.clock() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
            BEGIN
              PERFORM spanq.test_strike(false);
              RETURN (SELECT micros FROM spanq.test_clock);
            END $$;

            CREATE FUNCTION spanq.test_commit() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              PERFORM spanq.test_strike(true);
              RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER test_commit AFTER INSERT ON spanq.tally DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION spanq.test_commit();

            CREATE FUNCTION spanq.test_arm(p_state text, p_at_commit boolean) RETURNS void LANGUAGE sql AS $$
              SELECT setval('spanq.test_strikes', 1, false);
              INSERT INTO spanq.test_fault VALUES (p_state, p_at_commit);
            $$;
            CREATE FUNCTION spanq.test_disarm() RETURNS boolean LANGUAGE sql AS $$
              DELETE FROM spanq.test_fault;
              SELECT is_called FROM spanq.test_strikes;
            $$;

            \(tables.map { "CREATE TABLE spanq.test_\($0)_saved (LIKE spanq.\($0));\n" }.joined())
            CREATE TABLE spanq.test_place_saved (value bigint);
            CREATE FUNCTION spanq.test_reset() RETURNS void LANGUAGE sql AS $$
              TRUNCATE \(tables.map { "spanq.\($0)" }.joined(separator: ", ")) CASCADE;
              DELETE FROM spanq.test_fault;
              SELECT setval('spanq.place', 1, false);
            $$;
            CREATE FUNCTION spanq.test_save() RETURNS void LANGUAGE sql AS $$
              \(tables.map { "DELETE FROM spanq.test_\($0)_saved; INSERT INTO spanq.test_\($0)_saved SELECT * FROM spanq.\($0);\n" }.joined())
              DELETE FROM spanq.test_place_saved;
              INSERT INTO spanq.test_place_saved SELECT last_value FROM spanq.place;
            $$;
            CREATE FUNCTION spanq.test_restore() RETURNS void LANGUAGE sql AS $$
              \(tables.map { "DELETE FROM spanq.\($0); INSERT INTO spanq.\($0) OVERRIDING SYSTEM VALUE SELECT * FROM spanq.test_\($0)_saved;\n" }.joined())
              SELECT setval('spanq.place', value) FROM spanq.test_place_saved;
            $$;
            """
    }()
}

extension Call {
    /// Whether it is one transaction whatever it is about.
    fileprivate var isOneTransaction: Bool {
        switch self {
        // Two jobs of one id go in two calls.
        case .enqueue(let jobs): jobs.count == 1
        case .sweep, .list, .search, .counts: false
        default: true
        }
    }
}
