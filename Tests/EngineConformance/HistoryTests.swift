// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("history")
struct HistoryTests {
    @Test("every attempt is told, with its moments, worker, outcome and error", arguments: EngineUnderTest.all)
    func told(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept(bench.job(schedule: .after(.milliseconds(20))))
            try await bench.pass(.milliseconds(60))
            let first = try await bench.claimOne(worker: "worker-1")
            try await bench.pass(.milliseconds(20))
            try await bench.settle(first, .retry(after: .milliseconds(30)), error: "first")
            try await bench.pass(.milliseconds(80))
            let second = try await bench.claimOne(worker: "worker-2")
            try await bench.settle(second, .release)
            let third = try await bench.claimOne(worker: "worker-3")
            try await bench.settle(third, .bury(.attemptsExhausted), error: "last")

            let record = try await bench.record(id)
            let attempts = record.run.attemptRecords
            #expect(attempts.map(\.number) == [1, 2, 2])
            #expect(attempts.map(\.worker) == ["worker-1", "worker-2", "worker-3"])
            #expect(attempts.map(\.outcome) == [.retried, .released, .buried])
            #expect(attempts.map(\.token) == [first, second, third].map(\.reference.token))
            #expect(attempts.map(\.claimedAt) == [first, second, third].map(\.claimedAt))
            #expect(attempts.map(\.retryDelay) == [.milliseconds(30), nil, nil])
            #expect(attempts.map(\.reason) == [nil, nil, "attempts_exhausted"])
            #expect(attempts.map(\.error) == ["first", nil, "last"])
            #expect(attempts.map(\.errorType) == ["TestError", nil, "TestError"])
            let eligible = [record.message.runAt, attempts[0].endedAt + .milliseconds(30), attempts[1].endedAt]
            #expect(attempts.map(\.eligibleAt) == eligible)
            #expect(first.wait == first.claimedAt - first.eligibleAt)
            let tokens = [first, second, third].map(\.reference.token)
            #expect([first, second, third].map(\.previous) == [nil, tokens[0], tokens[1]])
            #expect([first, second, third].map(\.heldFor) == [.zero, .zero, .zero])
            #expect(record.run.lastError == "last")
            #expect(record.run.droppedEvents == 0)
        }
    }

    @Test("a long history keeps its first and its latest events, and counts the rest", arguments: EngineUnderTest.all)
    func bounded(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept(bench.job(maxRetries: 100))
            for number in 1...40 {
                try await bench.settle(try await bench.claimOne(), .retry(after: .zero), error: "error \(number)")
            }
            let run = try await bench.record(id).run
            #expect(run.attempts == 40)
            #expect(run.history.count == Limits.historyEvents)
            #expect(run.droppedEvents == 40 - Limits.historyEvents)
            #expect(run.attemptRecords.first?.number == 1)
            #expect(run.attemptRecords.dropFirst().map(\.number) == Array(10...40))
        }
    }

    @Test("what the engine adds to a full history drops what is older", arguments: EngineUnderTest.all)
    func full(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let id = try await bench.accept(bench.job(maxRetries: 100))
            for _ in 1...32 { try await bench.settle(try await bench.claimOne(), .retry(after: .zero)) }
            _ = try await bench.claimOne(lease: .milliseconds(30))
            try await bench.pass(.milliseconds(60))
            _ = try await bench.reclaim()
            #expect(try await bench.perform(.bury(reason: "enough"), on: id) == .done(.dead))
            let run = try await bench.record(id).run
            #expect(run.history.count == Limits.historyEvents)
            #expect(run.droppedEvents == 2)
            #expect(run.endReason == "enough")
            #expect(run.attemptRecords.first?.number == 1)
        }
    }
}
