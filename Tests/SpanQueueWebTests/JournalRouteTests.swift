// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import Testing

@testable import SpanQueueWeb

@Suite("The journal over REST", .timeLimit(.minutes(1)))
struct JournalRouteTests {
    private static let browser = ["Sec-Fetch-Site": "same-origin"]

    @Test("what is done over REST and in the pages is in it, page by page and as lines")
    func deeds() async throws {
        try await WebUnderTest.run { web in
            for id: JobID in ["a", "b"] {
                try await web.queue.enqueue(type: "t", payload: [], .id(id), .queue("mail"), .delay(.seconds(60)))
            }
            #expect(try await web.call("GET", "/api/v1/journal").objects("deeds").isEmpty)
            try await web.call(
                "PATCH", "/api/v1/queues/mail", #"{"paused":true,"reason":"deploy"}"#, headers: Self.browser)
            try await web.call("POST", "/api/v1/jobs/a/cancel", #"{"reason":"why"}"#)
            try await web.call("POST", "/api/v1/jobs/a/redrive")
            let page = try await web.call("GET", "/api/v1/journal?limit=2")
            #expect(page.objects("deeds").map { $0["action"] as? String } == ["redrive", "cancel"])
            #expect(page.objects("deeds").map { $0["outcome"] as? String } == ["failed", "done"])
            let cursor = try #require(page.string("cursor"))
            let rest = try await web.call("GET", "/api/v1/journal?limit=2&cursor=\(cursor)").objects("deeds")
            #expect(
                rest.count == 1 && rest[0]["action"] as? String == "pause" && rest[0]["reason"] as? String == "deploy")
            #expect(
                rest[0]["via"] as? String == "web" && page.objects("deeds").allSatisfy { $0["via"] as? String == "api" }
            )
            let lines = try await web.call("GET", "/api/v1/journal/lines?action=cancel")
            #expect(lines.text.split(separator: "\n").count == 1 && lines.text.contains(#""target":"a""#))
            #expect(lines.headers["content-disposition"]?.hasPrefix("attachment") == true)
            #expect(try await web.call("GET", "/api/v1/journal?limit=1&by=x&cursor=\(cursor)").status == 400)
        }
    }

    @Test("a person who looks at what a job carries is in it, a program is not")
    func looks() async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: Array("x".utf8), .id("a"), .queue("mail"))
            try await web.call("GET", "/api/v1/jobs/a/payload")
            #expect(try await web.call("GET", "/api/v1/journal").objects("deeds").isEmpty)
            try await web.call("GET", "/api/v1/jobs/a/payload", headers: Self.browser)
            try await web.call("GET", "/api/v1/jobs/a/result", headers: Self.browser)
            let deeds = try await web.call("GET", "/api/v1/journal").objects("deeds")
            #expect(deeds.map { $0["action"] as? String } == ["show_result", "show_payload"])
            #expect(deeds.allSatisfy { $0["target"] as? String == "a" && $0["queue"] as? String == "mail" })
        }
    }

    @Test("a queue says who paused it and why; what all may see does not")
    func pause() async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
            let paused = try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":true,"reason":"deploy"}"#)
            let note = try #require(paused.object["pause"] as? [String: Any])
            #expect(note["by"] as? String == "local" && note["reason"] as? String == "deploy")
            #expect(try await !web.call("GET", "/api/v1/stats").text.contains("deploy"))
            let why = try await web.call("GET", "/api/v1/jobs/a/explain").text
            #expect(why.contains("queue mail is paused (by local, 0ms ago): deploy"))
            let resumed = try await web.call("PATCH", "/api/v1/queues/mail", #"{"paused":false}"#)
            #expect(resumed.object["pause"] is NSNull)
        }
    }
}
