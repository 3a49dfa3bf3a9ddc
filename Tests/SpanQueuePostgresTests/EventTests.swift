// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import PostgresServerFixture
import SpanQueue
import SpanQueueLoop
import Synchronization
import Testing

@testable import SpanQueuePostgres

@Suite("live events", .timeLimit(.minutes(3)))
struct EventTests {
    @Test("nothing is notified where nobody watches, or a watch has lapsed; else each call that moves jobs is told")
    func watched() async throws {
        let database = try await Database()
        try await database.freezeClock()
        let spy = try await Spy(database)
        try await database.withEngines(3) { engines in
            try await move(engines[0], "first")
            #expect(try await spy.heard(database).isEmpty)

            try await database.sql("SELECT spanq.watch_1(ARRAY['q'], 'an echo')")
            try await move(engines[1], "second")
            let texts = try await spy.heard(database)
            #expect(texts.first == "an echo")
            let events = texts.compactMap(NotifiedEvent.read)
            #expect(events.count == texts.count - 1)
            #expect(events.allSatisfy { $0.queue == "q" })
            // How many of them a message tells of depends on the time between them; their order does not.
            let kinds = events.flatMap { $0.jobs.isEmpty ? Array($0.counts.keys) : $0.jobs.map(\.kind) }
            #expect(
                kinds == [
                    .started, .started, .completed, .retried, .redriven, .cancelled, .removed, .started, .lost,
                    .started,
                    .completed,
                ])
            #expect(events.reduce(0) { $0 + $1.counts.values.reduce(0, +) } == kinds.count)
            #expect(
                events.first?.jobs.first == QueueEvent.Change(kind: .started, id: "second-1", type: "test", attempt: 1))
            let retried = events.flatMap(\.jobs).first { $0.kind == .retried }
            #expect(retried?.errorType == "Refused" && retried?.attempt == 1)

