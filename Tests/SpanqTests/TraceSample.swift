// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import spanq

/// Traces of made-up jobs; times are in milliseconds since the enqueue.
enum TraceSample {
    static let enqueuedAt: Int64 = 1_795_253_400_125
    static let context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    static func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: enqueuedAt + milliseconds) }

    static func attempt(
        _ number: Int, _ eligible: Int64, _ claimed: Int64, _ ended: Int64, _ outcome: AttemptOutcome,
        worker: String = "web-1-4711-07b7e2f8", retryDelay: Duration? = nil, reason: String? = nil,
        errorType: String? = nil, error: String? = nil
    ) -> HistoryEvent {
        .attempt(
            AttemptRecord(
                number: number, token: FencingToken(value: claimed + 1, nonce: 7), worker: worker,
                eligibleAt: at(eligible), claimedAt: at(claimed), endedAt: at(ended), outcome: outcome,
                retryDelay: retryDelay, reason: reason, errorType: errorType, error: error))
    }

    static func trace(
        _ state: JobState, _ history: [HistoryEvent] = [], runAt: Int64? = nil, now: Int64 = 60_000,
        dropped: Int = 0, claimedAt: Int64? = nil, leaseUntil: Int64 = 90_000, cancelAskedAt: Int64? = nil
    ) throws -> JobTrace {
        let message = JobMessage(
            id: "job-1", queue: "mail", type: "email:welcome", payload: [], priority: 0, maxRetries: 2, backoff: nil,
            timeout: nil, deadline: nil, unique: nil, retention: .standard, tags: [],
            trace: try #require(TraceContext(traceParent: context)), runAt: runAt.map { at($0) },
            enqueuedAt: at(0), contentDigest: nil)
        var run = RunRecord()
        run.history = history
        run.droppedEvents = dropped
        run.attempts = run.attemptRecords.filter(\.isCharged).count
        let claim = claimedAt.map {
            ActiveClaim(
                token: FencingToken(value: $0 + 1, nonce: 7), worker: "web-1-4711-07b7e2f8", claimedAt: at($0),
                leaseExpiresAt: at(leaseUntil))
        }
        let dueAt = state == .scheduled ? runAt.map { at($0) } : state == .retrying ? run.eligibleAt : nil
        let record = JobRecord(
            message: message, state: state, run: run, dueAt: dueAt, claim: claim,
            cancelRequest: cancelAskedAt.map { CancelRequest(at: at($0), reason: "stop it", by: "eve") })
        return JobTrace(record, now: at(now))
    }

    /// Lost, retried, dead, redriven by a person, and then done.
    static func eventful() throws -> JobTrace {
        try trace(
            .completed,
            [
                attempt(
                    1, 0, 102, 3470, .lost, errorType: "lease_expired", error: "the worker did not extend its lease"),
                attempt(
                    1, 3470, 3471, 3782, .retried, worker: "web-2-12-b6637480", retryDelay: .milliseconds(988),
                    errorType: "exit_status", error: "exit status 1: cannot connect to smtp.example.com: no route"),
                attempt(
                    2, 4770, 4779, 5085, .buried, worker: "web-2-12-b6637480", reason: "attempts_exhausted",
                    errorType: "timeout", error: "timeout after 300ms"),
                .redriven(at: at(6450)),
                attempt(1, 6450, 6532, 6935, .completed, worker: "web-3-9-7352db31"),
            ])
    }

    /// Hours between its attempts.
    static func slow() throws -> JobTrace {
        try trace(
            .completed,
            [
                attempt(1, 0, 50, 350, .retried, retryDelay: .hours(1), errorType: "timeout", error: "timeout"),
                attempt(
                    2, 3_600_350, 3_600_400, 3_600_900, .retried, retryDelay: .hours(2), errorType: "timeout",
                    error: "timeout"),
                attempt(3, 10_800_900, 10_801_000, 10_801_800, .completed),
            ])
    }

    static func page(_ trace: JobTrace, width: Int, marks: TraceMarks = .unicode, hasStyle: Bool = false) -> String {
        TracePage(trace, width: width, marks: marks, hasStyle: hasStyle, link: nil).render()
    }
}
