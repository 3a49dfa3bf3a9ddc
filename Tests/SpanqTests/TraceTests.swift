// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import SpanQueueAdmin
import SpanQueueTelemetry
import Testing

@testable import spanq

@Suite("A job's trace")
struct TraceTests {
    private func steps(_ trace: JobTrace) -> [String] {
        let enqueuedAt = trace.record.message.enqueuedAt
        return trace.steps.map { step in
            let name = step.number.map { "\(step.name) \($0)" } ?? step.name
            let (start, end) = ((step.start - enqueuedAt).milliseconds, (step.end - enqueuedAt).milliseconds)
            return "\(name) \(start)-\(end)\(step.isOpen ? "+" : "") \(step.outcome ?? "")".trimmed
        }
    }

    @Test("goldens at each width", arguments: [60, 80, 120])
    func eventful(width: Int) throws {
        #expect(TraceSample.page(try TraceSample.eventful(), width: width) == TraceGoldens.eventful[width])
    }

    @Test("hours between retries leave the attempts readable", arguments: [60, 80, 120])
    func slow(width: Int) throws {
        #expect(TraceSample.page(try TraceSample.slow(), width: width) == TraceGoldens.slow[width])
    }

    @Test("without UTF-8 only ASCII is written")
    func ascii() throws {
        let page = TraceSample.page(try TraceSample.slow(), width: 80, marks: .ascii)
        #expect(page == TraceGoldens.slowASCII)
        #expect(page.utf8.allSatisfy { $0 < 0x80 })
        #expect(TraceMarks.ascii.fit("café…") == "caf?...")
    }

