// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import HTTPTypes
import SpanQueue
import Testing

@testable import SpanQueueWeb

@Suite("The description of the REST interface", .timeLimit(.minutes(1)))
struct DescriptionTests {
    @Test("has each route, and there is each route that it has, with the same parameters")
    func routes() throws {
        let document = try APIDocument()
        let routes = Dictionary(
            uniqueKeysWithValues: Routes.all.map { ("\($0.method.rawValue) \($0.path)", $0.parameters) })
        #expect(routes == document.operations)
        #expect(
            Set(Routes.all.filter { $0.bodyLimit > 0 }.map { "\($0.method.rawValue) \($0.path)" }) == document.withBody)
    }

    @Test("is what each route answers, one after the other")
    func walk() async throws {
        try await WebUnderTest.run { web in
            var seen: Set<String> = []
            func call(_ method: String, _ target: String, _ body: String? = nil, _ status: Int = 200) async throws {
                let answer = try await web.call(method, target, body)
                #expect(answer.status == status, "\(method) \(target): \(answer.text)")
                if let operation = web.document.operation(method, target) { seen.insert(operation) }
            }
            try await call(
                "POST", "/api/v1/jobs", #"{"type":"email:welcome","id":"a","payload":{"user":42},"tags":["vip"]}"#, 201)
            try await call("POST", "/api/v1/jobs", #"[{"type":"t","id":"b","delay":"5s","queue":"mail"},{"id":"c"}]"#)
            // A null counts as not given.
            let nulls = [
                "payload_base64", "queue", "delay", "at", "max_retries", "timeout", "deadline", "unique", "unique_key",
                "priority", "retention", "tags",
            ].map { #","\#($0)":null"# }.joined()
            try await call("POST", "/api/v1/jobs", #"{"type":"t","id":"nulls"\#(nulls)}"#, 201)
            try await call("DELETE", "/api/v1/jobs/nulls")
            try await call("GET", "/api/v1/openapi.json")
            try await call("GET", "/api/v1/session")
            try await call("POST", "/api/v1/session", #"{"name":"ada","token":"x"}"#, 409)
            try await call("DELETE", "/api/v1/session", nil, 204)
            try await call("GET", "/api/v1/stats")
            try await call("GET", "/api/v1/queues?limit=1")
            try await call("GET", "/api/v1/queues/mail")
            try await call("PATCH", "/api/v1/queues/mail", #"{"paused":true,"reason":"why"}"#)
            try await call("GET", "/api/v1/workers")
            let past = try #require(try await web.queue.engine as? any HistoryStore)
            var sums = AttemptSums()
            sums.add(.completed, process: .milliseconds(3), wait: .seconds(1))
            try await past.add([AttemptTally(type: "t", sums: sums)], to: "mail")
            try await call("GET", "/api/v1/history?resolution=ten_minutes&last=432")
            try await call("GET", "/api/v1/history?last=181", nil, 400)
            try await call("GET", "/api/v1/history?resolution=hour", nil, 400)
            try await call("GET", "/api/v1/queues/mail/history?last=2")
            try await call("GET", "/api/v1/queues/none/history", nil, 404)
            try await call("GET", "/api/v1/journal?by=*&action=pause&queue=mail&limit=1")
            try await call("GET", "/api/v1/journal/lines?target=*")
            try await call(
                "GET", "/api/v1/jobs?tag=vip&limit=1&since=1h&id=a&error=x&fingerprint=00000000000000aB&until=0s")
            let store = try #require(try await web.queue.engine as? any ErrorStore)
            let error = ErrorCount(fingerprint: 171, jobType: "t", errorType: "e", masked: "no ‹n›")
            try await store.add([error], to: "mail", version: "1")
            try await call("GET", "/api/v1/types?queue=mail")
            try await call("GET", "/api/v1/errors?queue=mail&type=t&limit=1")
            try await call("GET", "/api/v1/errors/00000000000000ab?queue=mail")
            try await call("GET", "/api/v1/errors/00000000000000ac", nil, 404)
            try await call("GET", "/api/v1/errors/ac", nil, 400)
            // What it streams has tests of its own.
            try await call("GET", "/api/v1/events?topics=none", nil, 400)
            try await call("GET", "/api/v1/jobs?tag=vip&limit=1")
            try await call("GET", "/api/v1/jobs/a")
            try await call("GET", "/api/v1/jobs/a/trace?queue=default")
            try await call("GET", "/api/v1/jobs/a/explain")
            try await call("GET", "/api/v1/jobs/a/payload")
            try await call("GET", "/api/v1/jobs/a/result")
            try await call(
                "POST", "/api/v1/bulk-actions",
                #"{"dry_run":true,"action":"bury","filter":{"queue":"mail","state":"scheduled","tag":[],"since":"1h"},"reason":"x"}"#
            )
            // A member that is not known is refused whatever its value.
            for value in ["null", "1"] {
                let body = #"{"dry_run":true,"action":"cancel","filter":{"queue":"mail","colour":\#(value)}}"#
                try await call("POST", "/api/v1/bulk-actions", body, 400)
            }
            let offer = #"{"dry_run":true,"action":"cancel","filter":{"type":"none","tag":"x"}}"#
            let preview = try await web.call("POST", "/api/v1/bulk-actions", offer)
            let token = try #require(preview.text.firstMatch(of: /"token":"([0-9a-f]{32})"/)).output.1
            try await call("POST", "/api/v1/bulk-actions", #"{"token":"\#(token)"}"#, 202)
            try await call("POST", "/api/v1/bulk-actions", #"{"token":"\#(token)"}"#, 404)
            let begun = try await web.call("GET", "/api/v1/bulk-actions")
            let id = try #require(begun.text.firstMatch(of: /"id":"([0-9a-f]{32})"/)).output.1
            try await call("GET", "/api/v1/bulk-actions")
            while try await !web.call("GET", "/api/v1/bulk-actions/\(id)").text.contains(#""state":"done""#) {
                try await Task.sleep(for: .milliseconds(5))
            }
            try await call("GET", "/api/v1/bulk-actions/\(id)")
            try await call("POST", "/api/v1/bulk-actions/\(id)/stop", "{}", 409)
            try await call("POST", "/api/v1/jobs/b/bury", #"{"reason":"bad"}"#)
            try await call("POST", "/api/v1/jobs/b/redrive")
            try await call("POST", "/api/v1/jobs/b/cancel?queue=mail", #"{"reason":null}"#)
            try await call("DELETE", "/api/v1/jobs/b")
            #expect(seen == Set(web.document.operations.keys))
        }
    }

    @Test("has a status for each kind of error")
    func statuses() throws {
        let expected: [(SpanQueueError.Code, Int)] = [
            (.invalidArgument, 400), (.tooLarge, 413), (.notFound, 404), (.conflict, 409), (.invalidState, 409),
            (.leaseLost, 409), (.jobFailed, 409), (.unsupported, 501), (.unavailable, 503), (.closed, 503),
            (.timeout, 504),
            (.outOfMemory, 503), (.overloaded, 503), (.denied, 502), (.corruptRecord, 500), (.engine, 500),
        ]
        let page = try String(
            contentsOf: URL(filePath: #filePath).appending(path: "../../../docs/rest.md").standardized, encoding: .utf8)
        for (code, status) in expected {
            #expect(
                page.split(separator: "\n").contains { row in
                    row.prefix { $0 != "`" }.contains("\(status)") && row.contains("`\(code.rawValue)`")
                }, "docs/rest.md does not have \(code.rawValue) with \(status)")
            let problem = Problem(SpanQueueError(code, "why", mayHaveRun: true))
            #expect(problem?.status.code == status && problem?.code == code.rawValue && problem?.mayHaveRun == true)
            #expect((problem?.headers[.retryAfter] != nil) == (status == 503))
        }
    }
}
