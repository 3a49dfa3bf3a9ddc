// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import spanq

@Suite("Output")
struct OutputTests {
    private func record() throws -> JobRecord {
        let trace = try #require(
            TraceContext(traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        let message = JobMessage(
            id: "job-1", queue: "mail", type: "email:welcome", payload: Array(#"{"user":42}"#.utf8), priority: 3,
            maxRetries: 5, backoff: nil, timeout: nil, deadline: nil, unique: nil, retention: .standard, tags: ["vip"],
            trace: trace, runAt: nil, enqueuedAt: Timestamp(milliseconds: 1_795_253_400_125), contentDigest: nil)
        var run = RunRecord()
        run.attempts = 1
        run.lastError = "no route"
        run.history = [
            .attempt(
                AttemptRecord(
                    number: 1, token: FencingToken(value: 7, nonce: 255), worker: "w-1",
                    eligibleAt: Timestamp(milliseconds: 1_795_253_400_125),
                    claimedAt: Timestamp(milliseconds: 1_795_253_400_200),
                    endedAt: Timestamp(milliseconds: 1_795_253_400_300), outcome: .retried, retryDelay: .seconds(2),
                    errorType: "timeout", error: "no route"))
        ]
        return JobRecord(
            message: message, state: .retrying, run: run, dueAt: Timestamp(milliseconds: 1_795_253_402_300))
    }

    @Test("a person sees the facts and the attempts, in eighty columns")
    func page() throws {
        let page = JobPage.render(try record(), width: 80, hasStyle: false)
        #expect(page.contains("state       retrying"))
        #expect(page.contains("last error  no route"))
        #expect(page.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test("a refused line of a batch")
    func refusal() throws {
        let result = BatchResult.refused(line: 3, code: "invalid_argument", message: "no type")
        #expect(
            try result.text(json: true) == #"{"error":{"code":"invalid_argument","message":"no type"},"line":3}"#)
        #expect(try result.text(json: false) == "refused line 3: no type")
    }
}
