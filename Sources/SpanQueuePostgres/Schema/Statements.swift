// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient

/// The calls of our functions, each one statement.
struct Statements: Sendable {
    let schema: PostgresSchema

    let enqueue, enqueuePlain, claim, extend, report, settle, reclaim, sweep, act, bulk: String
    let job, list, counts, queues, workers, now, start: String
    let pause, resume, delete, announce, retire, idle, hasWork, wake: String
    let pauses, append, entries: String
    let search, types, actMany, addErrors, errors, foldErrors, audit, auditLost, repair: String
    let watch, watched, tell: String
    let addHistory, history, levels: String
    let packed, adopt, drop, locks, adoptLocks, adoptErrors, settled, begin: String

    init(_ schema: PostgresSchema) {
        self.schema = schema
        func call(_ function: String, _ count: Int) -> String {
            let places = (0..<count).map { "$\($0 + 1)" }.joined(separator: ", ")
            return "SELECT * FROM \(schema.name).\(function)(\(places))"
        }
        enqueue = call("enqueue_1", 11)
        enqueuePlain = "SELECT \(schema.name).enqueue_plain_1($1, $2, $3, $4, $5, $6, $7)"
        claim = call("claim_1", 6)
        extend = call("extend_1", 6)
        report = call("report_1", 6)
        settle = call("settle_1", 9)
        reclaim = call("reclaim_1", 4)
        sweep = call("sweep_1", 5)
        act = call("act_1", 5)
        bulk = call("bulk_2", 7)
        job = call("job_1", 2)
        list = call("list_1", 6)
        counts = call("counts_1", 1)
        workers = call("workers_1", 0)
        pause = call("pause_1", 3)
        resume = call("resume_1", 1)
        delete = call("delete_1", 1)
        announce = call("announce_1", 10)
        retire = call("retire_1", 1)
        idle = call("idle_1", 1)
        hasWork = call("has_work_1", 1)
        wake = call("wake_1", 1)
        append = call("append_1", 3)
        entries = call("entries_1", 2)
        search = call("search_1", 14)
        types = call("types_1", 6)
        actMany = call("act_many_1", 6)
        addErrors = call("add_errors_1", 7)
        errors = call("errors_1", 2)
        foldErrors = call("fold_errors_1", 2)
        audit = call("audit_1", 3)
        auditLost = call("audit_lost_1", 0)
        repair = call("repair_1", 3)
        watch = call("watch_1", 2)
        watched = call("watched_1", 0)
        tell = call("tell_1", 2)
        addHistory = call("add_history_1", 10)
        history = call("history_1", 4)
        levels = call("levels_1", 2)
        packed = call("packed_1", 5)
        adopt = call("adopt_1", 18)
        drop = call("drop_1", 8)
        locks = call("locks_1", 3)
        adoptLocks = call("adopt_locks_1", 4)
        adoptErrors = call("adopt_errors_1", 9)
        settled = call("settled_1", 1)
        begin = call("queue_for_enqueue", 1)
        pauses =
            "SELECT name, pause_at, pause_note, pause_by FROM \(schema.name).queue "
            + "WHERE name = ANY ($1) AND pause_at IS NOT NULL"
        queues = "SELECT name FROM \(schema.name).queue ORDER BY name"
        now = "SELECT \(schema.name).clock() / 1000"
        start =
            "SELECT max(number), extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::bigint "
            + "FROM \(schema.name).version"
    }
}
