// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry

/// Makes jobs with every option that the scripts look at.
enum JobMaker {
    private static let digests: [[UInt8]] = [1, 2, 3].map { [UInt8](repeating: $0, count: UniqueLock.digestBytes) }

    /// - Parameter number: tells the job from the others of its run.
    static func make(_ number: Int, at now: Timestamp, _ generator: inout SeededGenerator) -> NewJob {
        let isPlain = generator.once(in: 3)
        var unique: UniqueLock?
        if !isPlain, generator.once(in: 3) {
            let spans: [UniqueSpan] = [
                .untilStarted, .untilFinished, .untilFinished, .duration(.milliseconds(1 + generator.below(30_000))),
            ]
            unique = UniqueLock(digest: generator.pick(digests), span: generator.pick(spans))
        }
        var retention = Retention.standard
        if !isPlain, generator.once(in: 4) {
            retention = generator.once(in: 3) ? .none : .duration(.milliseconds(1 + generator.below(30_000)))
        }
        var schedule = Schedule.now
        if !isPlain, generator.once(in: 3) {
            let delay = generator.pick([0, 1, 50, 1000, 20_000])
            let moment = now.milliseconds + Int64(delay) - 20
            schedule =
                generator.once(in: 2) ? .after(.milliseconds(delay)) : .at(Timestamp(milliseconds: moment))
        }
        let digest: UInt64? = isPlain || generator.once(in: 2) ? nil : UInt64(1 + generator.below(3))
        let message = JobMessage(
            id: JobID(unchecked: "job-\(number)"), queue: Stage.queue, type: "test:\(generator.below(3))",
            payload: generator.pick([[], [0, 255, 13, 10], [UInt8](repeating: 7, count: 40)]),
            priority: isPlain || generator.once(in: 2) ? 0 : generator.pick([1, 5, 5, 9]),
            maxRetries: generator.below(4), backoff: nil, timeout: nil, deadline: nil, unique: unique,
            retention: retention, tags: [[], [], ["odd"], ["odd", "odder"]][number % 4], trace: trace(number),
            runAt: nil, enqueuedAt: Timestamp(milliseconds: 0),
            contentDigest: digest)
        return NewJob(message: message, schedule: schedule, expiry: generator.once(in: 8) ? .after(.seconds(5)) : nil)
    }

    private static func trace(_ number: Int) -> TraceContext {
        var context = TraceContext.root()
        context.traceID = TraceID(high: 1, low: UInt64(number)) ?? context.traceID
        context.spanID = SpanID(UInt64(number) + 1) ?? context.spanID
        return context
    }
}
