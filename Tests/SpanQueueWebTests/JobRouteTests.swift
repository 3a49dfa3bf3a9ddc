// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueTesting
import Testing

@testable import SpanQueueWeb

@Suite("Jobs over REST", .timeLimit(.minutes(1)))
struct JobRouteTests {
    @Test("a job is enqueued as a line of a batch is, and found again")
    func enqueue() async throws {
        try await WebUnderTest.run { web in
            let body =
                #"{"type":"email:welcome","payload":{"user": 42},"queue":"critical","delay":"5s","tags":["vip"]}"#
            let receipt = try await web.call("POST", "/api/v1/jobs", body)
            #expect(receipt.status == 201 && receipt.string("state") == "scheduled")
            let id = try #require(receipt.string("id"))
            #expect(receipt.headers["location"] == "/api/v1/jobs/\(id)?queue=critical")
            let job = try await web.call("GET", "/api/v1/jobs/\(id)?queue=critical")
            #expect(job.object["tags"] as? [String] == ["vip"] && job.object["payload"] == nil)
            #expect(try await web.call("GET", "/api/v1/jobs/\(id)/payload").string("payload") == #"{"user": 42}"#)
            let wrong = try await web.call("POST", "/api/v1/jobs", #"{"type":"t","prio":1}"#)
            #expect(wrong.status == 400 && wrong.code == "invalid_argument")
        }
    }

    @Test("a unique job that is there is told of, and nothing is added")
    func unique() async throws {
        try await WebUnderTest.run { web in
            let body = #"{"type":"t","unique":"until-finished","queue":"mail"}"#
            let first = try await web.call("POST", "/api/v1/jobs", body)
            let second = try await web.call("POST", "/api/v1/jobs", body)
            #expect(first.status == 201 && second.status == 200)
            #expect(second.object["duplicate"] as? Bool == true && second.string("id") == first.string("id"))
            #expect(try await web.queue.counts(of: ["mail"]).first?[.ready] == 1)
        }
    }

    @Test("the same Idempotency-Key is the same job, and another job with it is refused")
    func idempotency() async throws {
        try await WebUnderTest.run { web in
            func post(_ body: String, _ key: String) async throws -> WebAnswer {
                try await web.call("POST", "/api/v1/jobs", body, headers: ["Idempotency-Key": key])
            }
            let first = try await post(#"{"type":"t","payload":1}"#, "order 1")
            let again = try await post(#"{"type":"t","payload":1}"#, "order 1")
            #expect(first.status == 201 && again.status == 201 && again.string("id") == first.string("id"))
            let other = try await post(#"{"type":"t","payload":2}"#, "order 1")
            #expect(other.status == 422 && other.code == "conflict")
            #expect(try await post(#"{"type":"t","payload":1}"#, "order 2").string("id") != first.string("id"))
            let batch = #"[{"type":"t","payload":1},{"type":"t","payload":2}]"#
            let results = try await post(batch, "batch").objects("results").map { $0["id"] as? String }
            #expect(try await post(batch, "batch").objects("results").map { $0["id"] as? String } == results)
            #expect(Set(results).count == 2)
            #expect(try await web.queue.counts(of: ["default"]).first?[.ready] == 4)
            #expect(try await post(#"{"type":"t","id":"own"}"#, "x").status == 400)
            #expect(try await post(#"{"type":"t"}"#, String(repeating: "k", count: 256)).status == 400)
        }
    }

    @Test("of many jobs each has its result, and one that is refused keeps no other out")
    func batch() async throws {
        try await WebUnderTest.run { web in
            let answer = try await web.call(
                "POST", "/api/v1/jobs", #"[{"type":"t","id":"a"},{"type":"no blanks"},7,{"type":"t","id":"d"}]"#)
            let results = answer.objects("results")
            #expect(answer.status == 200 && results.count == 4)
            #expect(results[0]["id"] as? String == "a" && results[3]["id"] as? String == "d")
            for (index, line) in [(1, 2), (2, 3)] {
                let error = results[index]["error"] as? [String: Any]
                #expect(results[index]["line"] as? Int == line && error?["code"] as? String == "invalid_argument")
            }
            let many = "[" + Array(repeating: #"{"type":"t"}"#, count: 1001).joined(separator: ",") + "]"
            #expect(try await web.call("POST", "/api/v1/jobs", many).status == 400)
            #expect(try await web.call("POST", "/api/v1/jobs", "[]").status == 400)
            #expect(try await web.queue.counts(of: ["default"]).first?[.ready] == 2)
        }
    }

    @Test("a job becomes part of the caller's trace")
    func trace() async throws {
        try await WebUnderTest.run { web in
            let answer = try await web.call(
                "POST", "/api/v1/jobs", #"{"type":"t"}"#,
                headers: ["traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
            #expect(answer.string("trace_id") == "0af7651916cd43dd8448eb211c80319c")
        }
    }

    @Test("one acts on what one has seen, or is told that it has moved")
    func tags() async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: [], .id("a"), .delay(.seconds(60)))
            let seen = try #require(try await web.call("GET", "/api/v1/jobs/a").headers["etag"])
            let same = try await web.call("GET", "/api/v1/jobs/a", headers: ["If-None-Match": "\"x\", \(seen)"])
            #expect(same.status == 304 && same.bytes.isEmpty && same.headers["etag"] == seen)
            web.clock.advance(by: .seconds(1))
            try await web.queue.redrive("a")
            let stale = try await web.call("POST", "/api/v1/jobs/a/cancel", headers: ["If-Match": seen])
            #expect(stale.status == 412 && stale.code == "precondition_failed")
            #expect(try await web.call("DELETE", "/api/v1/jobs/a", headers: ["If-Match": seen]).status == 412)
            let job = try await web.call("GET", "/api/v1/jobs/a", headers: ["If-None-Match": seen])
            #expect(job.status == 200 && job.string("state") == "ready")
            let now = try #require(job.headers["etag"])
            let done = try await web.call(
                "POST", "/api/v1/jobs/a/cancel", #"{"reason":"why"}"#, headers: ["If-Match": now])
            #expect(done.status == 200 && done.string("state") == "cancelled")
            let events = try await web.call("GET", "/api/v1/jobs/a").objects("events")
            #expect(events.map { $0["by"] as? String } == [nil, "local"] && events[1]["reason"] as? String == "why")
            #expect(try await web.call("POST", "/api/v1/jobs/a/redrive").code == "invalid_state")
        }
    }

    @Test("pages have each job once, with and without a filter, and a cursor is of one filter alone")
    func pages() async throws {
        try await WebUnderTest.run { web in
            var expected: Set<String> = []
            for number in 0..<25 {
                let id = "job-\(number)"
                let options: [EnqueueOption] = [
                    .id(try JobID(id)), .queue(number % 2 == 0 ? "a" : "b"),
                    .tags(number % 3 == 0 ? ["x", "y"] : ["y"]),
                ]
                try await web.queue.enqueue(type: number % 5 == 0 ? "other" : "mail:\(number)", payload: [], options)
                if number % 7 == 0 { try await web.queue.bury(try JobID(id)) }
                expected.insert(id)
            }
            func walk(_ filter: String) async throws -> [String] {
                var ids: [String] = []
                var cursor = ""
                repeat {
                    let page = try await web.call("GET", "/api/v1/jobs?limit=4\(filter)\(cursor)")
                    #expect(page.objects("jobs").count <= 4)
                    ids += page.objects("jobs").compactMap { $0["id"] as? String }
                    cursor = page.string("cursor").map { "&cursor=\($0)" } ?? ""
                } while !cursor.isEmpty && ids.count <= 100
                return ids
            }
            let all = try await walk("")
            #expect(all.count == 25 && Set(all) == expected)
            #expect(Set(try await walk("&tag=x&tag=y")) == Set((0..<25).filter { $0 % 3 == 0 }.map { "job-\($0)" }))
            #expect(try await walk("&type=other").count == 5)
            #expect(try await walk("&type=mail:*&queue=b").count == 10)
            #expect(Set(try await walk("&state=dead")) == ["job-0", "job-7", "job-14", "job-21"])
            let cursor = try #require(try await web.call("GET", "/api/v1/jobs?limit=4").string("cursor"))
            let other = try await web.call("GET", "/api/v1/jobs?limit=4&queue=a&cursor=\(cursor)")
            #expect(other.status == 400 && other.code == "invalid_argument")
            var names: [String] = []
            var next = ""
            repeat {
                let page = try await web.call("GET", "/api/v1/queues?limit=1\(next)")
                names += page.objects("queues").compactMap { $0["name"] as? String }
                next = page.string("cursor").map { "&cursor=\($0)" } ?? ""
            } while !next.isEmpty
            #expect(names == ["a", "b"])
        }
    }

    @Test("a queue is paused with a reason, and goes on")
    func pause() async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: [], .queue("mail"))
            let paused = try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":true,"reason":"deploy"}"#)
            #expect(paused.status == 200 && paused.object["paused"] as? Bool == true)
            #expect(try await web.queue.counts(of: ["mail"]).first?.isPaused == true)
            #expect(try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":"yes"}"#).status == 400)
            #expect(try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":false,"name":"x"}"#).status == 400)
            let resumed = try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":false}"#)
            #expect(resumed.object["paused"] as? Bool == false)
        }
    }
}
