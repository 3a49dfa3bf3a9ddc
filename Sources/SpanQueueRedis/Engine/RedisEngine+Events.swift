// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import Logging
import SpanQueue
import SpanQueueLoop
import Synchronization

/// Live events. Whoever watches a queue says so in its `meta`, for 15 seconds at a time. A claim reads it there, in the command that it
/// makes anyway, and from then on this engine publishes what its calls have done. Where nobody watches nothing is sent.
extension RedisEngine: EventSource, PrioritySource {
    /// For how long a watch holds, and how often it is made anew.
    private static let watchTime = Duration.seconds(15)
    private static let watchInterval = Duration.seconds(5)

    func watch(_ queues: [String]?) -> AsyncStream<EngineNews> {
        NewsSink.stream(on: loop) { [self] sink in await watch(queues, sink) }
    }

    private func watch(_ queues: [String]?, _ sink: NewsSink) async {
        let subscription = RefusedSubscription()
        var configuration = otherConnections
        configuration.onConnect = { generation, _ in if generation > 1 { sink.tellMissed() } }
        let subscriber = RedisClient(
            url: url, name: "spanq-events", configuration: configuration, loop: loop, logger: logger)
        guard watches.keep(subscriber, for: sink) else { return }
        var channels: Set<String> = []
        do {
            while !subscription.isRefused {
                let names = await names(queues, known: channels)
                let fresh = names.map(RedisKeys.events).filter { channels.insert($0).inserted }
                if !fresh.isEmpty {
                    await subscriber.subscribe(to: fresh, orElse: { subscription.refuse($0) }) {
                        [database] channel, message in
                        guard let queue = RedisKeys.parts(of: channel)?.queue,
                            let event = EventPacking.unpack(message, queue: queue, database: database)
                        else { return }
                        sink.tell(event)
                    }
                }
                await mark(names)
                await subscriber.checkSubscription(within: options.commandTimeout)
                try await loop.sleep(for: Self.watchInterval)
            }
        } catch {
            // Nobody reads any more.
        }
        watches.forget(subscriber)
        await subscriber.close()
        guard let refusal = subscription.error, !Task.isCancelled else { return }
        logger.warning(
            "this user may not subscribe, so what becomes of jobs is looked for once a second",
            metadata: ["error": "\(refusal)"])
        await PolledEvents.run(self, queues, sink)
    }

    private func names(_ queues: [String]?, known: Set<String>) async -> [String] {
        var names = queues ?? known.compactMap { RedisKeys.parts(of: $0)?.queue }
        if queues == nil, let present = try? await self.queues() { names = present }
        return Array(names.prefix(EventWatch.mostQueues))
    }

    /// Says that somebody watches.
    private func mark(_ queues: [String]) async {
        let calls = queues.map { queue in
            RedisScriptCall(scripts.watch, keys: [keys(queue).meta]) { $0.append(Self.watchTime.milliseconds) }
        }
        // Without an answer the next round says it again.
        guard let replies = try? await client.pipeline(calls, idempotent: true) else { return }
        for (queue, reply) in zip(queues, replies) {
            if (try? reply.get().integer()) == 1 { watches.note(queue, for: Self.watchTime) }
        }
    }

    private var database: Int { url.database }

    // MARK: Publishing

    /// Tells what a call has done, where somebody watches. It leaves with what is sent next, and nobody waits for it.
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
        let messages = gatherer.takeAll().map { message($0, of: "work") }
        guard !messages.isEmpty else { return }
        _ = try? await client.pipeline(messages, timeout: .milliseconds(200), idempotent: false)
    }

    private func send(_ event: QueueEvent, of call: String) {
        _ = client.start(message(event, of: call), idempotent: false)
    }

    private func message(_ event: QueueEvent, of call: String) -> RESPCommand {
        RESPCommand(
            "PUBLISH", RedisKeys.events(event.queue), EventPacking.pack(event, of: call, database: database))
    }

    /// Tells what a person has done. Who acts does not claim, and so asks whether somebody watches.
    ///
    /// - Parameter watch: the answer to ``askWhetherWatched(_:)``, which left before the deed.
    func publish(_ call: String, _ watch: PendingReply, _ event: QueueEvent?) async {
        guard let event else { return }
        let told = try? await watch.value()
        guard watches.isWatched(event.queue) || told?.isNull == false else { return }
        // In the order in which it happened.
        publishGathered(event.queue)
        send(event, of: call)
    }

    func askWhetherWatched(_ queue: String) -> PendingReply {
        client.start(RESPCommand("HGET", keys(queue).meta, "watch"), idempotent: true)
    }
}

/// Whether Redis has refused to let us listen.
private final class RefusedSubscription: Sendable {
    private let state = Mutex<RedisError?>(nil)

    var isRefused: Bool { error != nil }
    var error: RedisError? { state.withLock { $0 } }

    func refuse(_ error: RedisError) {
        // Others are those of a connection that comes back.
        if error.code == .authentication { state.withLock { $0 = error } }
    }
}
