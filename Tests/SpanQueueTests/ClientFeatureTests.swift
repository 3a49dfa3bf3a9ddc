// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueueTelemetry
import SpanQueueTesting
import Synchronization
import Testing

@testable import SpanQueue

@Suite("Waiting for a job", .timeLimit(.minutes(1)))
struct ResultTests {
    private struct Sum: Job, Equatable {
        static let jobType = "sum"
        var numbers: [Int]
    }

    /// The engine in memory that counts looks at jobs, and refuses the first of them.
    private func queue(refusing: Int = 0, looks: @escaping @Sendable (Int) -> Void = { _ in }) throws -> JobQueue {
        let count = Mutex(0)
        return try ScriptedEngine { call, _ in
            guard call == .job else { return }
            let number = count.withLock { count in
                count += 1
                return count
            }
            looks(number)
            if number <= refusing { throw SpanQueueError(.unavailable, "away") }
        }.queue()
    }

    private func work(_ queue: JobQueue) async throws {
        let worker = try Worker(queue)
        try worker.handle(Sum.self) { job, context in
            switch job.numbers.first {
            case -1: throw JobError.permanent("no sums of this kind")
            case -2: throw JobError.cancel("not wanted")
            case -3: break
            default: try context.setResult(job.numbers.reduce(0, +))
            }
        }
        try await worker.runOnce()
    }

    @Test("gives the result of a job that has ended, and of one that ends meanwhile, whatever looks fail")
    func completed() async throws {
        let queue = try queue(refusing: 2)
        let receipt = try await queue.enqueue(Sum(numbers: [1, 2, 3]))
        async let sum: Int = queue.result(of: receipt, within: .seconds(50))
        try await work(queue)
        #expect(try await sum == 6)
        #expect(try await queue.result(of: receipt, as: Int.self) == 6)
        #expect(try await queue.completion(of: receipt).state == .completed)
    }

    @Test("says why there is none")
    func failed() async throws {
        let queue = try queue()
        var receipts: [EnqueueReceipt] = []
        for number in [-1, -2, -3] { receipts.append(try await queue.enqueue(Sum(numbers: [number]))) }
        receipts.append(try await queue.enqueue(Sum(numbers: [4]), .retention(.none)))
        try await work(queue)
        let expected: [(SpanQueueError.Code, String)] = [
            (.jobFailed, "is dead: no sums of this kind"), (.jobFailed, "is cancelled: not wanted"),
            (.notFound, "without a result"), (.notFound, "is gone"),
        ]
        for (receipt, (code, text)) in zip(receipts, expected) {
            let error = await #expect(throws: SpanQueueError.self) {
                try await queue.result(of: receipt, as: Int.self, within: .seconds(50))
            }
            #expect(error?.code == code)
            #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
        }
    }

    @Test("ends at its limit, and with its task")
    func bounded() async throws {
        let (looked, look) = AsyncStream.makeStream(of: Int.self)
        let queue = try queue { look.yield($0) }
        let receipt = try await queue.enqueue(Sum(numbers: [1]))
        let error = await #expect(throws: SpanQueueError.self) {
            try await queue.completion(of: receipt, within: .milliseconds(30))
        }
        #expect(error?.code == .timeout)
        #expect(error?.message.contains("it is ready") == true)
        let waiting = Task { try await queue.completion(of: receipt, within: .seconds(3600)) }
        for await number in looked where number > 3 { break }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test("looks a dozen times in three seconds, then once a second")
    func pace() {
        var pace = LookingPace()
        var time = Duration.zero
        var looks = 0
        while time < .seconds(3) {
            time += pace.next()
            looks += 1
        }
        #expect(looks <= 13)
        #expect((0..<100).allSatisfy { _ in pace.next() == .seconds(1) })
    }
}

@Suite("Middleware round an enqueue")
struct EnqueueMiddlewareTests {
    private typealias Middleware =
        @Sendable (
            [EnqueueRequest], @Sendable ([EnqueueRequest]) async throws -> [EnqueueResult]
        ) async throws -> [EnqueueResult]

    private func queue(_ middleware: Middleware...) throws -> JobQueue {
        var configuration = JobQueueConfiguration()
        configuration.middleware = middleware
        return try JobQueue(engine: .inMemory(), configuration: configuration, telemetry: JobTelemetry())
    }

    private static func tagging(_ tag: String) -> Middleware {
        { requests, next in
            try await next(
                requests.map { request in
                    var request = request
                    request.options.append(.tags([tag]))
                    return request
                })
        }
    }

    @Test("sees every call, the first outermost, and may change what is enqueued")
    func changes() async throws {
        let seen = Mutex<[String]>([])
        let queue = try queue(
            { requests, next in
                let results = try await next(requests)
                seen.withLock { $0.append("\(requests.map(\.type)) \(results.count)") }
                return results
            }, Self.tagging("first"), Self.tagging("last"))
        let receipt = try await queue.enqueue(type: "a", payload: [])
        #expect(try await queue.job(receipt.id)?.message.tags == ["last"])
        let results = try await queue.enqueue([
            EnqueueRequest(type: "b", payload: []), EnqueueRequest(type: "not allowed", payload: []),
        ])
        #expect(results.count == 2)
        #expect(throws: SpanQueueError.self) { try results[1].get() }
        #expect(seen.withLock { $0 } == [#"["a"] 1"#, #"["b", "not allowed"] 2"#])
    }

