// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting
import Testing

struct WelcomeEmail: Job {
    static let jobType = "email:welcome"
    var userID: Int
}

func signUp(userID: Int, on queue: JobQueue) async throws {
    try await queue.enqueue(WelcomeEmail(userID: userID), .delay(.seconds(3600)), .uniqueUntilFinished())
}

actor Outbox {
    var users: [Int] = []
    func add(_ user: Int) { users.append(user) }
}

@Test("a sign-up enqueues one welcome")
func enqueues() async throws {
    let queue = try JobQueue.testing()
    try await signUp(userID: 42, on: queue)
    try await signUp(userID: 42, on: queue)
    #expect(try await queue.enqueued(WelcomeEmail.self).map(\.userID) == [42])
}

@Test("the welcome is sent after an hour")
func sends() async throws {
    let clock = ManualClock()
    let queue = try JobQueue.testing(clock: clock)
    let outbox = Outbox()
    let worker = try Worker(queue)
    try worker.handle(WelcomeEmail.self) { email, _ in await outbox.add(email.userID) }

    try await signUp(userID: 42, on: queue)
    try await worker.runOnce()
    #expect(await outbox.users.isEmpty)

    clock.advance(by: .seconds(3600))
    try await worker.runOnce()
    #expect(await outbox.users == [42])
}

@Test("a welcome that fails is tried again, and then a dead letter")
func fails() async throws {
    let clock = ManualClock()
    let queue = try JobQueue.testing(clock: clock)
    let worker = try Worker(queue)
    try worker.handle(WelcomeEmail.self) { _, _ in throw JobError.retry(after: .seconds(60), "no mail server") }

    let job = try await queue.enqueue(WelcomeEmail(userID: 42), .maxRetries(2))
    let summary = try await worker.runAllDue(in: queue, advancing: clock)
    #expect(summary[.retried] == 2)
    #expect(summary[.buried] == 1)

    let record = try await queue.job(job.id)
    #expect(record?.state == .dead)
    #expect(record?.lastError == "no mail server")
}

@Test("a welcome without a mail server is tried again, and not forever")
func attempts() async throws {
    let worker = try Worker(try JobQueue.testing())
    try worker.handle(WelcomeEmail.self) { _, _ in throw JobError.retry(after: .seconds(60), "no mail server") }

    let second = try await worker.perform(WelcomeEmail(userID: 42), .maxRetries(4), attempt: 2)
    #expect(second.state == .retrying)
    let last = try await worker.perform(WelcomeEmail(userID: 42), .maxRetries(4), attempt: 5)
    #expect(last.state == .dead)
}
