// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@Suite("counts of errors")
struct ErrorTests {
    private func error(_ fingerprint: UInt64, _ count: Int = 1) -> ErrorCount {
        ErrorCount(
            fingerprint: fingerprint, jobType: "mail:welcome", errorType: "Refused", masked: "nul \0, \\ and ‹n›",
            count: count)
    }

    @Test("counts add up by group, the first time stays and the last one moves", arguments: EngineUnderTest.direct)
    func sums(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try #require(bench.engine as? any ErrorStore)
            _ = try await bench.accept()
            try await store.add([error(1, 3), error(.max)], to: bench.queue, version: "1")
            let before = try #require(try await store.errors(in: bench.queue).first { $0.fingerprint == 1 })
            try await bench.pass(.milliseconds(5))
            try await store.add([error(1, 4)], to: bench.queue, version: "2")
            let groups = try await store.errors(in: bench.queue)
            let after = try #require(groups.first { $0.fingerprint == 1 })
            #expect(groups.count == 2 && groups.contains { $0.fingerprint == .max && $0.count == 1 })
            #expect(before.count == 3 && before.firstSeen == before.lastSeen && before.version == "1")
            #expect(after.count == 7 && after.firstSeen == before.firstSeen && after.lastSeen > before.lastSeen)
            #expect(after.jobType == "mail:welcome" && after.errorType == "Refused" && after.version == "2")
            #expect(after.masked == "nul \0, \\ and ‹n›" && after.queue == bench.queue)
            #expect(try await store.errors(in: "never-was").isEmpty)
        }
    }

    @Test("a queue without jobs is deleted with its counts", arguments: EngineUnderTest.direct)
    func deleted(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let store = try #require(bench.engine as? any ErrorStore)
            try await bench.settle(bench.acceptAndClaim(bench.job(retention: .none)), .complete)
            try await store.add([error(1)], to: bench.queue, version: "1")
            #expect(try await bench.engine.delete(bench.queue))
            #expect(try await store.errors(in: bench.queue).isEmpty)
            // One of the same name knows nothing of them.
            _ = try await bench.accept()
            #expect(try await store.errors(in: bench.queue).isEmpty)
        }
    }
}
