// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueAdmin
import SpanQueueTesting
import Testing

@Suite("Groups of errors", .timeLimit(.minutes(1)))
struct ErrorTests {
    private struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    @Test("what a worker's attempts failed of is known when it has ended, and its jobs are found by it")
    func worker() async throws {
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        for number in 0..<3 {
            _ = try await queue.enqueue(
                type: "charge", payload: Array("\(number)".utf8), .id(try JobID("job-\(number)")), .queue("mail"),
                .maxRetries(number == 2 ? 0 : 1))
        }
        let worker = try Worker(queue, WorkerConfiguration(queues: ["mail": 1]))
        try worker.handle("charge") { payload, _ in
            throw Refused(
                description: payload == Array("2".utf8) ? "no such card" : "refused after 7\(payload) ms")
        }
        try await worker.runAllDue(in: queue, advancing: clock)
        let admin = Admin(queue)
        let page = try await admin.errors(in: "mail", limit: 10)
        let counts = page.errors.map { "\($0.type) \($0.errorType) \($0.message) \($0.count)" }.sorted()
        #expect(counts == ["charge Refused no such card 1", "charge Refused refused after ‹n›[‹n›] ms 4"])
        let group = try #require(page.errors.first { $0.count == 4 })
        let fingerprint = try JobFilter.fingerprint(try #require(group.fingerprint))
        #expect(try await admin.error(fingerprint).count == 4)
        let found = try await admin.search(JobFilter(fingerprint: fingerprint), limit: 10)
        #expect(Set(found.jobs.map(\.message.id)) == ["job-0", "job-1"])
        #expect(found.jobs.allSatisfy { $0.state == .dead && JobView($0).errorFingerprint == group.fingerprint })
        #expect(try await admin.errors(in: "mail", type: "other", limit: 10).errors.isEmpty)
        let cut = try await admin.errors(limit: 1)
        #expect(cut.errors.count == 1 && cut.more == 1)
        await #expect(throws: SpanQueueError.self) { try await admin.errors(in: "mial", limit: 1) }
        await #expect(throws: SpanQueueError.self) { try await admin.error(1) }
    }
}
