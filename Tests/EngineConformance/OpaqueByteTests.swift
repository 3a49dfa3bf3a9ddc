// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Testing

@Suite("opaque bytes")
struct OpaqueByteTests {
    static let payloads: [[UInt8]] = [
        [], [0], [0, 0, 10, 13, 0], [0xFF, 0xFE, 0xC0, 0x80], Array(0...255), Array("{\"a\":\"ü\"}".utf8),
        (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) },
    ]

    @Test("a payload comes back as it went in, from a claim and from an inspection", arguments: EngineUnderTest.all)
    func payloads(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            for payload in Self.payloads {
                for priority in [0, 3] {
                    let claimed = try await bench.acceptAndClaim(bench.job(payload: payload, priority: priority))
                    #expect(claimed.message.payload == payload)
                    #expect(try await bench.record(claimed.message.id).message.payload == payload)
                    try await bench.settle(claimed, .complete, result: Array(payload.prefix(65_536)))
                    #expect(try await bench.record(claimed.message.id).run.result == Array(payload.prefix(65_536)))
                }
            }
        }
    }

    @Test("texts of any kind come back as they went in", arguments: EngineUnderTest.all)
    func texts(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            let texts = [
                "", "a\0b", "\r\n*3\r\n$3\r\n", "💥👩‍👩‍👧 é", String(repeating: "ü", count: Limits.errorBytes / 2),
                "\u{FFFD}",
            ]
            for text in texts {
                let claimed = try await bench.acceptAndClaim(lease: .seconds(60))
                let progress = JobProgress(fraction: 1, note: text)
                #expect(try await bench.engine.report(progress, on: claimed))
                let report = AttemptReport(errorType: "TestError", error: text, progress: progress)
                let settlement = Settlement(claimed, .cancel(reason: text), report)
                #expect(try await bench.engine.settleAll([settlement]) == [.settled])
                let record = try await bench.record(claimed.message.id)
                let attempt = try #require(record.run.attemptRecords.first)
                #expect(attempt.error == Excerpt.bounded(text, bytes: Limits.historyErrorBytes))
                #expect(attempt.reason == text)
                #expect(record.run.lastError == text)
                #expect(record.run.progress?.note == text)
                // A reason that a person gives ends at a NUL: `JobQueue` takes none.
                guard !text.utf8.contains(0) else { continue }
                let waiting = try await bench.accept()
                #expect(try await bench.perform(.cancel(reason: text), on: waiting) == .done(.cancelled))
                #expect(try await bench.record(waiting).run.endReason == text)
            }
        }
    }

    @Test("the message carries its trace to the worker", arguments: EngineUnderTest.all)
    func trace(subject: EngineUnderTest) async throws {
        try await subject.run { bench in
            var job = bench.job(priority: 1, unique: bench.lock(0, .untilFinished), digest: 0)
            let trace = job.message.trace
            job.message.trace = TraceContext(
                traceID: trace.traceID, spanID: trace.spanID, flags: trace.flags, traceState: "a=1,b=2",
                baggage: "user=%C3%BC"
            )
            let claimed = try await bench.acceptAndClaim(job)
            #expect(claimed.message.trace == job.message.trace)
            #expect(claimed.message.unique == job.message.unique)
        }
    }
}
