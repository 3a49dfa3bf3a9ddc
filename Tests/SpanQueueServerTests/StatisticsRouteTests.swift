// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueAdmin
import SpanQueueServer
import SpanQueueTesting
import Testing

@Suite("GET /stats", .timeLimit(.minutes(1)))
struct StatisticsRouteTests {
    @Test("it has depths, totals, ages, pauses and workers, of each queue and together")
    func all() async throws {
        let clock = ManualClock()
        let engine = InMemoryEngine(clock: clock)
        let queue = try JobQueue(engine: EngineSource { _ in engine })
        try await queue.enqueue(type: "t", payload: [], .queue("a/b".replacing("/", with: ".")))
        let id = try await queue.enqueue(type: "t", payload: [], .queue("mail")).id
        try await queue.cancel(id, in: "mail")
        try await queue.pause("mail")
        clock.advance(by: .milliseconds(1500))
        try await engine.announce(
            WorkerInfo(
                id: "w", host: "h", pid: 1, queues: ["mail"], concurrency: 1, busy: 0, startedAt: clock.now,
                version: "1"), lifetime: .seconds(10))
        try await ServerUnderTest.run(queue: queue) { test async throws in
            let answer = try #require(try await test.request("/stats"))
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json")
            let none = #""active":0,"cancelled":0,"completed":0,"dead":0,"held":0,"ready":0,"retrying":0,"scheduled":0"#
            let both = none.replacing(#""ready":0"#, with: #""ready":1"#).replacing(
                #""cancelled":0"#, with: #""cancelled":1"#)
            #expect(
                answer.text == """
                    {"jobs":{\(both)},"omitted_queues":0,"queues":[\
                    {"active":0,"cancelled":0,"completed":0,"dead":0,"held":0,"name":"a.b",\
                    "oldest_ready_age_seconds":1.5,"paused":false,"ready":1,"retrying":0,"scheduled":0,\
                    "totals":{"cancelled":0,"completed":0,"dead":0,"enqueued":1,"removed":0},"workers_alive":0},\
                    {"active":0,"cancelled":1,"completed":0,"dead":0,"held":0,"name":"mail",\
                    "oldest_ready_age_seconds":null,"paused":true,"ready":0,"retrying":0,"scheduled":0,\
                    "totals":{"cancelled":1,"completed":0,"dead":0,"enqueued":1,"removed":0},"workers_alive":1}],\
                    "totals":{"cancelled":1,"completed":0,"dead":0,"enqueued":2,"removed":0},"workers_alive":1}

                    """)
        }
    }

    @Test("what it says of all together is of all queues, also of those that it does not show")
    func many() async throws {
        let queue = try JobQueue.testing()
        let requests = (0..<1_500).map { EnqueueRequest(type: "t", payload: [], options: [.queue("q\($0)")]) }
        _ = try await queue.enqueue(requests)
        let statistics = try await Admin(queue).stats()
        #expect(statistics.queues.count == 240 && statistics.omittedQueues == 1_260)
        #expect(statistics.jobs[.ready] == 1_500 && statistics.totals.enqueued == 1_500)
    }

    @Test("an engine that fails is a 503 in one line")
    func failure() async throws {
        let queue = try JobQueue(engine: EngineSource { _ in FailingEngine() })
        try await ServerUnderTest.run(queue: queue) { test async throws in
            let answer = try #require(try await test.request("/stats"))
            #expect(answer.status == 503)
            #expect(answer.text == "redis://localhost: connection refused second line\n")
        }
    }
}
