// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import Testing

@testable import SpanQueue

@Suite("The span of a lost attempt")
struct ReclaimedSpanTests {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    private static func record(
        _ number: Int, _ outcome: AttemptOutcome, token: Int64, eligibleAt: Timestamp = now
    ) -> AttemptRecord {
        AttemptRecord(
            number: number, token: FencingToken(value: token, nonce: 7), worker: "w\(token)", eligibleAt: eligibleAt,
            claimedAt: eligibleAt + .seconds(2), endedAt: eligibleAt + .seconds(9), outcome: outcome)
    }

    private static func job(
        sampled: Bool = true, _ history: [AttemptRecord]
    ) -> ReclaimedJob {
        let trace = TraceContext(
            traceID: .random(), spanID: .random(), flags: sampled ? 1 : 0)
        let message = JobMessage(
            id: "job", queue: "q", type: "t", payload: [], priority: 0, maxRetries: 3, backoff: nil, timeout: nil,
            deadline: nil, unique: nil, retention: .standard, tags: [], trace: trace, runAt: nil,
            enqueuedAt: now + .seconds(-1), contentDigest: nil)
        var run = RunRecord()
        for record in history { run.append(.attempt(record)) }
        let reference = ClaimReference(
            id: "job", queue: "q", token: FencingToken(value: 99, nonce: 7), worker: "dead")
        return ReclaimedJob(reference: reference, state: .ready, message: message, run: run)
    }

    @Test("it is the attempt: its id, its attributes, its links, from its claim until it was found")
    func standsForTheAttempt() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry()
        let history = [Self.record(1, .retried, token: 1), Self.record(2, .lost, token: 2)]
        let job = Self.job(history)
        let message = try #require(job.message)
        JobSpans(telemetry, worker: "heir")?.reclaimed(job, from: 0)
        let exported = await spans()
        let span = try #require(exported.of("process").first)
        #expect(span.context.spanID == history[1].spanID(of: "job"))
        #expect(span.context.traceID == message.trace.traceID && span.parent == message.trace.spanID)
        #expect(span.kind == .consumer && span.status != .unset)
        #expect(span.startNanoseconds == history[1].claimedAt.nanoseconds)
        #expect(span.endNanoseconds == history[1].endedAt.nanoseconds)
        #expect(span.attributes["spanq.job.attempt"] == 2 && span.attributes["spanq.job.max_attempts"] == 4)
        #expect(span.attributes["spanq.job.wait_seconds"] == .double(2) && span.attributes["spanq.job.token"] == 2)
        #expect(span.attributes["error.type"] == "lease_expired" && span.attributes["spanq.synthetic"] == true)
        #expect(span.attributes["messaging.client.id"] == "w2")
        #expect(span.links.map(\.context.spanID) == [message.trace.spanID, history[0].spanID(of: "job")])
        let reclaim = try #require(exported.of("reclaim").first)
        #expect(reclaim.parent == message.trace.spanID && reclaim.links.map(\.context.spanID) == [span.context.spanID])
        #expect(exported.count == 2)
    }

    @Test("it is a child or a root by the rule for every attempt")
    func parent() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry(traceWindow: .zero)
        let job = Self.job([Self.record(1, .lost, token: 2)])
        JobSpans(telemetry, worker: "heir")?.reclaimed(job, from: 0)
        let span = try #require(await spans().of("process").first)
        #expect(span.parent == nil && span.context.traceID != job.message?.trace.traceID)

        let (automatic, late) = CollectedSpans.telemetry()
        let delayed = Self.job([Self.record(1, .lost, token: 2, eligibleAt: Self.now + .minutes(20))])
        JobSpans(automatic, worker: "heir")?.reclaimed(delayed, from: 0)
        #expect(try #require(await late().of("process").first).parent == nil)
    }

    @Test(
        "of a trace that is not sampled, its wait comes with it, and the enqueue once for all kept attempts"
    )
    func kept() async throws {
        let (telemetry, spans) = CollectedSpans.telemetry()
        let first = Self.record(1, .lost, token: 1)
        var job = Self.job(sampled: false, [first])
        job.message?.parentSpanID = .random()
        JobSpans(telemetry, worker: "heir")?.reclaimed(job, from: 0)
        let exported = await spans()
        #expect(exported.map(\.name) == ["enqueue q", "wait q", "process q", "reclaim q"])
        #expect(exported.keptBecause == ["reclaim"])
        #expect(exported[0].context.spanID == job.message?.trace.spanID)
        #expect(exported[0].parent == job.message?.parentSpanID && exported[0].parent != nil)
        #expect(exported[1].context.spanID == first.token.waitSpanID(of: "job"))
        #expect(exported[1].attributes["messaging.client.id"] == "w1")

        let again = Self.job(sampled: false, [first, Self.record(1, .lost, token: 2)])
        JobSpans(telemetry, worker: "heir")?.reclaimed(again, from: 0)
        #expect(await spans().dropFirst(4).map(\.name) == ["wait q", "process q", "reclaim q"])

        // One that was released was not kept, so it brought no enqueue.
        let released = Self.job(
            sampled: false, [Self.record(1, .released, token: 1), Self.record(1, .lost, token: 2)])
        JobSpans(telemetry, worker: "heir")?.reclaimed(released, from: 0)
        #expect(await spans().dropFirst(7).map(\.name) == ["enqueue q", "wait q", "process q", "reclaim q"])
    }
}
