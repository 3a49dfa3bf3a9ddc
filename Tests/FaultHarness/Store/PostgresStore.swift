// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import PostgresServerFixture
import SpanQueuePostgres

typealias PostgresStage = Stage<PostgresStore>

/// A Postgres with our schema, and a standby where one is wanted.
struct PostgresStore: FaultStore {
    let server: PostgresServer
    /// Follows the other; no enqueue returns before it has it.
    let standby: PostgresServer?
    let url: String
    /// The ends of attempts wait for the disk, unless it is to be seen what a crash forgets.
    let childEnvironment: [String: String]

    init(
        _ settings: [String], hasStandby: Bool, endsAreDurable: Bool,
        prepare: (_ directory: String) throws -> Void = { _ in }
    ) async throws {
        childEnvironment = endsAreDurable ? ["SPANQ_FAULT_DURABLE_ENDS": "1"] : [:]
        let server = try await PostgresServer.start(settings, prepare: prepare)
        do {
            _ = try await PostgresSchema().migrate(on: PostgresURL(server.url))
            standby = hasStandby ? try await Self.follower(of: server) : nil
        } catch {
            server.stop()
            throw error
        }
        self.server = server
        url = standby.map { PostgresServer.url("\(server.directory),\($0.directory)") } ?? server.url
    }

    private static func follower(of server: PostgresServer) async throws -> PostgresServer {
        let follower = try await PostgresServer.standby(of: server)
        do {
            let url = try PostgresURL(server.url)
            _ = try await PostgresScript.run("ALTER SYSTEM SET synchronous_standby_names = '*'", on: url)
            _ = try await PostgresScript.run("SELECT pg_reload_conf()", on: url)
            try await wait(for: "the standby", within: .seconds(20)) {
                try await PostgresScript.run("SELECT sync_state FROM pg_stat_replication", on: url) == "sync"
            }
            return follower
        } catch {
            follower.stop()
            throw error
        }
    }

    var directory: String { server.directory }
    var childURL: String { url }

    func stop() async {
        server.stop()
        standby?.stop()
    }

    /// Runs statements on the server that takes writes; gives the first field of the last row.
    @discardableResult
    func sql(_ text: String) async throws -> String? { try await PostgresScript.run(text, on: PostgresURL(url)) }

    /// What must hold whatever happened: each job is in one place, each place has its job, no lock is held by what is over, and the tally
    /// is the sum of what there is.
    func damage(of queue: String) async throws -> [String] {
        let found = try await sql(
            """
            WITH q AS (SELECT nr FROM spanq.queue WHERE name = '\(queue)'),
              live AS (SELECT * FROM spanq.live WHERE queue = (SELECT nr FROM q)),
              done AS (SELECT * FROM spanq.done WHERE queue = (SELECT nr FROM q)),
              job AS (SELECT * FROM spanq.job WHERE queue = (SELECT nr FROM q)),
              there AS (SELECT state, count(*) AS n FROM (SELECT state FROM live UNION ALL SELECT state FROM done) s GROUP BY state),
              told AS (SELECT t.state, t.n FROM (
                SELECT sum(s) AS s, sum(r) AS r, sum(a) AS a, sum(t) AS t, sum(c) AS c, sum(k) AS k, sum(d) AS d, sum(x) AS x
                FROM spanq.tally WHERE queue = (SELECT nr FROM q)) sums,
                LATERAL (VALUES ('s', s), ('r', r), ('a', a), ('t', t), ('c', c), ('k', k), ('d', d), ('x', x)) AS t (state, n))
            SELECT string_agg(what, E'\\n') FROM (
              SELECT 'job ' || id || ' is nowhere' AS what FROM job
              WHERE nr NOT IN (SELECT nr FROM live) AND nr NOT IN (SELECT nr FROM done)
              UNION ALL SELECT 'job ' || nr || ' is live and over' FROM live WHERE nr IN (SELECT nr FROM done)
              UNION ALL SELECT 'live row ' || nr || ' has no job' FROM live WHERE nr NOT IN (SELECT nr FROM job)
              UNION ALL SELECT 'done row ' || nr || ' has no job' FROM done WHERE nr NOT IN (SELECT nr FROM job)
              UNION ALL SELECT 'job ' || id || ' is over and holds its lock' FROM spanq.lock
              WHERE queue = (SELECT nr FROM q) AND until IS NULL AND nr NOT IN (SELECT nr FROM live)
              UNION ALL SELECT 'the tally has ' || told.n || ' of ' || told.state || ', and there are ' || coalesce(there.n, 0)
              FROM told LEFT JOIN there ON there.state::text = told.state WHERE told.n <> coalesce(there.n, 0)
            ) AS damage
            """)
        return found?.split(separator: "\n").map(String.init) ?? []
    }
}

extension Stage where Store == PostgresStore {
    /// - Parameters:
    ///   - settings: of the server, as `name=value`.
    ///   - hasStandby: whether there is a second server, which follows.
    ///   - endsAreDurable: whether the end of an attempt waits for the disk, and for the standby.
    static func with<Result>(
        _ settings: [String] = [], hasStandby: Bool = false, endsAreDurable: Bool = true,
        _ body: (Stage) async throws -> Result
    ) async throws -> Result {
        try await with(
            try await PostgresStore(settings, hasStandby: hasStandby, endsAreDurable: endsAreDurable), body)
    }
}
