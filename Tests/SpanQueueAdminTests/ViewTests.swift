// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueTelemetry
import Testing

@testable import SpanQueue
@testable import SpanQueueAdmin

/// Each view as it is written, to the byte: a change of any of these texts is a change of a contract.
@Suite("Views")
struct ViewTests {
    @Test("a job that waits for its next attempt")
    func retrying() throws {
        #expect(
            try AdminJSON.line(JobView(JobSample.retrying()))
                == """
                {"attempt":1,"attempts":[{"ended_at":"2026-11-21T09:30:00.300Z","error":"no route",\
                "error_type":"timeout","number":1,"outcome":"retried","span_id":"SPAN",\
                "started_at":"2026-11-21T09:30:00.200Z","token":"7-ff","worker":"w-1"}],"cancel_requested":false,"cancel_requested_at":null,\
                "deadline":null,"enqueued_at":"2026-11-21T09:30:00.125Z","error_fingerprint":null,"events":[],"id":"job-1",\
                "last_error":"no route","lease_expires_at":null,"max_retries":5,"payload":"{\\"user\\":42}",\
                "priority":3,"progress":null,"queue":"mail","reason":null,"reclaims":0,"result":null,\
                "retention":null,"run_at":"2026-11-21T09:30:02.300Z","snoozes":0,"state":"retrying","tags":["vip"],\
                "timeout":"30s","trace_id":"0af7651916cd43dd8448eb211c80319c",\
                "traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","type":"email:welcome",\
                "unique":null,"unique_digest":null,"worker":null}
                """.replacing("SPAN", with: FencingToken(value: 7, nonce: 255).spanID(of: "job-1").description))
    }

    @Test("a job that runs, with what a person did")
    func active() throws {
        let json = try AdminJSON.line(JobView(JobSample.active()))
        let span = FencingToken(value: 8, nonce: 255).spanID(of: "job-1").description
        #expect(
            json.contains(
                """
                {"ended_at":null,"error":null,"error_type":null,"number":2,"outcome":null,"span_id":"\(span)",\
                "started_at":"2026-11-21T09:30:00.725Z","token":"8-ff","worker":"w-2"}
                """))
        #expect(
            json.contains(
                """
                "events":[{"at":"2026-11-21T09:30:00.625Z","by":"ada@laptop","event":"redriven","reason":null}]
                """))
        #expect(json.contains(#""lease_expires_at":"2026-11-21T09:30:30.725Z""#))
        #expect(json.contains(#""progress":{"fraction":0.5,"note":"half"}"#))
        #expect(json.contains(#""worker":"w-2"}"#))
    }

    @Test("a job that its handler has put off")
    func snoozed() throws {
        var record = try JobSample.retrying()
        record.run.snoozes = 3
        #expect(try AdminJSON.line(JobView(record)).contains(#""snoozes":3,"#))
    }

    @Test("bytes that are no text are shown in base64")
    func binary() throws {
        var record = try JobSample.retrying()
        record.message.payload = [0xFF, 0x00]
        record.run.result = [0xFE]
        let json = try AdminJSON.line(JobView(record))
        #expect(json.contains(#""payload":null,"payload_base64":"/wA=""#))
        #expect(json.contains(#""result":null,"result_base64":"/g==""#))
    }

    @Test("a job's trace")
    func trace() throws {
        let trace = JobTrace(try JobSample.active(), now: JobSample.at(700))
        let json = try AdminJSON.line(TraceView(trace))
        #expect(
            json.hasPrefix(
                """
                {"job_id":"job-1","spans":[{"attributes":{"messaging.destination.name":"mail",\
                "messaging.message.id":"job-1","messaging.operation.name":"enqueue",\
                "messaging.operation.type":"send","messaging.system":"spanqueue",\
                "spanq.enqueue.result":"accepted","spanq.job.type":"email:welcome"},\
                "end":"2026-11-21T09:30:00.125Z","kind":"producer","name":"enqueue mail","parent_span_id":null,\
                "span_id":"b7ad6b7169203331","start":"2026-11-21T09:30:00.125Z","status":"unset",\
                "status_message":null,"trace_id":"0af7651916cd43dd8448eb211c80319c"},
                """))
        #expect(json.hasSuffix(#"],"trace_id":"0af7651916cd43dd8448eb211c80319c"}"#))
        #expect(TraceView(trace).spans.last?.end == nil)
    }

    @Test("a queue, queues, and all at a glance")
    func queues() throws {
        var totals = QueueTotals()
        totals.enqueued = 9
        totals.completed = 4
        let mail = QueueCounts(
            queue: "mail", jobs: [.ready: 2, .dead: 1], isPaused: true,
            pause: PauseNote(at: JobSample.at(0), note: OperatorNote(reason: "why", by: "ada")),
            oldestReadyAge: .milliseconds(1500), totals: totals)
        let other = QueueCounts(
            queue: "other", jobs: [.ready: 1], isPaused: false, oldestReadyAge: nil, totals: totals)
        let one = """
            {"active":0,"cancelled":0,"completed":0,"dead":1,"held":0,"name":"mail","oldest_ready_age_seconds":1.5,\
            "paused":true,"ready":2,"retrying":0,"scheduled":0,\
            "totals":{"cancelled":0,"completed":4,"dead":0,"enqueued":9,"removed":0},"workers_alive":3}
            """
        // Who paused it and why is not for whoever reaches the metrics.
        let noted = one.replacing(
            #""paused":true"#,
            with: #""pause":{"at":"2026-11-21T09:30:00.125Z","by":"ada","reason":"why"},"paused":true"#)
        #expect(try AdminJSON.line(QueueView(mail, workers: 3)) == noted)
        #expect(
            try AdminJSON.line(QueuesView(queues: [QueueView(mail, workers: 3)])) == #"{"queues":[\#(noted)]}"#)
        #expect(
            try AdminJSON.line(QueueView(other, workers: 0)).contains(#""oldest_ready_age_seconds":null,"pause":null"#))
        let workers = WorkersByQueue([["mail"], ["mail"], ["mail", "other"]])
        #expect(
            try AdminJSON.line(StatsView([mail], rest: [other], workers: workers)) == """
                {"jobs":{"active":0,"cancelled":0,"completed":0,"dead":1,"held":0,"ready":3,"retrying":0,\
                "scheduled":0},"omitted_queues":1,"queues":[\(one)],\
                "totals":{"cancelled":0,"completed":8,"dead":0,"enqueued":18,"removed":0},"workers_alive":3}
                """)
    }

    @Test("a worker, and what one did in a run")
    func workers() throws {
        let worker = WorkerInfo(
            id: "web-1", host: "web", pid: 4711, queues: ["mail", "other"], concurrency: 10, busy: 2,
            startedAt: JobSample.at(0), version: "0.1.0")
        #expect(
            try AdminJSON.line(WorkerView(worker)) == """
                {"busy":2,"concurrency":10,"host":"web","id":"web-1","pid":4711,"queues":["mail","other"],\
                "started_at":"2026-11-21T09:30:00.125Z","version":"0.1.0"}
                """)
        var summary = RunSummary()
        summary.attempts = [.completed: 5, .retried: 4, .buried: 3, .cancelled: 2, .released: 1]
        summary.reclaimed = 6
        #expect(
            try AdminJSON.line(RunSummaryView(summary, pausedQueues: ["mail"])) == """
                {"cancelled":2,"completed":5,"dead":3,"paused_queues":["mail"],"reclaimed":6,"released":1,"retried":4}
                """)
    }

    @Test("what became of jobs that were enqueued")
    func receipts() throws {
        var receipt = EnqueueReceipt(
            id: "job-1", type: "email:welcome", queue: "mail", enqueuedAt: JobSample.at(0), runAt: JobSample.at(5000),
            isDuplicate: false, traceID: try JobSample.retrying().message.trace.traceID, state: .scheduled)
        #expect(
            try AdminJSON.line(ReceiptView(receipt)) == """
                {"duplicate":false,"id":"job-1","queue":"mail","run_at":"2026-11-21T09:30:05.125Z",\
                "state":"scheduled","trace_id":"0af7651916cd43dd8448eb211c80319c","type":"email:welcome"}
                """)
        // The record of the job that is there is gone.
        receipt.isDuplicate = true
        receipt.runAt = nil
        receipt.state = nil
        #expect(
            try AdminJSON.line(ReceiptView(receipt)) == """
                {"duplicate":true,"id":"job-1","queue":"mail","run_at":null,"state":null,"trace_id":null,"type":null}
                """)
        #expect(
            try AdminJSON.line(RefusalView(line: 3, code: "invalid_argument", message: "no type"))
                == #"{"error":{"code":"invalid_argument","message":"no type"},"line":3}"#)
    }

    @Test("what operations did")
    func results() throws {
        let results: [(OperationResult, String)] = [
            (.job(JobActionView(id: "job-1", state: .ready)), #"{"id":"job-1","state":"ready"}"#),
            (.job(JobActionView(id: "job-1", state: nil)), #"{"id":"job-1","state":null}"#),
            (.pause(PauseView(name: "mail", paused: true)), #"{"name":"mail","paused":true}"#),
            (.deletion(DeletionView(queue: "mail", deleted: true)), #"{"deleted":true,"queue":"mail"}"#),
            (.count(CountView(queue: "mail", done: 2, skipped: 1)), #"{"done":2,"queue":"mail","skipped":1}"#),
        ]
        for (result, text) in results { #expect(try AdminJSON.line(result) == text) }
    }

    @Test("whether a process is ready, and a version")
    func processes() throws {
        #expect(
            try AdminJSON.line(HealthView(url: "http://h/readyz", ready: false, status: nil, message: "refused"))
                == #"{"message":"refused","ready":false,"status":null,"url":"http://h/readyz"}"#)
        #expect(try AdminJSON.line(VersionView()) == #"{"version":"\#(SpanQueueVersion.text)"}"#)
    }
}
