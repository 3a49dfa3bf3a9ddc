// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import ServiceLifecycle
import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing

@testable import SpanQueue

@Suite("The start of a queue's engine", .timeLimit(.minutes(1)))
struct EngineStartTests {
    private static let refusal = SpanQueueError(.unavailable, "refused by the script")

    /// Makes engines that start as the test has them, and counts.
    private final class Maker: Sendable {
        struct Counts: Equatable {
            var made = 0
            var started = 0
            var closed = 0
        }

        private let counts = Mutex(Counts())
        /// Is told how many starts there have been, this one included.
        let start: @Sendable (Int) async throws -> Void

        init(_ start: @escaping @Sendable (Int) async throws -> Void = { _ in }) {
            self.start = start
        }

        var seen: Counts { counts.withLock { $0 } }

        func queue(
            _ configuration: JobQueueConfiguration = JobQueueConfiguration(), endsOnShutdown: Bool = true
        ) throws -> JobQueue {
            let source = EngineSource { _ in
                self.counts.withLock { $0.made += 1 }
                var engine = ScriptedEngine { call, _ in
                    switch call {
                    case .start:
                        let number = self.counts.withLock { counts in
                            counts.started += 1
                            return counts.started
                        }
                        try await self.start(number)
                    case .shutdown: self.counts.withLock { $0.closed += 1 }
                    default: break
                    }
                }
                engine.endsOnShutdown = endsOnShutdown
                return engine
            }
            return try JobQueue(
                engine: source, configuration: configuration, telemetry: JobTelemetry(),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        }
    }

    @Test("a queue that is not used makes no engine, and one that is shut down never will")
    func unused() async throws {
        let maker = Maker()
        let queue = try maker.queue()
        await queue.shutdown()
        #expect(maker.seen == Maker.Counts())
        let error = await #expect(throws: SpanQueueError.self) { try await queue.enqueue(type: "t", payload: []) }
        #expect(error?.code == .closed)
        #expect(maker.seen == Maker.Counts())
    }

    @Test("first uses that come together share one start")
    func shared() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let maker = Maker { _ in for await _ in gate {} }
        let queue = try maker.queue()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { try await queue.enqueue(type: "t", payload: []) } }
            group.addTask { _ = try await queue.counts() }
            try await eventually("the start") { maker.seen.started == 1 }
            open.finish()
            try await group.waitForAll()
        }
        #expect(try await queue.counts()[0][.ready] == 20)
        #expect(maker.seen == Maker.Counts(made: 1, started: 1, closed: 0))
        await queue.shutdown()
        #expect(maker.seen.closed == 1)
    }

    @Test("a start that fails is shut down, and the next use tries again with a fresh engine")
    func again() async throws {
        let maker = Maker { number in if number < 3 { throw Self.refusal } }
        let queue = try maker.queue()
        for failures in 1...2 {
            let error = await #expect(throws: SpanQueueError.self) { try await queue.enqueue(type: "t", payload: []) }
            #expect(error?.code == .unavailable)
            #expect(maker.seen == Maker.Counts(made: failures, started: failures, closed: failures))
        }
        try await queue.enqueue(type: "t", payload: [])
        #expect(maker.seen == Maker.Counts(made: 3, started: 3, closed: 2))
    }

    @Test("the cancellation of one caller ends its wait, and not the start that others wait for")
    func cancelled() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let maker = Maker { _ in for await _ in gate {} }
        let queue = try maker.queue()
        let first = Task { try await queue.connect() }
        try await eventually("the start") { maker.seen.started == 1 }
        let second = Task { try await queue.connect() }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        open.finish()
        try await second.value
        #expect(maker.seen == Maker.Counts(made: 1, started: 1, closed: 0))
    }

    @Test("an enqueue ends by its own deadline where the engine does not start")
    func deadline() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let maker = Maker { _ in for await _ in gate {} }
        var configuration = JobQueueConfiguration()
        configuration.enqueueTimeout = .milliseconds(20)
        let queue = try maker.queue(configuration)
        let error = await #expect(throws: SpanQueueError.self) { try await queue.enqueue(type: "t", payload: []) }
        #expect(error?.code == .timeout)
        #expect(error?.mayHaveRun == false)
        open.finish()
    }

    @Test("a queue that is shut down while it starts is closed, and so is its engine", arguments: [true, false])
    func closedMeanwhile(engineNotices: Bool) async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let maker = Maker { _ in for await _ in gate {} }
        let queue = try maker.queue(endsOnShutdown: engineNotices)
        let use = Task { try await queue.connect() }
        try await eventually("the start") { maker.seen.started == 1 }
        await queue.shutdown()
        open.finish()
        let error = await #expect(throws: SpanQueueError.self) { try await use.value }
        #expect(error?.code == .closed)
        #expect(maker.seen.closed > 0)
    }

    @Test("services start while the engine is down, and work when it is back")
    func services() async throws {
        let isBack = Atomic(false)
        let maker = Maker { _ in if !isBack.load(ordering: .relaxed) { throw Self.refusal } }
        let queue = try maker.queue()
        let worker = try Worker(queue)
        let (ran, run) = AsyncStream.makeStream(of: Void.self)
        try worker.handle("t") { _, _ in run.finish() }
        let group = ServiceGroup(services: [queue, worker], logger: queue.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("two failed starts") { maker.seen.closed >= 2 }
            isBack.store(true, ordering: .relaxed)
            try await eventually("a job taken") {
                (try? await queue.enqueue(type: "t", payload: [])) != nil
            }
            for await _ in ran {}
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(maker.seen.made == maker.seen.closed)
    }

    @Test("a drain ends a worker that waits for its engine; what is of no use to try again ends run()")
    func drained() async throws {
        let maker = Maker { _ in throw Self.refusal }
        let worker = try Worker(maker.queue())
        let run = Task { try await worker.runUntilEmpty() }
        try await eventually("a failed start") { maker.seen.closed > 0 }
        worker.drain()
        #expect(try await run.value == RunSummary())

        let refusing = Maker { _ in throw SpanQueueError(.denied, "no such user") }
        for service in [try Worker(refusing.queue()), try refusing.queue()] as [any Service] {
            let error = await #expect(throws: SpanQueueError.self) { try await service.run() }
            #expect(error?.code == .denied)
        }
    }

    @Test("what is wrong with the settings is said where the queue is made")
    func settings() {
        let source = EngineSource(check: { () throws(SpanQueueError) in throw .invalidArgument("no URL") }) { _ in
            InMemoryEngine()
        }
        let error = #expect(throws: SpanQueueError.self) { try JobQueue(engine: source, telemetry: JobTelemetry()) }
        #expect(error?.message == "no URL")
    }
}
