// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueTesting
import Testing

@Suite("Options that are known only at run time")
struct OptionTests {
    private struct Greeting: Job {
        static let jobType = "greeting"
        static let options: [EnqueueOption] = [.priority(1)]
        var name = "you"
    }

    @Test("are passed as an array wherever they are passed one by one")
    func arrays() async throws {
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        var options: [EnqueueOption] = [.queue("mail")]
        options.append(.tags(["ann+work@example.com", "#1", "a=b"]))
        var ids = [
            try await queue.enqueue(Greeting(), options).id,
            try await queue.enqueue(type: "greeting", payload: [], options).id,
            try await queue.enqueue(EnqueueRequest(Greeting(), options)).id,
        ]
        for result in try await queue.enqueue([Greeting()], options) { ids.append(try result.get().id) }
        for id in ids {
            let message = try #require(try await queue.job(id, in: "mail")).message
            #expect(message.tags == ["ann+work@example.com", "#1", "a=b"])
        }
        #expect(try await queue.job(ids[0])?.message.priority == 1)
    }

    @Test("take dates, and a retention by its duration")
    func dates() async throws {
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        let date = Date().addingTimeInterval(3600)
        let receipt = try await queue.enqueue(
            Greeting(), .runAt(date), .deadline(date + 60), .retention(for: .seconds(5)))
        let message = try #require(try await queue.job(receipt.id)).message
        #expect(message.runAt == Timestamp(date) && message.deadline == Timestamp(date + 60))
        #expect(message.retention == .duration(.seconds(5)))
    }

    @Test("a retention of zero keeps no record, and that of the worker holds where there is none")
    func retention() async throws {
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        let worker = try Worker(queue)
        try worker.handle(Greeting.self) { _, _ in }
        let ids = [
            try await queue.enqueue(Greeting(), .retention(for: .zero)).id,
            try await queue.enqueue(Greeting(), .retention(for: nil)).id,
        ]
        try await worker.runOnce()
        #expect(try await queue.job(ids[0]) == nil)
        #expect(try await queue.job(ids[1])?.state == .completed)
    }

    @Test("jobs are listed over as many pages as there are, and nothing is listed of what has no such order")
    func listing() async throws {
        let queue = try JobQueue(engine: .inMemory(), telemetry: JobTelemetry())
        var ids: [JobID] = []
        for result in try await queue.enqueue(Array(repeating: Greeting(), count: 250), .queue("many")) {
            ids.append(try result.get().id)
        }
        var listed: [JobID] = []
        for try await job in queue.jobs(.ready, in: "many") { listed.append(job.id) }
        #expect(listed == ids)
        for try await job in queue.jobs(.dead, in: "many", newestFirst: true) { Issue.record("\(job.id) is dead") }
        await #expect(throws: SpanQueueError.self) {
            for try await _ in queue.jobs(.ready, in: "many", newestFirst: true) {}
        }
    }

    @Test("queues and settings of a worker")
    func worker() {
        let weights = ["b": 2, "a": 1]
        var configuration = WorkerConfiguration(concurrency: 3, queues: weights)
        #expect(configuration.queues == weights && configuration.strictQueues.isEmpty)
        #expect(configuration.selection == .weighted([("a", 1), ("b", 2)]))
        configuration.strictQueues = ["b", "a"]
        #expect(configuration.queues.isEmpty && configuration.strictQueues == ["b", "a"])
        #expect(configuration.selection == .strict(["b", "a"]))
        configuration.queues = ["c": 1]
        #expect(configuration.strictQueues.isEmpty && configuration.selection == ["c": 1])
        let all = WorkerConfiguration(queues: weights, drainTimeout: .seconds(1), maxReclaims: 5)
        #expect(all.maxReclaims == 5 && all.drainTimeout == .seconds(1) && all.lease == .seconds(30))
        #expect(WorkerConfiguration().unknownTypeDelay == .seconds(60))
    }

    @Test("an id in the source is checked where it stands")
    func literals() async throws {
        let id: JobID = "order:4711@shop"
        #expect(id.description == "order:4711@shop")
        await #expect(processExitsWith: .failure) {
            let bad: JobID = "two words"
            _ = bad
        }
    }

    @Test("what is out of bounds is told in the units that people write")
    func messages() {
        for (option, text) in [
            (.delay(.seconds(-5)), "delay -5s: use 0s to 10 years"),
            (.delay(.seconds(3_153_600_000)), "delay 36500d: use 0s to 10 years"),
            (.timeout(.zero), "timeout 0s: use 1ms to 10 years"),
            (.unique(for: .milliseconds(-1500)), "unique span -1500ms: use 1ms to 10 years"),
            (.retention(for: .seconds(3_153_600_000)), "retention 36500d: use 1ms to 10 years"),
        ] as [(EnqueueOption, String)] {
            let error = #expect(throws: SpanQueueError.self) {
                try EnqueueRequest(type: "a", payload: [], options: [option]).validate()
            }
            #expect(error?.message == text)
        }
    }
}