    @Test("no line is wider than asked for, ids aside", arguments: [60, 80, 120])
    func widths(width: Int) throws {
        let traces = [
            try TraceSample.eventful(), try TraceSample.slow(),
            try TraceSample.trace(.scheduled, runAt: 400 * 86_400_000, now: 59_000),
            try TraceSample.trace(.active, now: 45_000, claimedAt: 30, leaseUntil: 30_000),
        ]
        for trace in traces {
            for line in TraceSample.page(trace, width: width).split(separator: "\n") { #expect(line.count <= width) }
        }
    }

    @Test("colours only where asked for")
    func colours() throws {
        #expect(!TraceSample.page(try TraceSample.eventful(), width: 80).contains("\u{1B}"))
        let styled = TraceSample.page(try TraceSample.eventful(), width: 80, hasStyle: true)
        #expect(
            styled.replacing(/\u{1B}\[\d+m/, with: "").split(separator: "\n").map(\.trimmedEnd)
                == TraceSample.page(try TraceSample.eventful(), width: 80).split(separator: "\n").map(\.trimmedEnd))
    }

    @Test("what a text of a job contains can't steer the terminal")
    func harmless() throws {
        let trace = try TraceSample.trace(
            .dead,
            [
                TraceSample.attempt(
                    1, 0, 1, 2, .buried, worker: "w\u{1B}[2J", reason: "permanent", error: "a\u{1B}]0;x\u{7}\nb")
            ])
        #expect(!TraceSample.page(trace, width: 80).contains("\u{1B}"))
    }

    @Test("jobs that wait, are put off, or run go on until now")
    func open() throws {
        #expect(steps(try TraceSample.trace(.ready)) == ["enqueue 0-0", "wait 1 0-60000+ open"])
        #expect(
            steps(try TraceSample.trace(.scheduled, runAt: 90_000)) == ["enqueue 0-0", "delay 0-60000+"])
        #expect(
            steps(try TraceSample.trace(.scheduled, runAt: 50_000))
                == ["enqueue 0-0", "delay 0-50000", "wait 1 50000-60000+ open"])
        #expect(
            steps(try TraceSample.trace(.active, claimedAt: 20))
                == ["enqueue 0-0", "wait 1 0-20", "attempt 1 20-60000+ running"])
        #expect(
            steps(try TraceSample.trace(.active, claimedAt: 20, cancelAskedAt: 500)).suffix(2)
                == ["attempt 1 20-60000+ cancelling", "cancel 500-500 asked for"])
        let failed = TraceSample.attempt(1, 0, 10, 20, .retried, retryDelay: .seconds(70), error: "x")
        #expect(
            steps(try TraceSample.trace(.retrying, [failed]))
                == ["enqueue 0-0", "wait 1 0-10", "attempt 1 10-20 retried", "retry 20-60000+"])
        #expect(
            steps(try TraceSample.trace(.retrying, [failed], now: 80_000)).suffix(2)
                == ["retry 20-70020", "wait 2 70020-80000+ open"])
    }

    @Test("what a person did cuts a delay or a wait short")
    func byHand() throws {
        #expect(
            steps(try TraceSample.trace(.cancelled, [.cancelled(at: TraceSample.at(40), reason: "no")]))
                == ["enqueue 0-0", "wait 1 0-40", "cancel 40-40 by hand"])
        let failed = TraceSample.attempt(1, 0, 10, 20, .retried, retryDelay: .seconds(70), error: "x")
        let redriven = try TraceSample.trace(.ready, [failed, .redriven(at: TraceSample.at(1000))], now: 1500)
        #expect(
            steps(redriven).suffix(3) == ["retry 20-1000", "redrive 1000-1000 by hand", "wait 2 1000-1500+ open"])
        let scheduled = try TraceSample.trace(
            .dead, [.buried(at: TraceSample.at(30), reason: "manual")], runAt: 90_000)
        #expect(steps(scheduled) == ["enqueue 0-0", "delay 0-30", "bury 30-30 by hand"])
        #expect(scheduled.total == .milliseconds(30))
    }

    @Test("a cancel of a running job stands where it was asked for, and where it ended the job")
    func cancelWhileRunning() throws {
        let asked = HistoryEvent.cancelled(at: TraceSample.at(500), reason: "no")
        func steps(_ outcome: AttemptOutcome, _ delay: Duration? = nil) throws -> [String] {
            let attempt = TraceSample.attempt(1, 0, 20, 3000, outcome, retryDelay: delay)
            let trace = try TraceSample.trace(.cancelled, [attempt, asked])
            #expect(trace.total == .milliseconds(3000))
            #expect(Set(trace.spans.map(\.context.spanID)).count == trace.spans.count)
            return Array(self.steps(trace).dropFirst(2))
        }
        let begin = ["attempt 1 20-3000 ", "cancel 500-500 asked for"]
        #expect(try steps(.cancelled) == [begin[0] + "cancelled", begin[1], "cancel 3000-3000"])
        #expect(
            try steps(.retried, .seconds(9)) == [
                begin[0] + "retried", begin[1], "retry 3000-3000", "cancel 3000-3000 by hand",
            ])
        #expect(
            try steps(.lost) == [begin[0] + "lost", begin[1], "reclaim 3000-3000", "cancel 3000-3000 by hand"])
    }

    @Test("events that are not kept leave a line")
    func dropped() throws {
        let history = [
            TraceSample.attempt(1, 0, 1, 2, .retried, retryDelay: .milliseconds(5), error: "x"),
            TraceSample.attempt(9, 50, 51, 52, .completed),
        ]
        let page = TraceSample.page(try TraceSample.trace(.completed, history, dropped: 7), width: 80)
        #expect(page.contains("  (7 events are not kept)\n"))
    }

    @Test("only stretches that dwarf the rest are cut")
    func cuts() throws {
        func cuts(_ trace: JobTrace) -> [Int64] {
            TraceAxis(trace.steps, columns: 40).cuts.map { $0.milliseconds / 1000 }
        }
        #expect(cuts(try TraceSample.slow()) == [3600, 7200])
        #expect(cuts(try TraceSample.eventful()).isEmpty)
        // A wait of two minutes before a minute's work is in proportion; nothing but a wait has nothing beside it.
        #expect(
            cuts(try TraceSample.trace(.completed, [TraceSample.attempt(1, 0, 120_000, 180_000, .completed)])).isEmpty)
        #expect(cuts(try TraceSample.trace(.ready, now: 86_400_000)).isEmpty)
    }

    @Test("attempts have the ids of the record, and every span has one of its own")
    func identities() throws {
        let trace = try TraceSample.eventful()
        let message = trace.record.message
        let attempts = trace.steps.filter { $0.stage == .attempt }.compactMap { $0.span?.context.spanID }
        #expect(attempts == trace.record.run.attemptRecords.map { $0.spanID(of: message.id) })
        #expect(trace.spans.first?.context == message.trace)
        #expect(Set(trace.spans.map(\.context.spanID)).count == trace.spans.count)
        #expect(trace.spans == (try TraceSample.eventful()).spans)
        let known = Set(trace.spans.map(\.context.spanID))
        #expect(trace.spans.dropFirst().allSatisfy { $0.parent.map(known.contains) == true })
    }

    @Test("an attempt long after the enqueue has a trace of its own, which the page names")
    func ownTrace() throws {
        let trace = try TraceSample.slow()
        let last = try #require(trace.steps.last { $0.stage == .attempt }?.span)
        #expect(last.parent == nil)
        #expect(last.context.traceID != trace.record.message.trace.traceID)
        #expect(TraceSample.page(trace, width: 80).contains("in trace \(last.context.traceID)"))
        let settlement = try #require(trace.steps.last?.span)
        #expect(settlement.parent == last.context.spanID && settlement.context.traceID == last.context.traceID)
    }

    @Test("the span that the enqueue was made in is named, and said to be elsewhere")
    func caller() throws {
        let plain = try TraceSample.eventful()
        var record = plain.record
        record.message.parentSpanID = SpanID(0x00f0_67aa_0ba9_02b7)
        let trace = JobTrace(record, now: plain.now)
        let line = "parent span 00f067aa0ba902b7, which made the enqueue: your tracing backend has it"
        #expect(TraceSample.page(trace, width: 100).contains("\n\(line)\n"))
        #expect(!TraceSample.page(plain, width: 100).contains("\nparent "))
        #expect(TraceView(trace).spans.map(\.parentSpanID).first == "00f067aa0ba902b7")
    }

    @Test("the JSON of a span")
    func json() throws {
        let running = TraceView(try TraceSample.trace(.active, claimedAt: 20))
        let id = FencingToken(value: 21, nonce: 7)
        #expect(running.spans.map(\.name) == ["enqueue mail", "wait mail", "process mail"])
        let expected =
            #"{"attributes":{"messaging.client.id":"web-1-4711-07b7e2f8","messaging.destination.name":"mail","#
            + #""messaging.message.id":"job-1","messaging.operation.name":"process","#
            + #""messaging.operation.type":"process","messaging.system":"spanqueue","spanq.job.attempt":1,"#
            + #""spanq.job.max_attempts":3,"spanq.job.token":21,"spanq.job.type":"email:welcome","#
            + #""spanq.job.wait_seconds":0.02,"spanq.open":true},"end":null,"kind":"consumer","#
            + #""name":"process mail","parent_span_id":"b7ad6b7169203331","span_id":"SPAN","#
            + #""start":"2026-11-21T09:30:00.145Z","status":"unset","status_message":null,"#
            + #""trace_id":"0af7651916cd43dd8448eb211c80319c"}"#
        #expect(
            try AdminJSON.line(try #require(running.spans.last))
                == expected.replacing("SPAN", with: id.spanID(of: "job-1").description))
        let object = try JSONSerialization.jsonObject(with: Data(AdminJSON.line(running).utf8)) as? [String: Any]
        #expect(object.map { Set($0.keys) } == ["trace_id", "job_id", "spans"])
    }

    @Test("the OTLP document has the same spans, and is the same each time")
    func document() throws {
        let trace = try TraceSample.eventful()
        let text = TraceDocument.encode(trace)
        #expect(text == TraceDocument.encode(try TraceSample.eventful()))
        // Only a span has a name behind its flags; a link has none.
        let named = /"spanId":"([0-9a-f]{16})",(?:"parentSpanId":"[0-9a-f]{16}",)?"flags":\d+,"name"/
        #expect(text.matches(of: named).map { String($0.1) } == TraceView(trace).spans.map(\.spanID))
    }

    @Test("the link has the trace id in its place, and no password")
    func link() throws {
        let id = try TraceSample.trace(.ready).record.message.trace.traceID
        #expect(TraceLink.make("http://h/trace/{trace_id}?x", id) == "http://h/trace/\(id)?x")
        #expect(TraceLink.make("http://u:canary@h/{trace_id}", id) == "http://u:***@h/\(id)")
        #expect(TraceLink.make("http://h/", id) == nil)
    }

    @Test(
        "the locale decides on UTF-8, by the variable that POSIX looks at first",
        arguments: [
            (["LANG": "C.UTF-8"], true), (["LANG": "de_DE.utf8"], true), (["LANG": "C"], false), ([:], false),
            (["LC_ALL": "C", "LANG": "C.UTF-8"], false), (["LC_ALL": "", "LC_CTYPE": "en_US.UTF-8"], true),
        ] as [([String: String], Bool)])
    func locale(environment: [String: String], isUTF8: Bool) {
        #expect(Console.isUTF8(environment) == isUTF8)
    }

    @Test(
        "durations to three digits or so",
        arguments: [
            (0, "0ms"), (999, "999ms"), (2350, "2.35s"), (12_340, "12.3s"), (185_000, "3m05s"), (7_800_000, "2h10m"),
            (356_400_000, "4d03h"), (-5, "0ms"),
        ])
    func elapsed(milliseconds: Int, text: String) {
        #expect(ElapsedText.format(.milliseconds(milliseconds)) == text)
    }
}

extension StringProtocol {
    fileprivate var trimmed: String { String(self).trimmingCharacters(in: .whitespaces) }
    fileprivate var trimmedEnd: String { String(reversed().drop { $0 == " " }.reversed()) }
}
