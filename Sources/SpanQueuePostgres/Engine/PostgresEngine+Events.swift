// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import PostgresClient
import SpanQueue
import SpanQueueLoop
import Synchronization

/// Live events, see ADR 41. A watcher of a queue says so in a table, for 15 seconds at a time. Workers look there every few seconds,
/// and then tells what its calls have done: in calls of their own, for which nobody waits. Where nobody watches nothing is sent.
extension PostgresEngine: EventSource {
    /// For how long a watch holds.
    private static let watchTime = Duration.seconds(15)

    func watch(_ queues: [String]?) -> AsyncStream<EngineNews> {
        NewsSink.stream(on: loop) { [self] sink in await watch(queues, sink) }
    }

    private func watch(_ queues: [String]?, _ sink: NewsSink) async {
        let ear = Ear(sink)
        var configuration = PostgresClient.Configuration()
        configuration.callTimeout = options.commandTimeout
        configuration.connectTimeout = options.commandTimeout
        configuration.channel = schema.eventChannel
        configuration.onNotify = { text in ear.hear(text) }
        configuration.onConnect = { generation in if generation > 1 { sink.tellMissed() } }
        let listener = PostgresClient(
            url: url, name: "spanq-events", configuration: configuration, loop: loop, logger: logger)
        guard watches.keep(listener, for: sink) else { return }
        var isDeaf = false
        var names: [String] = []
        do {
            // Behind what was said first, which is that it listens.
            _ = try? await listener.run(PostgresCall("listening", "SELECT 1"), idempotent: true)
            while !isDeaf {
                names = await self.names(queues, orElse: names)
                ear.listen(to: names)
                if await mark(names, ear.nextEcho()) {
                    // A pooler forgets who listens.
                    isDeaf = try await !ear.hasHeard(within: options.commandTimeout, on: loop)
                }
                if !isDeaf { try await loop.sleep(for: watchInterval) }
            }
        } catch {
            // Nobody reads any more.
        }
        watches.forget(listener)
        await listener.close()
        guard isDeaf, !Task.isCancelled else { return }
        logger.warning("no notification comes back from Postgres, so what becomes of jobs is looked for once a second")
        await PolledEvents.run(self, queues, sink)
    }

    private func names(_ queues: [String]?, orElse known: [String]) async -> [String] {
        var names = queues ?? known
        if queues == nil, let present = try? await self.queues() { names = present }
        return Array(names.prefix(EventWatch.mostQueues))
    }

    /// Says that somebody watches; false without an answer: the next round says it again.
    private func mark(_ queues: [String], _ echo: String) async -> Bool {
        let call = PostgresCall("watch", statements.watch, [.texts(queues), .text(echo)])
        guard (try? await self.call(call)) != nil else { return false }
        for queue in queues { watches.note(queue, for: Self.watchTime) }
        return true
    }

    // MARK: Telling

    /// The call that asks who watches, if that is due: with claims, since only who works has something to tell.
    func lookForWatchers() -> PostgresCall? {
        watches.isLookDue(every: watchInterval) ? PostgresCall("watched", statements.watched) : nil
    }

    func noteWatchers(_ answer: Result<PostgresRows, PostgresError>) {
        guard let rows = try? answer.get() else { return }
        var found: [String: Duration] = [:]
        for row in 0..<rows.count {
            guard let queue = try? rows.text(row, 0), let span = try? rows.integer(row, 1) else { continue }
            found[queue] = .milliseconds(span)
        }
        watches.replace(with: found)
    }

    /// Tells what a call has done, where somebody watches.
    func publish(_ queue: String, _ event: (_ most: Int) -> QueueEvent) {
        guard watches.isWatched(queue) else { return }
        switch gatherer.add(queue, at: .now, event) {
        case .tell(let event): send(event, of: "work")
        case .wait(let moment):
            loop.execute { [self] in
                loop.schedule(at: moment) { [self] in publishGathered(queue) }
            }
        case .nothing: break
        }
    }

    private func publishGathered(_ queue: String) {
        if let event = gatherer.take(queue, at: .now) { send(event, of: "work") }
    }

    /// What was gathered and would have been told later. Nobody waits for long for it at the end.
    func publishRest() async {
        for event in gatherer.takeAll() {
            _ = try? await client.run(message(event, of: "work"), timeout: .milliseconds(200), idempotent: true)
        }
    }

    /// Tells what a person has done. Who acts does not claim, and so does not know whether somebody watches: Postgres does.
    func publish(_ call: String, _ event: QueueEvent?) {
        guard let event else { return }
        // In the order in which it happened.
        publishGathered(event.queue)
        send(event, of: call)
    }

    private func send(_ event: QueueEvent, of call: String) {
        client.post(message(event, of: call))
    }

    private func message(_ event: QueueEvent, of call: String) -> PostgresCall {
        PostgresCall("tell", statements.tell, [.text(event.queue), .text(NotifiedEvent.text(event, of: call))])
    }
}

/// An event as the text of a notification.
enum NotifiedEvent {
    /// Postgres takes less than 8,000 bytes, the queue's name among them.
    private static let mostBytes = 7800

    static func text(_ event: QueueEvent, of call: String) -> String {
        var event = event
        while true {
            let text = EventPacking.pack(event, of: call, database: 0)
            if text.utf8.count <= mostBytes || event.jobs.isEmpty { return text }
            event.jobs.removeLast()
        }
    }

    /// The event that a notification is; nil where it is none.
    static func read(_ text: String) -> QueueEvent? {
        guard let end = text.firstIndex(of: "\n") else { return nil }
        return EventPacking.unpack(
            String(text[text.index(after: end)...]), queue: String(text[..<end]), database: 0)
    }
}

/// One who listens: passes on events of the queues that are wanted, and knows whether anything comes at all.
private final class Ear: Sendable {
    private struct State {
        var queues: Set<String> = []
        var echoes = 0
        var heard = 0
    }

    private let sink: NewsSink
    private let name = "\(UInt64.random(in: .min ... .max))"
    private let state = Mutex(State())

    init(_ sink: NewsSink) { self.sink = sink }

    func listen(to queues: [String]) {
        state.withLock { $0.queues = Set(queues) }
    }

    /// A text that nobody else sends, nor this one a second time.
    func nextEcho() -> String {
        state.withLock { state in
            state.echoes += 1
            return "\(name) \(state.echoes)"
        }
    }

    func hear(_ text: String) {
        if text.hasPrefix(name + " ") { return state.withLock { $0.heard = $0.echoes } }
        guard let event = NotifiedEvent.read(text), state.withLock({ $0.queues.contains(event.queue) }) else { return }
        sink.tell(event)
    }

    /// Whether an echo has come, now or in a round before; those of later rounds may be lost with a connection.
    func hasHeard(within limit: Duration, on loop: LoopThread) async throws -> Bool {
        let end = ContinuousClock.now + limit
        while state.withLock({ $0.heard == 0 }) {
            guard .now < end else { return false }
            try await loop.sleep(for: .milliseconds(10))
        }
        return true
    }
}
