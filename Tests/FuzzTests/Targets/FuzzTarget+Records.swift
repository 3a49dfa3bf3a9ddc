// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

@testable import SpanQueue
@testable import SpanQueueRedis
@testable import SpanQueueTelemetry

extension FuzzTarget {
    /// Stored messages. One that is read can be shown, and packs to what reads back the same.
    static let messages = FuzzTarget("messages", bytes: messageSeeds) { input in
        let message = try MessagePacking.unpack(input, id: "id", queue: "q")
        let eligible = try MessagePacking.eligibleAt(Array(input.prefix(MessagePacking.headBytes)))
        precondition(eligible == message.eligibleAt, "the start of a message says another time than the whole")
        show(message, RunRecord())
    }

    /// Stored runs. A record that is read can be shown and drawn, and packs to what reads back the same.
    static let runs = FuzzTarget("runs", bytes: runSeeds) { input in
        let run = try RunPacking.unpack(input, eligibleAt: stamp)
        precondition(run.history.count <= Limits.historyEvents)
        let again = try RunPacking.unpack(RunPacking.pack(run), eligibleAt: stamp)
        precondition(again.history.count == run.history.count && again.attempts == run.attempts)
        show(job.message(acceptedAt: stamp), run)
    }

    private static let stamp = Timestamp(milliseconds: 1_800_000_000_000)

    private static let job = NewJob(
        message: JobMessage(
            id: "id", queue: "q", type: "email:welcome", payload: Array("{}".utf8), priority: 3, maxRetries: 25,
            backoff: .linear(step: .seconds(1), cap: .hours(1)), timeout: .seconds(9), deadline: nil,
            unique: UniqueLock(digest: Array(0..<16), span: .duration(.seconds(9))), retention: .duration(.hours(1)),
            tags: ["a", "b"],
            trace: TraceContext(
                traceID: TraceID(high: 1, low: 2) ?? .random(), spanID: SpanID(3) ?? .random(), flags: 1,
                traceState: "a=b", baggage: "user=7"),
            runAt: nil, enqueuedAt: stamp, contentDigest: 77),
        schedule: .after(.seconds(5)), expiry: .at(stamp + .hours(1)))

    private static let messageSeeds: [[UInt8]] = {
        var plain = job
        plain.message = JobMessage(
            id: "id", queue: "q", type: "a", payload: [], priority: 0, maxRetries: 0, backoff: nil, timeout: nil,
            deadline: nil, unique: nil, retention: .standard, tags: [], trace: job.message.trace, runAt: nil,
            enqueuedAt: stamp, contentDigest: nil)
        return [job, plain].map { Array("1800000000000".utf8) + MessagePacking.pack($0) }
    }()

    private static let runSeeds: [[UInt8]] = {
        var run = RunRecord()
        run.attempts = 3
        run.reclaims = 1
        run.lastError = "error"
        run.progress = JobProgress(fraction: 0.25, note: "a quarter")
        run.result = [0, 255]
        for outcome in AttemptOutcome.known {
            run.append(
                .attempt(
                    AttemptRecord(
                        number: 2, token: FencingToken(value: 1_800_000_000_000_001, nonce: 7), worker: "w",
                        eligibleAt: stamp, claimedAt: stamp + .seconds(1), endedAt: stamp + .seconds(2),
                        outcome: outcome, retryDelay: .seconds(3), reason: "r", errorType: "t", error: "e")))
        }
        run.append(.redriven(at: stamp))
        run.append(.buried(at: stamp, reason: "no"))
        run.append(.cancelled(at: stamp, reason: "why"))
        let lost = Array("L\u{0}\u{0}\u{1d}r18000000000001800000000000001-a:w".utf8)
        let withoutLease = Array("L\u{0}\u{0}\u{e}d1800000000000".utf8)
        return [RunPacking.pack(run), [1, 0, 1, 0], [1, 0, 1, 1] + lost, [1, 0, 1, 2] + withoutLease]
    }()

    /// What `spanq job show` and `spanq job trace` do with a record.
    private static func show(_ message: JobMessage, _ run: RunRecord) {
        for state in JobState.known {
            let record = JobRecord(message: message, state: state, run: run)
            for step in JobTrace(record, now: stamp).steps {
                _ = step.duration
                _ = step.start.description
                _ = step.span
            }
        }
    }
}
