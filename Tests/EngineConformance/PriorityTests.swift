// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("priority")
struct PriorityTests {
    @Test("higher priorities are claimed first, equal ones in the order of arrival", arguments: EngineUnderTest.all)
    func order(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let priorities = [0, 5, 9, 5, 0, 1, 9]
            let ids = try await bench.accept(priorities.map { bench.job(priority: $0) })
            let expected = [2, 6, 1, 3, 5, 0, 4].map { ids[$0] }
            #expect(try await bench.ids(.ready, page: 3) == expected)
            #expect(try await bench.claim(3).jobs.map(\.message.id) == Array(expected.prefix(3)))
            #expect(try await bench.claim().jobs.map(\.message.id) == Array(expected.dropFirst(3)))
        }
    }

    @Test("a released job is the first of its priority, not of the queue", arguments: EngineUnderTest.all)
    func released(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let first = try await bench.acceptAndClaim(bench.job(priority: 2))
            let others = try await bench.accept([bench.job(priority: 2), bench.job(priority: 3), bench.job()])
            try await bench.settle(first, .release)
            #expect(try await bench.ids(.ready) == [others[1], first.message.id, others[0], others[2]])
        }
    }

    @Test("jobs released or taken back together keep their order at the head", arguments: EngineUnderTest.all)
    func together(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for priority in [4, 0] {
                let ids = try await bench.accept((0..<5).map { _ in bench.job(priority: priority) })
                let claimed = try await bench.claim(3).jobs
                let outcomes = try await bench.engine.settleAll(claimed.map { bench.settlement(of: $0, .release) })
                #expect(outcomes == [.settled, .settled, .settled])
                #expect(try await bench.ids(.ready) == ids)

                _ = try await bench.claim(1, lease: .milliseconds(50))
                _ = try await bench.claim(1, lease: .milliseconds(60))
                try await bench.pass(.milliseconds(120))
                #expect(try await bench.reclaim().count == 2)
                #expect(try await bench.ids(.ready) == ids)
                for job in try await bench.claim().jobs { try await bench.settle(job, .complete) }
            }
        }
    }

    @Test("a retry keeps its priority", arguments: EngineUnderTest.all)
    func retried(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let urgent = try await bench.acceptAndClaim(bench.job(priority: 7))
            try await bench.settle(urgent, .retry(after: .milliseconds(10)))
            let plain = try await bench.accept()
            try await bench.pass(.milliseconds(50))
            #expect(try await bench.claim().jobs.map(\.message.id) == [urgent.message.id, plain])
        }
    }
}
