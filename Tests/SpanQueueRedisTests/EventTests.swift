// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import SpanQueueRedis

@Suite("Live events", .timeLimit(.minutes(2)))
struct EventTests {
    /// An engine of another process.
    private func other(_ bench: AuditBench, database: Int = 0) async throws -> RedisEngine {
        let url = database == 0 ? bench.server.url : "\(bench.server.url)?db=\(database)"
        let engine = RedisEngine(
            url: try RedisURL(url), options: RedisEngineOptions(), scripts: bench.engine.scripts,
            environment: EngineEnvironment(logger: Logger(label: "events")))
        try await engine.start()
        return engine
    }

    /// Reads news until `isDone`, each event's counts added up.
    private func read(
        _ news: AsyncStream<EngineNews>, until isDone: @escaping @Sendable ([QueueEvent]) -> Bool
    ) async throws -> [QueueEvent] {
        var events: [QueueEvent] = []
        for await one in news {
            if case .event(let event) = one { events.append(event) }
            if isDone(events) { return events }
        }
        throw EndOfNews()
    }

    private struct EndOfNews: Error {}

    /// What happened, one after the other: to jobs that are named, and else what is counted.
    private static func kinds(_ events: [QueueEvent]) -> [QueueEvent.Kind] {
        events.flatMap { $0.jobs.isEmpty ? Array($0.counts.keys) : $0.jobs.map(\.kind) }
    }

