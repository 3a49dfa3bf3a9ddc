// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueLoop
import Synchronization
import Testing

@testable import SpanQueuePostgres

@Suite("waking", .timeLimit(.minutes(1)))
struct WakeTests {
    @Test("one who waits elsewhere is woken by an enqueue, long before it looks again by itself")
    func elsewhere() async throws {
        let database = try await Database()
        // Nobody's sleep is over by this clock.
        try await database.freezeClock()
        try await database.withEngines(2, idleWait: .hours(1)) { engines in
            for round in 0..<3 {
                async let waiting: Void = engines[0].waitForWork(in: ["other", "q"], atMost: .hours(1))
                while try await database.sql("SELECT count(*) FROM spanq.idle") != "2" || round > 0 {
                    if round > 0 { break }
                    try await Task.sleep(for: .milliseconds(5))
                }
                _ = try await engines[1].enqueue([job()])
                try await waiting
                #expect(try await engines[0].claim(claim()).jobs.count == 1)
            }
        }
    }

    @Test("one who waits elsewhere is woken by a redrive of many")
    func redriven() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines(2, idleWait: .hours(1)) { engines in
            _ = try await engines[1].enqueue([job("a")])
            let claimed = try await engines[1].claim(claim()).jobs
            _ = try await engines[1].settleAll(claimed.map { Settlement($0, .bury(.permanent)) })
            async let waiting: Void = engines[0].waitForWork(in: ["q"], atMost: .hours(1))
            while try await database.sql("SELECT count(*) FROM spanq.idle") != "1" {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(
                try await engines[1].perform(.redrive, on: ["a"], in: "q", if: .dead, by: nil) == [.done(.ready)])
            try await waiting
            #expect(try await engines[0].claim(claim()).jobs.count == 1)
        }
    }