    @Test("may keep jobs out, and must answer for each")
    func refuses() async throws {
        let keepsOut = try queue { requests, next in
            guard requests.allSatisfy({ $0.type != "secret" }) else { throw SpanQueueError(.denied, "not this one") }
            return try await next(requests)
        }
        let refusal = await #expect(throws: SpanQueueError.self) {
            try await keepsOut.enqueue(type: "secret", payload: [])
        }
        #expect(refusal?.code == .denied)
        #expect(try await keepsOut.counts().isEmpty)
        let forgets = try queue { requests, next in
            _ = try await next(requests)
            return []
        }
        let error = await #expect(throws: SpanQueueError.self) { try await forgets.enqueue(type: "t", payload: []) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.mayHaveRun == true)
    }
}

@Suite("What handlers and workers tell", .timeLimit(.minutes(1)))
struct TellingTests {
    @Test("progress that can't be stored fails no attempt, and comes with its end")
    func progress() async throws {
        let engine = ScriptedEngine { call, _ in
            if call == .report { throw SpanQueueError(.unavailable, "away") }
        }
        let queue = try engine.queue()
        let worker = try Worker(queue)
        let stored = Mutex<Bool?>(nil)
        try worker.handle("t") { _, context in
            let answer = await context.reportProgress(0.5, "half")
            stored.withLock { $0 = answer }
        }
        let receipt = try await queue.enqueue(type: "t", payload: [])
        try await worker.runOnce()
        #expect(stored.withLock { $0 } == false)
        let record = try #require(try await queue.job(receipt.id))
        #expect(record.state == .completed)
        #expect(record.run.progress == JobProgress(fraction: 0.5, note: "half"))
    }

    @Test("a snoozed job waits, is counted, and charges nothing")
    func snooze() async throws {
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        let worker = try Worker(queue)
        try worker.handle("t") { _, context in
            if context.claim.snoozes < 3 { throw JobError.snooze(for: .seconds(60)) }
        }
        let receipt = try await queue.enqueue(type: "t", payload: [], .maxRetries(0))
        let summary = try await worker.runAllDue(in: queue, advancing: clock)
        #expect(summary[.snoozed] == 3)
        #expect(summary[.completed] == 1)
        let record = try #require(try await queue.job(receipt.id))
        #expect(record.run.attempts == 1)
        #expect(record.run.snoozes == 3)
    }

    @Test("a worker that has no handler gives a job back at once to the live one that has")
    func givesBack() async throws {
        let queue = try JobQueue.testing()
        let receipt = try await queue.enqueue(type: "email:welcome", payload: [])
        let other = WorkerInfo(
            id: "other", host: "h", pid: 1, queues: ["default"], concurrency: 1, busy: 0,
            startedAt: Timestamp(milliseconds: 0), version: "1", types: ["email:*"])
        let engine = try await queue.engine
        for (queues, types, isAtOnce) in [
            (["other"], ["email:*"], false), (["default"], ["mail:*", "email"], false),
            (["default"], ["email:*"], true),
        ] {
            var info = other
            info.queues = queues
            info.types = types
            try await engine.announce(info, lifetime: .seconds(600))
            let worker = try Worker(queue)
            try worker.handle("demo:*") { _, _ in }
            let claimed = try #require(
                try await engine.claim(ClaimRequest(queue: "default", limit: 1, lease: .seconds(60), worker: worker.id))
                    .jobs.first)
            let peers = Peers(engine, besides: worker.id)
            #expect(await peers.handle(claimed.message.type, in: "default") == isAtOnce)
            #expect(await Peers(engine, besides: "other").handle(claimed.message.type, in: "default") == false)
            #expect(try await engine.settleAll([Settlement(claimed, .release)]) == [.settled])
        }
        let worker = try Worker(queue)
        try worker.handle("demo:*") { _, _ in }
        let run = Task { try await worker.run() }
        // Looks after 0, 100 and 200 ms; with a minute between them there would be one.
        try await eventually("three looks") {
            try await queue.job(receipt.id).map { $0.run.attemptRecords.count { $0.errorType != nil } >= 3 } ?? false
        }
        worker.drain()
        try await run.value
        let announced = try #require(try await queue.job(receipt.id))
        #expect(announced.run.attempts == 0)
    }

    @Test("a worker announces the types that it has handlers for")
    func announces() async throws {
        let seen = Mutex<[String]?>(nil)
        let engine = InMemoryEngine()
        let queue = try JobQueue(engine: EngineSource { _ in engine }, telemetry: JobTelemetry())
        let worker = try Worker(queue)
        try worker.handle("b") { _, _ in }
        try worker.handle("email:*") { _, _ in }
        let run = Task { try await worker.run() }
        try await eventually("an announcement") {
            let types = try await engine.workers().first?.types
            seen.withLock { $0 = types }
            return types != nil
        }
        worker.drain()
        try await run.value
        #expect(seen.withLock { $0 } == ["email:*", "b"])
    }

    @Test("the application hears of each dead letter, once the engine has it")
    func deaths() async throws {
        let (deaths, died) = AsyncStream.makeStream(of: JobRecord.self)
        let queue = try JobQueue.testing()
        var configuration = WorkerConfiguration()
        configuration.onDeath = { died.yield($0) }
        let worker = try Worker(queue, configuration)
        try worker.handle("t") { _, _ in throw JobError.permanent("never") }
        try worker.handle("fine") { _, _ in }
        try await queue.enqueue(type: "fine", payload: [])
        let receipt = try await queue.enqueue(type: "t", payload: [7])
        try await worker.runOnce()
        for await death in deaths {
            let stored = try #require(try await queue.job(receipt.id))
            #expect(stored.state == death.state && stored.attempts.map(\.number) == death.attempts.map(\.number))
            let (end, told) = (stored.attempts[0].endedAt, death.attempts[0].endedAt)
            #expect(abs(end.milliseconds - told.milliseconds) < 60_000)
            #expect(death.type == "t" && death.payload == [7] && death.state == .dead && death.attempt == 1)
            #expect(death.endReason == DeadReason.permanent.rawValue && death.lastError == "never")
            break
        }
    }
}
