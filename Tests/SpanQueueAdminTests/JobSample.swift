// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Testing

/// A job that failed once; its texts are those of docs/cli.md.
enum JobSample {
    static let enqueuedAt: Int64 = 1_795_253_400_125

    static func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: enqueuedAt + milliseconds) }

    static func retrying() throws -> JobRecord {
        let trace = try #require(
            TraceContext(traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        let message = JobMessage(
            id: "job-1", queue: "mail", type: "email:welcome", payload: Array(#"{"user":42}"#.utf8), priority: 3,
            maxRetries: 5, backoff: nil, timeout: .seconds(30), deadline: nil, unique: nil, retention: .standard,
            tags: ["vip"], trace: trace, runAt: nil, enqueuedAt: at(0), contentDigest: nil)
        var run = RunRecord()
        run.attempts = 1
        run.lastError = "no route"
        run.history = [
            .attempt(
                AttemptRecord(
                    number: 1, token: FencingToken(value: 7, nonce: 255), worker: "w-1", eligibleAt: at(0),
                    claimedAt: at(75), endedAt: at(175), outcome: .retried, retryDelay: .seconds(2),
                    errorType: "timeout", error: "no route"))
        ]
        return JobRecord(message: message, state: .retrying, run: run, dueAt: at(2175))
    }

    /// The same job in its second attempt, after a person made it ready.
    static func active() throws -> JobRecord {
        var record = try retrying()
        record.run.append(.redriven(at: at(500), by: "ada@laptop"))
        record.run.progress = JobProgress(fraction: 0.5, note: "half")
        record.state = .active
        record.dueAt = nil
        record.claim = ActiveClaim(
            token: FencingToken(value: 8, nonce: 255), worker: "w-2", claimedAt: at(600), leaseExpiresAt: at(30_600))
        return record
    }
}
