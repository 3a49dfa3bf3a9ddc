import SpanQueue
import SpanQueueTelemetry
import Testing

@testable import spanq

@Suite("JSON output")
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

    @Test("a job's record")
    func job() throws {
        let expected =
            #"{"attempt":1,"attempts":[{"ended_at":"2026-11-21T09:30:00.300Z","error":"no route","error_type":"timeout","#
            + #""number":1,"outcome":"retried","span_id":"SPAN","started_at":"2026-11-21T09:30:00.200Z","#
            + #""token":"7-ff","worker":"w-1"}],"cancel_requested":false,"deadline":null,"#
            + #""enqueued_at":"2026-11-21T09:30:00.125Z","events":[],"id":"job-1","last_error":"no route","#
            + #""lease_expires_at":null,"max_retries":5,"payload":"{\"user\":42}","priority":3,"progress":null,"#
            + #""queue":"mail","reason":null,"reclaims":0,"result":null,"retention":null,"run_at":"2026-11-21T09:30:02.300Z","#
            + #""state":"retrying","tags":["vip"],"timeout":null,"trace_id":"0af7651916cd43dd8448eb211c80319c","#
            + #""traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","type":"email:welcome","#
            + #""unique":null,"unique_digest":null,"worker":null}"#
        let record = try record()
        let span = try #require(record.run.attemptRecords.first).spanID(of: record.message.id).description
        #expect(try JSONLine.encode(JobOutput(record)) == expected.replacing("SPAN", with: span))
    }

    @Test("bytes that are no text are shown in base64")
    func binary() throws {
        var record = try record()
        record.message.payload = [0xFF, 0x00]
        record.run.result = [0xFE]
        let json = try JSONLine.encode(JobOutput(record))
        #expect(json.contains(#""payload":null,"payload_base64":"/wA=""#))
        #expect(json.contains(#""result":null,"result_base64":"/g==""#))
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
