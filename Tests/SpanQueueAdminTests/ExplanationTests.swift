// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import SpanQueueTesting
import Testing

@Suite("Explanations", .timeLimit(.minutes(1)))
struct ExplanationTests {
    private let clock = ManualClock()
    private let queue: JobQueue
    private let admin: Admin

    init() throws {
        queue = try JobQueue.testing(clock: clock)
        admin = Admin(queue)
    }

    private func codes(_ id: JobID) async throws -> [String] { try await admin.explain(id).reasons.map(\.code) }

    private func announce(_ id: String = "w-1", busy: Int, of slots: Int, types: [String] = []) async throws {
        try await queue.engine.announce(
            WorkerInfo(
                id: id, host: "h", pid: 1, queues: ["mail"], concurrency: slots, busy: busy, startedAt: clock.now,
                version: "1", types: types), lifetime: .seconds(600))
    }

    @Test("a ready job: paused, without workers, behind others, next")
    func ready() async throws {
        try await queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
        #expect(try await codes("a") == ["no_worker"])
        try await queue.pause("mail")
        #expect(try await codes("a") == ["queue_paused", "no_worker"])
        #expect(try await admin.explain("a").verdict == "a is ready: queue mail is paused (0ms ago)")
        #expect(try await admin.explain("a").reasons.first?.command == "spanq queue resume mail")
        try await announce(busy: 4, of: 4)
        #expect(try await codes("a") == ["queue_paused", "workers_full"])
        try await queue.resume("mail")
        try await announce(busy: 3, of: 4)
        #expect(try await codes("a") == ["next"])
        try await queue.enqueue(type: "t", payload: [], .id("b"), .queue("mail"))
        #expect(try await codes("b") == ["behind"])
    }

    @Test("a job for whose type nobody has a handler, as far as all workers have said which they have")
    func withoutHandler() async throws {
        try await queue.enqueue(type: "email:welcome", payload: [], .id("a"), .queue("mail"))
        try await announce(busy: 0, of: 1, types: ["image:*", "email:receipt"])
        #expect(try await codes("a") == ["no_handler"])
        #expect(
            try await admin.explain("a").verdict
                == "a is ready: the live worker of queue mail has no handler for type email:welcome")
        #expect(try await admin.explain(queue: "mail").reasons.isEmpty)
        try await announce("w-2", busy: 1, of: 1, types: ["charge:card"])
        #expect(
            try await admin.explain("a").verdict
                == "a is ready: none of the 2 live workers of queue mail has a handler for type email:welcome")
        try await announce(busy: 1, of: 1, types: ["image:*"])
        #expect(try await codes("a") == ["no_handler", "workers_full"])
        // One has it; one may have it, since it has said as many as are announced; one has not said.
        for types in [["email:*"], (0..<200).map { "t\($0)" }, []] {
            try await announce("w-2", busy: 0, of: 1, types: types)
            #expect(try await codes("a") == ["next"], "\(types.first ?? "none")")
        }
    }

    @Test("a job of no type that is handled is put off, and says why")
    func putOff() async throws {
        try await queue.enqueue(type: "email:welcome", payload: [], .id("a"), .queue("mail"))
        let worker = try Worker(queue, WorkerConfiguration(queues: ["mail": 1]))
        try worker.handle("image:*") { _, _ in }
        _ = try await worker.runOnce()
        try await announce(busy: 0, of: 1, types: ["image:*"])
        #expect(try await codes("a") == ["retry_delay", "no_handler"])
        let verdict = try await admin.explain("a").verdict
        #expect(verdict.hasPrefix("a is retrying: it was put off (this worker has no handler for email:welcome"))
        #expect(verdict.contains(", and is looked at again in 1m0s, at "))
    }

    @Test("what it calls next is what the next claim takes, and nothing is claimed from what it calls paused")
    func agreement() async throws {
        try await announce(busy: 0, of: 1)
        try await queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
        try await queue.enqueue(type: "t", payload: [], .id("later"), .queue("mail"), .delay(.seconds(5)))
        #expect(try await codes("a") == ["next"])
        try await queue.pause("mail")
        let worker = try Worker(queue, WorkerConfiguration(queues: ["mail": 1]))
        try worker.handle("t") { _, _ in }
        #expect(try await worker.runOnce()[.completed] == 0)
        #expect(try await codes("a") == ["queue_paused"])
        try await queue.resume("mail")
        #expect(try await worker.runOnce()[.completed] == 1)
        #expect(try await codes("a") == ["ended"])
        #expect(try await codes("later") == ["not_due"])
    }

    @Test("a job that waits for its time, one whose deadline has passed, and what has ended")
    func others() async throws {
        try await announce(busy: 0, of: 1)
        try await queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"), .delay(.seconds(90)))
        #expect(try await admin.explain("a").verdict.hasPrefix("a is scheduled: it is due in 1m30s, at 2"))
        try await queue.enqueue(type: "t", payload: [], .id("old"), .queue("mail"), .deadline(after: .seconds(5)))
        clock.advance(by: .seconds(95))
        #expect(try await codes("a") == ["behind"])
        #expect(try await codes("old") == ["deadline_passed", "next"])
        try await queue.bury("old", reason: "bad")
        #expect(try await admin.explain("old").verdict == "old is dead: it died 0ms ago (bad)")
        #expect(try await admin.explain("old").reasons.first?.command == "spanq job redrive old")
        try await queue.cancel("a", reason: "why")
        #expect(try await admin.explain("a").verdict == "a is cancelled: it was cancelled 0ms ago (why)")
        await #expect(throws: SpanQueueError.self) { try await admin.explain("none") }
    }

    @Test("a job that runs")
    func active() async throws {
        try await queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
        let request = ClaimRequest(queue: "mail", limit: 1, lease: .seconds(30), worker: "w-1")
        _ = try await queue.engine.claim([request])
        clock.advance(by: .seconds(10))
        let explanation = try await admin.explain("a")
        #expect(explanation.reasons.map(\.code) == ["running"])
        #expect(explanation.verdict.hasSuffix("runs on w-1 since 10s; its lease lasts another 20s"))
        try await queue.cancel("a")
        #expect(try await codes("a") == ["running", "cancel_requested"])
        clock.advance(by: .seconds(60))
        #expect(try await admin.explain("a").verdict.contains("its lease ran out 40s ago"))
    }

    @Test("a queue")
    func queues() async throws {
        try await queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
        try await queue.pause("mail")
        let explanation = try await admin.explain(queue: "mail")
        #expect(
            try AdminJSON.line(explanation) == """
                {"id":null,"queue":"mail","reasons":[\
                {"code":"queue_paused","command":"spanq queue resume mail","detail":"queue mail is paused (0ms ago)"},\
                {"code":"no_worker","command":"spanq worker list","detail":"no live worker serves queue mail"}],\
                "state":null,"verdict":"mail: queue mail is paused (0ms ago)"}
                """)
        try await queue.resume("mail")
        try await announce(busy: 0, of: 1)
        #expect(try await admin.explain(queue: "mail").verdict == "mail: nothing keeps its jobs")
        await #expect(throws: SpanQueueError.self) { try await admin.explain(queue: "mial") }
    }
}
