// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting
import Synchronization
import Testing

@Suite("Helpers for applications' tests")
struct HelperTests {
    struct WelcomeEmail: Job, Equatable {
        static let jobType = "email:welcome"
        var userID: Int
    }

    @Test("the jobs that wait can be read back as values, ready ones first")
    func enqueued() async throws {
        let queue = try JobQueue.testing(clock: ManualClock())
        try await queue.enqueue(WelcomeEmail(userID: 2), .delay(.hours(1)))
        try await queue.enqueue(WelcomeEmail(userID: 1), .queue("critical"))
        try await queue.enqueue(type: "other", payload: [])
        #expect(try await queue.enqueued(WelcomeEmail.self) == [WelcomeEmail(userID: 1), WelcomeEmail(userID: 2)])
        #expect(try await queue.enqueued(WelcomeEmail.self, in: "critical") == [WelcomeEmail(userID: 1)])
    }

    @Test("delays and retries run inline when the clock is a manual one")
    func runAllDue() async throws {
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        let worker = try Worker(queue)
        try worker.handle(WelcomeEmail.self) { email, context in
            if context.attempt < email.userID { throw JobError.retry(after: .minutes(10)) }
        }
        let start = clock.now
        let id = try await queue.enqueue(WelcomeEmail(userID: 3), .delay(.hours(2))).id
        try await queue.enqueue(WelcomeEmail(userID: 1), .delay(.hours(48)))
        let summary = try await worker.runAllDue(in: queue, advancing: clock)
        #expect(summary[.completed] == 1)
        #expect(summary[.retried] == 2)
        #expect(clock.now - start == .hours(2) + .minutes(20))
        #expect(try await queue.job(id)?.state == .completed)
        #expect(try await queue.enqueued(WelcomeEmail.self) == [WelcomeEmail(userID: 1)])
    }

    // MARK: One attempt

    private struct Trouble: Error, CustomStringConvertible { var description: String { "no mail server" } }

    private func worker() throws -> Worker {
        let worker = try Worker(try JobQueue.testing())
        try worker.handle(WelcomeEmail.self) { email, context in
            await context.reportProgress(0.5, "half")
            switch email.userID {
            case 0: throw Trouble()
            case 1: throw JobError.permanent("no such user")
            case 2: throw JobError.cancel("not wanted")
            case 3: throw JobError.snooze(for: .minutes(1))
            default:
                try context.setResult("\(email.userID) \(context.attempt) of \(context.maxAttempts) \(context.tags)")
            }
        }
        return worker
    }

    @Test("a handler runs once for a job that is in no queue, and what becomes of the job is told")
    func perform() async throws {
        let worker = try worker()
        let done = try await worker.perform(WelcomeEmail(userID: 42), .tags(["vip"]), .maxRetries(4), attempt: 3)
        #expect(done.state == .completed)
        #expect(try done.result(as: String.self) == #"42 3 of 5 ["vip"]"#)
        #expect(done.progress == 0.5 && done.progressNote == "half")
        #expect(done.attempts.map(\.outcome) == [.completed])
        for (user, attempt, state, outcome, error) in [
            (0, 1, JobState.retrying, AttemptOutcome.retried, "no mail server"),
            (0, 26, .dead, .buried, "no mail server"),
            (1, 1, .dead, .buried, "no such user"), (2, 1, .cancelled, .cancelled, nil),
            (3, 1, .retrying, .snoozed, nil),
        ] as [(Int, Int, JobState, AttemptOutcome, String?)] {
            let job = try await worker.perform(WelcomeEmail(userID: user), attempt: attempt)
            #expect(job.state == state)
            #expect(job.attempts.map(\.outcome) == [outcome])
            #expect(job.attempts.map(\.number) == [attempt])
            #expect(job.lastError == error)
            #expect((job.dueAt != nil) == (state == .retrying))
        }
        #expect(try await worker.perform(type: "email:welcome", payload: Array("{}".utf8)).endReason == "decode_error")
    }

    @Test("it runs inside the middleware; what has no handler or can't be enqueued is refused")
    func performBounds() async throws {
        let worker = try worker()
        let seen = Mutex<[Int]>([])
        try worker.use { context, next in
            seen.withLock { $0.append(context.attempt) }
            try await next()
        }
        try await worker.perform(WelcomeEmail(userID: 42), attempt: 7)
        #expect(seen.withLock { $0 } == [7])
        for (type, attempt, code) in [
            ("other", 1, SpanQueueError.Code.invalidState), ("email:welcome", 0, .invalidArgument),
        ] {
            let error = await #expect(throws: SpanQueueError.self) {
                try await worker.perform(type: type, payload: [], attempt: attempt)
            }
            #expect(error?.code == code)
        }
    }

    @Test("a handler can be called with a context that the test makes")
    func context() async throws {
        let context = try JobContext.testing(type: "email:welcome", .queue("mail"), .maxRetries(1), attempt: 2)
        #expect(context.type == "email:welcome" && context.queue == "mail")
        #expect(context.attempt == 2 && context.maxAttempts == 2)
        #expect(context.reportedProgress == nil && context.resultBytes == nil)
        #expect(await context.reportProgress(0.25, "a quarter"))
        try context.setResult(bytes: [7])
        #expect(context.reportedProgress == 0.25 && context.reportedProgressNote == "a quarter")
        #expect(context.resultBytes == [7])
        #expect(throws: SpanQueueError.self) { try JobContext.testing(.queue("not allowed")) }
    }
}
