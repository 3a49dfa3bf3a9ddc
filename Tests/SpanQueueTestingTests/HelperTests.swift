// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting
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
}
