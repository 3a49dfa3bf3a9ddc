// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue
import Testing

@testable import SpanQueuePostgres

@Suite("jobs that go to another store, and come from one", .timeLimit(.minutes(2)))
struct MoveTests {
    @Test("what is large goes in several pages")
    func large() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let jobs = (0..<6).map { _ in
                var each = job()
                each.message.payload = [UInt8](repeating: 7, count: 1 << 20)
                return each
            }
            _ = try await engines[0].enqueue(jobs)
            var request = ListRequest(queue: "q", state: .ready, limit: 100)
            let first = try await engines[0].packed(request, isForRemoval: true)
            #expect(first.jobs.map(\.id) == jobs.prefix(4).map(\.message.id))
            request.cursor = first.cursor
            let second = try await engines[0].packed(request, isForRemoval: true)
            #expect(second.jobs.map(\.id) == jobs.suffix(2).map(\.message.id))
        }
    }

    @Test("a resume waits for the end of what goes on under the pause")
    func resume() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job()])
            _ = try await engine.pause("q", note: OperatorNote(reason: "its jobs go", by: "ada"))
            let open = try await database.hold(
                "SELECT spanq.paused_as(nr, pause_at, pause_note, pause_by) FROM spanq.queue WHERE name = 'q'")
            let resuming = Task { try await engine.resume("q") }
            // It comes to wait, or it is over.
            let waiting =
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%spanq.resume_1%'"
            let isPaused = "SELECT count(pause_at) FROM spanq.queue"
            var hasWaited = false
            while !hasWaited, try await database.sql(isPaused) == "1" {
                hasWaited = try await database.sql(waiting) == "1"
            }
            #expect(hasWaited)
            try await open.end()
            #expect(try await resuming.value)
            #expect(try await !engine.counts(of: ["q"])[0].isPaused)
        }
    }
}