    /// Waits until the watch stands in Redis and the channel is subscribed to.
    private func waitForWatch(_ bench: AuditBench, channels: Int = 1) async throws {
        for _ in 0..<600 {
            var cursor = RESPCursor(try await bench.redis("PUBSUB", "NUMSUB", RedisKeys.events(bench.queue)))
            _ = try cursor.nextArrayCount()
            _ = try cursor.nextString()
            let count = try cursor.nextInteger()
            if count >= channels, try await bench.redis("HEXISTS", ":meta", "watch").integer() == 1 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("nobody watches")
    }

    private func published(_ bench: AuditBench) async throws -> Int {
        let text = try await bench.redis("INFO", "commandstats").string()
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_publish:") }
        return line?.split(separator: "=")[1].split(separator: ",").first.flatMap { Int($0) } ?? 0
    }

    @Test(
        "who watches hears what another process does: claims, ends of attempts, lost leases, deeds; each with the job's type"
    )
    func heard() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("first"))
            let watcher = try await other(bench)
            let news = watcher.watch(nil)
            try await waitForWatch(bench)
            let claimed = try #require(try await bench.claim().first)
            _ = try await bench.engine.settle([
                Settlement(claimed, .retry(after: .hours(1)), AttemptReport(errorType: "so\tso", error: "x"))
            ])
            try await bench.perform(.redrive, on: "first")
            let again = try #require(try await bench.claim(lease: .milliseconds(1)).first)
            try await Task.sleep(for: .milliseconds(20))
            _ = try await bench.engine.reclaim(ReclaimRequest(queue: bench.queue))
            _ = try await bench.engine.settle([Settlement(again, .complete)])
            try await bench.settle(try #require(try await bench.claim().first), .complete)
            _ = try await bench.engine.performAll(
                BulkRequest(queue: bench.queue, state: .completed, action: .remove))
            // How many of them a message tells of depends on the time between them; their order does not.
            let events = try await read(news) { Self.kinds($0).count >= 8 }
            #expect(
                Self.kinds(events).map(\.rawValue) == [
                    "started", "retried", "redriven", "started", "lost", "started", "completed", "removed",
                ])
            #expect(events.reduce(0) { $0 + $1.counts.values.reduce(0, +) } == 8)
            #expect(events.allSatisfy { $0.queue == bench.queue })
            #expect(events[0].jobs == [QueueEvent.Change(kind: .started, id: "first", type: "test", attempt: 1)])
            let changes = events.flatMap(\.jobs)
            // A tab would be the next word.
            #expect(changes[1].errorType == "so\\tso")
            #expect(changes[4].type == "test")
            #expect(events.last?.jobs.isEmpty == true)
            let now = try await bench.engine.now()
            #expect(events.allSatisfy { abs(($0.at - now).milliseconds) < 60_000 })
            await watcher.shutdown()
        }
    }

    @Test("an engine that ends tells first what it would have told a moment later")
    func rest() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            let watcher = try await other(bench)
            let news = watcher.watch(nil)
            try await waitForWatch(bench)
            let worker = try await other(bench)
            let request = ClaimRequest(queue: bench.queue, limit: 1, lease: .hours(1), worker: "w")
            let claims = try await worker.claim(request).jobs
            _ = try await worker.settle(claims.map { Settlement($0, .complete) })
            await worker.shutdown()
            let events = try await read(news) { Self.kinds($0).count >= 2 }
            #expect(Self.kinds(events) == [.started, .completed])
            await watcher.shutdown()
        }
    }

    @Test("an action on many jobs at once is told of once, and names those that it was done to")
    func many() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"), bench.job("b"), bench.job("c"))
            let watcher = try await other(bench)
            let news = watcher.watch(nil)
            try await waitForWatch(bench)
            let ids = ["a", "none", "c"].map { JobID(unchecked: $0) }
            _ = try await bench.engine.perform(.cancel(reason: "x"), on: ids, in: bench.queue, if: .ready, by: nil)
            // It was done to none of these.
            _ = try await bench.engine.perform(.bury(reason: "x"), on: ids, in: bench.queue, if: .ready, by: nil)
            try await bench.perform(.remove, on: "b")
            let events = try await read(news) { $0.count >= 2 }
            #expect(events.map(\.counts) == [[.cancelled: 2], [.removed: 1]])
            #expect(events[0].jobs.map(\.id) == [ids[0], ids[2]])
            await watcher.shutdown()
        }
    }

    @Test("where nobody watches nothing is published, and a watch that has lapsed counts for nothing")
    func unwatched() async throws {
        try await AuditBench.with { bench in
            for round in ["never", "lapsed"] {
                if round == "lapsed" { try await bench.redis("HSET", ":meta", "watch", "1000") }
                let claimed = try await bench.start(bench.job(round))
                try await bench.settle(claimed, .bury(.manual))
                if round == "never" { try await bench.perform(.redrive, on: round) }
                #expect(try await published(bench) == 0)
            }
            // By those who act without claiming, it is asked for with the deed; a message more does no harm.
            let until = try await bench.engine.now() + .seconds(60)
            try await bench.redis("HSET", ":meta", "watch", "\(until.milliseconds)")
            _ = try await bench.claim()
            try await bench.redis("PING")
            #expect(try await published(bench) == 1)
        }
    }

    @Test("a claim from a queue that is paused tells that somebody watches, too")
    func paused() async throws {
        try await AuditBench.with { bench in
            let claimed = try await bench.start(bench.job("a"))
            try await bench.pause()
            let until = try await bench.engine.now() + .seconds(60)
            try await bench.redis("HSET", ":meta", "watch", "\(until.milliseconds)")
            #expect(try await bench.claim().isEmpty)
            try await bench.settle(claimed, .complete)
            try await bench.redis("PING")
            #expect(try await published(bench) == 1)
        }
    }

    @Test("a queue that never had a job does not come to be by being watched; one that comes to be is watched")
    func newQueues() async throws {
        try await AuditBench.with { bench in
            let watcher = try await other(bench)
            let news = watcher.watch([bench.queue])
            try await Task.sleep(for: .milliseconds(300))
            #expect(try await bench.redis("TYPE", ":meta").string() == "none")
            let all = watcher.watch(nil)
            try await bench.enqueue(bench.job("a"))
            // Within the five seconds of a round.
            try await waitForWatch(bench, channels: 2)
            try await bench.settle(try #require(try await bench.claim().first), .complete)
            for stream in [news, all] {
                let events = try await read(stream) { events in events.contains { $0.counts[.completed] == 1 } }
                #expect(!events.isEmpty)
            }
            await watcher.shutdown()
        }
    }

    @Test("a connection that is lost is made again, and the reader is told that something may be missing")
    func reconnected() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            let watcher = try await other(bench)
            let news = watcher.watch([bench.queue])
            try await waitForWatch(bench)
            try await bench.redis("CLIENT", "KILL", "TYPE", "pubsub")
            var iterator = news.makeAsyncIterator()
            #expect(await iterator.next() == .missed)
            try await waitForWatch(bench)
            _ = try await bench.claim()
            guard case .event(let event) = await iterator.next() else { return #expect(Bool(false)) }
            #expect(event.counts == [.started: 1])
            await watcher.shutdown()
            // The end of the engine is that of the stream.
            while await iterator.next() != nil {}
        }
    }

    @Test("a queue of the same name in another database is another queue")
    func databases() async throws {
        try await AuditBench.with { bench in
            let apart = try await other(bench, database: 3)
            _ = try await apart.enqueue([bench.job("a")])
            try await bench.enqueue(bench.job("a"), bench.job("b"))
            let watcher = try await other(bench)
            let news = watcher.watch([bench.queue])
            try await waitForWatch(bench)
            // Both think that they are watched.
            apart.watches.note(bench.queue, for: .seconds(60))
            let request = ClaimRequest(queue: bench.queue, limit: 1, lease: .hours(1), worker: "w")
            let claims = try await apart.claim(request).jobs
            apart.watches.note(bench.queue, for: .seconds(60))
            _ = try await apart.settle(claims.map { Settlement($0, .complete) })
            // What was published on this connection has been run before this.
            _ = try await apart.now()
            #expect(try await published(bench) == 1)
            _ = try await bench.claim(2)
            let events = try await read(news) { !$0.isEmpty }
            #expect(events.map(\.counts) == [[.started: 2]])
            await watcher.shutdown()
            await apart.shutdown()
        }
    }

    @Test("a user who may not subscribe has the events looked for")
    func refused() async throws {
        let server = try await RedisServer.startRestricted { $0.replacing(" +publish +subscribe", with: "") }
        defer { server.stop() }
        let engine = RedisEngine(
            url: try RedisURL(server.restrictedURL), options: RedisEngineOptions(),
            environment: EngineEnvironment(logger: Logger(label: "events") { _ in SwiftLogNoOpLogHandler() }))
        try await engine.start()
        let queue = try JobQueue(engine: .redis(server.restrictedURL))
        try await queue.enqueue(type: "t", payload: [])
        // The refusal takes a while to be known, so there is always another job that starts.
        let starting = Task {
            while !Task.isCancelled {
                try await queue.enqueue(type: "t", payload: [])
                let request = ClaimRequest(queue: "default", limit: 1, lease: .hours(1), worker: "w")
                _ = try await queue.engine.claim(request)
                try await Task.sleep(for: .milliseconds(300))
            }
        }
        var iterator = engine.watch(nil).makeAsyncIterator()
        guard case .event(let event) = await iterator.next() else { return #expect(Bool(false)) }
        starting.cancel()
        #expect(event.queue == "default" && event.jobs.first?.kind == .started && event.jobs.first?.type == "t")
        await queue.shutdown()
        await engine.shutdown()
    }

    @Test("what is packed is unpacked; what is none, or of another database, is no event")
    func packing() {
        let jobs = (0..<20).map { number in
            QueueEvent.Change(
                kind: number == 0 ? QueueEvent.Kind(rawValue: "later") : .buried, id: JobID(unchecked: "id-\(number)"),
                type: number == 1 ? nil : "a:b", attempt: number == 1 ? nil : number, errorType: number == 1 ? nil : "E"
            )
        }
        let event = QueueEvent(queue: "q", at: Timestamp(milliseconds: 1_800_000_000_123), all: jobs)
        #expect(event.jobs.count == 16)
        #expect(event.counts == [.buried: 19, QueueEvent.Kind(rawValue: "later"): 1])
        let text = EventPacking.pack(event, of: "settle", database: 7)
        #expect(EventPacking.unpack(text, queue: "q", database: 7) == event)
        #expect(EventPacking.unpack(text, queue: "q", database: 0) == nil)
        for junk in [
            "", "1", "2\tsettle\t1\t7\n\n", "1\tsettle\tx\t7", "\n\n\n", "1\tsettle\t1\t7\nburied\t-3\n\nx\ty",
        ] {
            #expect(
                EventPacking.unpack(junk, queue: "q", database: 7).map { $0.counts.isEmpty && $0.jobs.isEmpty } ?? true)
        }
        // Words that a later version adds.
        let later = text.replacing("\t7\n", with: "\t7\tmore\n").replacing("E\n", with: "E\tmore\n")
        #expect(later != text)
        #expect(EventPacking.unpack(later, queue: "q", database: 7) == event)
    }
}

@Suite("Ready jobs by priority", .timeLimit(.minutes(1)))
struct PriorityCountTests {
    @Test("each level is counted: arrivals, and jobs that came back")
    func levels() async throws {
        try await AuditBench.with { bench in
            #expect(try await bench.engine.readyByPriority(of: [bench.queue]) == [[Int](repeating: 0, count: 10)])
            try await bench.enqueue(bench.job("r"))
            try await bench.settle(try #require(try await bench.claim().first), .release)
            for level in 0...9 {
                for number in 0..<level + 1 {
                    try await bench.enqueue(bench.job("\(level)-\(number)", priority: level))
                }
            }
            #expect(try await bench.engine.readyByPriority(of: [bench.queue]) == [[2, 2, 3, 4, 5, 6, 7, 8, 9, 10]])
        }
    }
}