            // The second still believes that it is watched.
            try await database.freezeClock(at: 1_800_000_100_000_000)
            _ = try await engines[1].now()
            try await move(engines[1], "third")
            try await move(engines[2], "fourth")
            #expect(try await spy.heard(database).isEmpty)
            // Who watches removes what is long over.
            try await database.sql("SELECT spanq.watch_1(ARRAY['p'], 'another echo')")
            #expect(try await database.sql("SELECT string_agg(queue, ' ') FROM spanq.watch") == "p")
        }
        await spy.stop()
    }

    /// Every call that tells something.
    private func move(_ engine: PostgresEngine, _ name: String) async throws {
        let ids = [1, 2, 3].map { JobID(unchecked: "\(name)-\($0)") }
        _ = try await engine.enqueue([job(ids[0]), job(ids[1])])
        let jobs = try await engine.claim(claim()).jobs
        try #require(jobs.map(\.message.id) == Array(ids.prefix(2)))
        _ = try await engine.settleAll([
            Settlement(jobs[0], .complete),
            Settlement(jobs[1], .retry(after: .hours(1)), AttemptReport(errorType: "Refused", error: "no")),
        ])
        #expect(try await engine.perform(.redrive, on: [ids[1]], in: "q", if: .retrying, by: nil) == [.done(.ready)])
        #expect(try await engine.perform(.cancel(reason: ""), on: ids[1], in: "q") == .done(.cancelled))
        let bulk = BulkRequest(queue: "q", state: .cancelled, action: .remove)
        #expect(try await engine.performAll(bulk).done == 1)
        _ = try await engine.enqueue([job(ids[2])])
        let request = ClaimRequest(queue: "q", limit: 1, lease: .zero, worker: "w")
        #expect(try await engine.claim(request).jobs.count == 1)
        #expect(try await engine.reclaim(ReclaimRequest(queue: "q")).count == 1)
        // Nothing of it is left for the next claim. Who wants to remove what is not there tells nothing.
        #expect(try await engine.perform(.remove, on: ids[0], in: "none") == .notFound)
        let rest = try await engine.claim(claim()).jobs.map { Settlement($0, .complete) }
        try #require(rest.count == 1)
        _ = try await engine.settleAll(rest)
        await engine.publishRest()
        // What is told is told on this connection, in its order.
        _ = try await engine.queues()
    }

    @Test("one who watches elsewhere hears of queues that come to be, too, and hears on after a connection is lost")
    func elsewhere() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let database = try await Database(on: server)
        try await database.withEngines(2, watchInterval: .milliseconds(200)) { engines in
            let heard = Heard(engines[1].news(of: nil))
            for queue in ["q", "later"] {
                _ = try await engines[0].enqueue([job(in: queue)])
                // It is looked for queues now and then, as who works looks for those who watch.
                try await heard.wait {
                    $0.contains { $0.queue == queue && $0.counts[.started] != nil }
                } meanwhile: {
                    let jobs = try await engines[0].claim(claim(from: queue)).jobs
                    _ = try await engines[0].settleAll(jobs.map { Settlement($0, .release) })
                }
            }
            let missed = heard.missed
            try await database.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT 1'")
            let before = heard.events.count
            try await heard.wait {
                $0.count > before
            } meanwhile: {
                let jobs = try await engines[0].claim(claim()).jobs
                _ = try await engines[0].settleAll(jobs.map { Settlement($0, .release) })
            }
            #expect(heard.missed > missed)
            heard.stop()
        }
    }

    @Test("who watches a queue hears nothing of another one, which somebody else watches")
    func apart() async throws {
        let database = try await Database()
        try await database.withEngines(3, watchInterval: .milliseconds(200)) { engines in
            let all = ["p", "q"].enumerated().map { (queue: $1, heard: Heard(engines[$0 + 1].news(of: [$1]))) }
            for (queue, _) in all { _ = try await engines[0].enqueue([job(in: queue)]) }
            for (_, heard) in all {
                try await heard.wait {
                    $0.contains { $0.counts[.started] != nil }
                } meanwhile: {
                    for (queue, _) in all {
                        let jobs = try await engines[0].claim(claim(from: queue)).jobs
                        _ = try await engines[0].settleAll(jobs.map { Settlement($0, .release) })
                    }
                }
            }
            for (queue, heard) in all {
                #expect(heard.events.allSatisfy { $0.queue == queue })
                heard.stop()
            }
        }
    }

    @Test("behind a pooler, through which no notification comes, it is looked for", .enabled(if: Pooler.isThere))
    func pooled() async throws {
        let server = try await PostgresServer.start()
        defer { server.stop() }
        let database = try await Database(on: server)
        let pooler = try await Pooler.start(for: server, connections: 2)
        defer { pooler.stop() }
        var options = PostgresEngineOptions()
        options.commandTimeout = .seconds(2)
        let url = try PostgresURL(pooler.url)
        let engine = PostgresEngine(
            url: url, schema: database.schema, options: options,
            environment: EngineEnvironment(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        try await engine.start()
        let heard = Heard(engine.news(of: ["q"]))
        try await database.withEngines { others in
            try await heard.wait {
                $0.contains { $0.counts[.completed] != nil }
            } meanwhile: {
                _ = try await others[0].enqueue([job()])
                let jobs = try await others[0].claim(claim()).jobs
                _ = try await others[0].settleAll(jobs.map { Settlement($0, .complete) })
            }
        }
        heard.stop()
        await engine.shutdown()
    }

    @Test("an event is never too long for a notification: it names fewer jobs, and counts all")
    func long() throws {
        let jobs = (10..<30).map { number in
            QueueEvent.Change(
                kind: .buried, id: JobID(unchecked: "\(number)" + String(repeating: "i", count: 126)),
                type: String(repeating: "t", count: 128), attempt: 3, errorType: String(repeating: "é", count: 400))
        }
        let queue = String(repeating: "q", count: 128)
        let event = QueueEvent(queue: queue, at: Timestamp(milliseconds: 1_800_000_000_123), all: jobs)
        let text = NotifiedEvent.text(event, of: "settle")
        #expect(text.utf8.count + queue.utf8.count + 1 < 8000)
        let read = try #require(NotifiedEvent.read("\(queue)\n\(text)"))
        #expect(read.queue == queue && read.counts == [.buried: 20])
        #expect(read.jobs.count >= 10 && read.jobs.map(\.id) == jobs.prefix(read.jobs.count).map(\.id))
        #expect(NotifiedEvent.read("an echo 1") == nil)
        #expect(NotifiedEvent.read("q\nno event") == nil)
    }
}

/// Hears all that is notified.
private final class Spy: Sendable {
    private final class Texts: Sendable {
        let all = Mutex<[String]>([])
    }

    private let client: PostgresClient
    private let loop = LoopThread(name: "spy")
    private let texts: Texts

    init(_ database: Database) async throws {
        let texts = Texts()
        self.texts = texts
        var configuration = PostgresClient.Configuration()
        configuration.channel = database.schema.eventChannel
        configuration.onNotify = { text in texts.all.withLock { $0.append(text) } }
        client = PostgresClient(
            url: database.url, name: "spy", configuration: configuration, loop: loop,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        _ = try await client.run(PostgresCall("listening", "SELECT 1"), idempotent: true)
    }

    /// What has been notified since it was last asked.
    func heard(_ database: Database) async throws -> [String] {
        try await database.sql("SELECT pg_notify('spanq.events', 'the end')")
        while texts.all.withLock({ $0.last != "the end" }) { try await Task.sleep(for: .milliseconds(2)) }
        return texts.all.withLock { texts in
            let heard = Array(texts.dropLast())
            texts = []
            return heard
        }
    }

    func stop() async {
        await client.close()
        loop.stop()
    }
}

/// What one who watches has been told.
private final class Heard: Sendable {
    private final class News: Sendable {
        let all = Mutex<[EngineNews]>([])
    }

    private let news: News
    private let task: Task<Void, Never>

    init(_ stream: AsyncStream<EngineNews>) {
        let news = News()
        self.news = news
        task = Task { for await one in stream { news.all.withLock { $0.append(one) } } }
    }

    var events: [QueueEvent] {
        news.all.withLock { $0 }.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }
    var missed: Int { news.all.withLock { $0 }.count { $0 == .missed } }

    /// Waits until it is so, and does something again and again meanwhile.
    func wait(until isSo: ([QueueEvent]) -> Bool, meanwhile: () async throws -> Void) async throws {
        while !isSo(events) {
            try await meanwhile()
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    func stop() { task.cancel() }
}