    @Test("one who waits elsewhere is woken by a job that is due before all others")
    func earlier() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines(2, idleWait: .hours(1)) { engines in
            _ = try await engines[1].enqueue([job(schedule: .after(.hours(2)))])
            async let waiting: Void = engines[0].waitForWork(in: ["q"], atMost: .hours(1))
            while try await database.sql("SELECT count(*) FROM spanq.idle") != "1" {
                try await Task.sleep(for: .milliseconds(5))
            }
            _ = try await engines[1].enqueue([job(schedule: .after(.hours(1)))])
            try await waiting
        }
    }

    @Test("what has become due is work, be it scheduled or to be tried again")
    func due() async throws {
        let database = try await Database()
        try await database.freezeClock()
        try await database.withEngines(1, idleWait: .hours(1)) { engines in
            let engine = engines[0]
            _ = try await engine.enqueue([job(schedule: .after(.seconds(5))), job()])
            let claimed = try await engine.claim(claim()).jobs
            _ = try await engine.settleAll(claimed.map { Settlement($0, .retry(after: .seconds(1))) })
            for seconds: Int64 in [2, 6] {
                try await database.freezeClock(at: 1_800_000_000_000_000 + seconds * 1_000_000)
                try await engine.waitForWork(in: ["q"], atMost: .hours(1))
                #expect(try await engine.claim(claim()).jobs.count == 1)
            }
        }
    }

    @Test("what is ready in a paused queue is no work")
    func paused() async throws {
        let database = try await Database()
        try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job()])
            _ = try await engines[0].pause("q", note: OperatorNote(reason: "a look", by: "ada"))
            let start = ContinuousClock.now
            try await engines[0].waitForWork(in: ["q"], atMost: .milliseconds(300))
            #expect(ContinuousClock.now - start >= .milliseconds(300))
        }
    }

    @Test("a lone enqueue wakes nobody where nobody may sleep, and wakes all the same where it took long")
    func lone() async throws {
        let database = try await Database()
        try await database.sql(
            """
            CREATE TABLE spanq.woken (n int);
            CREATE OR REPLACE FUNCTION spanq.wake_1(p_queues text[]) RETURNS void LANGUAGE sql AS
            $$ INSERT INTO spanq.woken VALUES (1) $$
            """)
        /// How often somebody was to be woken, once all calls before have been answered.
        func woken(by engine: PostgresEngine) async throws -> Int? {
            _ = try await engine.counts(of: ["q"])
            return try await database.sql("SELECT count(*) FROM spanq.woken").flatMap { Int($0) }
        }
        try await database.withEngines(quickCall: .hours(1)) { engines in
            // The first makes the queue.
            for _ in 0..<4 { _ = try await engines[0].enqueue([job()]) }
            #expect(try await woken(by: engines[0]) == 1)
            try await database.sql("INSERT INTO spanq.idle VALUES ('q', spanq.clock() / 1000 + 3600000)")
            _ = try await engines[0].enqueue([job()])
            #expect(try await woken(by: engines[0]) == 2)
            try await database.sql("UPDATE spanq.idle SET until = spanq.clock() / 1000 - 1")
            _ = try await engines[0].enqueue([job()])
            #expect(try await woken(by: engines[0]) == 2)
        }
        try await database.withEngines(quickCall: .zero) { engines in
            _ = try await engines[0].enqueue([job()])
            #expect(try await woken(by: engines[0]) == 3)
            #expect(try await engines[0].counts(of: ["q"])[0][.ready] == 7)
        }
    }

    @Test("one who goes to sleep while a lone enqueue is under way finds what it brings")
    func underWay() async throws {
        let database = try await Database()
        try await database.withEngines(idleWait: .hours(1), quickCall: .seconds(1)) { engines in
            _ = try await engines[0].enqueue([job()])
            #expect(try await engines[0].claim(claim()).jobs.count == 1)
            let open = try await database.hold(
                "SELECT spanq.enqueue_plain_1('q', 'x', 't', 0, '\\x010030', '', 0)")
            async let waiting: Void = engines[0].waitForWork(in: ["q"], atMost: .minutes(1))
            while try await database.sql("SELECT count(*) FROM spanq.idle") != "1" {
                try await Task.sleep(for: .milliseconds(5))
            }
            let start = ContinuousClock.now
            try await open.end()
            try await waiting
            #expect(start.duration(to: .now) < .seconds(30))
            // It is not a message, but it is there.
            #expect(try await engines[0].claim(claim()).unreadable.map(\.reference.id) == ["x"])
        }
    }

    @Test("who claims, finds nothing and sleeps, time and again, says so once, and looks no more than that")
    func rest() async throws {
        let database = try await Database()
        try await database.sql(
            """
            CREATE TABLE spanq.asked (what text);
            CREATE OR REPLACE FUNCTION spanq.idle_1(p_queues text[]) RETURNS void LANGUAGE sql AS
            $$ INSERT INTO spanq.asked VALUES ('idle') $$;
            CREATE OR REPLACE FUNCTION spanq.has_work_1(p_queues text[]) RETURNS boolean LANGUAGE sql VOLATILE AS
            $$ INSERT INTO spanq.asked VALUES ('look') RETURNING false $$
            """)
        try await database.withEngines { engines in
            _ = try await engines[0].enqueue([job()])
            for _ in 0..<12 {
                _ = try await engines[0].claim(claim())
                try await engines[0].waitForWork(in: ["q"], atMost: .milliseconds(60))
            }
            #expect(try await database.sql("SELECT count(*) FROM spanq.asked WHERE what = 'idle'") == "1")
            // Two, and where the machine was busy for a while, some more.
            let looks = try await database.sql("SELECT count(*) FROM spanq.asked WHERE what = 'look'")
            #expect((1...6).contains(looks.flatMap { Int($0) } ?? 0))
        }
    }

    @Test("what is remembered of an empty queue ends with a wake-up, and with a reconnect")
    func notes() {
        let notes = IdleNotes()
        #expect(!notes.isUpToDate(["q"]))
        notes.noteSaid(["q"], at: .now, unseen: .zero)
        #expect(!notes.isUpToDate(["q"]))
        notes.noteEmpty("q", claimedAt: .now)
        #expect(notes.isUpToDate(["q"]))
        #expect(!notes.isUpToDate(["q", "other"]))
        notes.noteWake("q")
        #expect(!notes.isUpToDate(["q"]))
        notes.noteEmpty("q", claimedAt: .now)
        #expect(notes.isUpToDate(["q"]))
        notes.noteMore("q")
        #expect(!notes.isUpToDate(["q"]))
        notes.noteEmpty("q", claimedAt: .now)
        notes.forget()
        #expect(!notes.isUpToDate(["q"]))
        // A claim while an enqueue may be under way that did not see it.
        notes.noteSaid(["q"], at: .now, unseen: .hours(1))
        notes.noteEmpty("q", claimedAt: .now)
        #expect(!notes.isUpToDate(["q"]))
        // One of long ago.
        notes.forget()
        notes.noteSaid(["q"], at: .now, unseen: .seconds(-10))
        notes.noteEmpty("q", claimedAt: .now - .seconds(5))
        #expect(!notes.isUpToDate(["q"]))
        #expect(notes.isSaid(["q"], at: .now + .seconds(20)) && !notes.isSaid(["q"], at: .now + .seconds(30)))
    }

    @Test("a wake-up that comes before the sleep is not lost, and wakes one")
    func early() async throws {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let list = WaitList(loop: loop)
        let first = try list.add(["a", "b"])
        let second = try list.add(["b"])
        #expect(!list.wake("c"))
        #expect(list.wake("b"))
        #expect(try await first.sleep(until: .now + .hours(1)))
        #expect(try await second.sleep(until: .now + .milliseconds(10)) == false)
        #expect(list.wake("b"))
        #expect(!list.wake("b"))
        #expect(try await second.sleep(until: .now + .hours(1)))
        list.remove(first)
        list.close()
        let error = #expect(throws: SpanQueueError.self) { try list.add(["a"]) }
        #expect(error?.code == .closed)
    }

    @Test("a cancelled sleep ends, and so does one of a list that is closed")
    func ended() async throws {
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let list = WaitList(loop: loop)
        let cancelled = try list.add(["a"])
        let task = Task { try await cancelled.sleep(until: .now + .hours(1)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let closed = try list.add(["a"])
        let other = Task { try await closed.sleep(until: .now + .hours(1)) }
        list.close()
        let error = await #expect(throws: SpanQueueError.self) { try await other.value }
        #expect(error?.code == .closed)
    }
}
