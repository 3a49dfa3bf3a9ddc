// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueAdmin
import SpanQueueTesting
import Testing

@testable import SpanQueueWeb

@Suite("Many at once over REST", .timeLimit(.minutes(1)))
struct RaceTests {
    @Test(
        "of two deeds on what both have seen, made at once, one is done, and the other is told that the job has moved")
    func deeds() async throws {
        try await WebUnderTest.run { web in
            for round in 0..<30 {
                let id = "job-\(round)"
                try await web.queue.enqueue(type: "t", payload: [], .id(try JobID(id)), .delay(.seconds(60)))
                let tag = try #require(try await web.call("GET", "/api/v1/jobs/\(id)").headers["etag"])
                let answers = try await withThrowingTaskGroup(of: (String, Int).self) { tasks in
                    for number in 0..<8 {
                        tasks.addTask {
                            let (method, path) = number % 2 == 0 ? ("POST", "/redrive") : ("DELETE", "")
                            let answer = try await web.call(
                                method, "/api/v1/jobs/\(id)\(path)", headers: ["If-Match": tag])
                            return (method, answer.status)
                        }
                    }
                    return try await tasks.reduce(into: []) { $0.append($1) }
                }
                let done = Set(answers.filter { $0.1 == 200 }.map(\.0))
                #expect(done.count == 1, "round \(round): \(answers)")
                #expect(answers.allSatisfy { [200, 404, 412].contains($0.1) }, "round \(round): \(answers)")
                #expect(try await (web.queue.job(try JobID(id)) == nil) == done.contains("DELETE"))
            }
        }
    }

    @Test(
        "fifty browsers of six connections each, which all come in one moment, as when a server is back, are all answered"
    )
    func crowd() async throws {
        try await WebUnderTest.run { web in
            try await web.queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"))
            let targets = ["stats", "queues", "workers", "jobs?state=active", "jobs/a", "session"]
            // All of them are there before one asks.
            let clients = try (0..<50).flatMap { _ in
                try targets.map { (target: $0, connection: try RawClient(port: web.port)) }
            }
            for client in clients {
                client.connection.send(
                    "GET /api/v1/\(client.target) HTTP/1.1\r\nHost: localhost:\(web.port)\r\nConnection: close\r\n\r\n")
            }
            var answered = 0
            for client in clients {
                let answer = Answer(await client.connection.readToEnd())
                if answer?.status == 200 { answered += 1 }
            }
            #expect(answered == clients.count)
        }
    }

    @Test("a deed is not done to a job that has left the state that was seen, between the look and the deed too")
    func state() async throws {
        let queue = try JobQueue.testing()
        let admin = Admin(queue)
        let ada = Principal(name: "ada", way: .api)
        try await queue.enqueue(type: "t", payload: [], .id("a"), .queue("mail"), .delay(.seconds(60)))
        try await queue.redrive("a")
        let error = await #expect(throws: SpanQueueError.self) {
            try await admin.run(.act(.remove, "a", queue: "mail"), as: ada, ifStill: .scheduled)
        }
        #expect(error?.code == .invalidState)
        #expect(try await queue.job("a")?.state == .ready)
        _ = try await admin.run(.act(.remove, "a", queue: "mail"), as: ada, ifStill: .ready)
        #expect(try await queue.job("a") == nil)
    }

    @Test("what stands for a job's state is made of what is shown: neither a result nor a masked text changes it")
    func tags() async throws {
        let queue = try JobQueue.testing()
        try await queue.enqueue(type: "t", payload: [], .id("a"))
        let record = try #require(try await queue.job("a"))
        let redaction = try Redaction(["password"])
        func tag(_ redaction: Redaction, _ change: (inout JobRecord) -> Void) -> String {
            var changed = record
            change(&changed)
            return EntityTag.of(changed, redaction)
        }
        for one in [redaction, Redaction()] {
            let plain = tag(one) { _ in }
            #expect(tag(one) { $0.run.result = Array("secret".utf8) } == plain)
            #expect(tag(one) { $0.run.attempts = 1 } != plain)
            #expect(tag(one) { $0.state = .dead } != plain)
        }
        func note(_ text: String, _ redaction: Redaction) -> String {
            tag(redaction) { $0.run.progress = JobProgress(fraction: 0.5, note: text) }
        }
        #expect(note("password=a", redaction) == note("password=b", redaction))
        #expect(note("password=a", Redaction()) != note("password=b", Redaction()))
        #expect(note("at 1", redaction) != note("at 2", redaction))
    }

    @Test(
        "what is masked is no answer's business: filters, tags, ids and digests over REST, for a viewer and for an operator"
    )
    func oracles() async throws {
        var access = WebAccess()
        access.redaction = try Redaction(["password"])
        try await WebUnderTest.run(users: ["vera viewer *", "otto operator *"], access: access) { web in
            try await web.queue.enqueue(
                type: "t", payload: Array("{}".utf8), .id("password=secret"), .queue("mail"),
                .tags(["password=secret"]),
                .unique(.untilFinished))
            try await web.queue.enqueue(
                type: "t", payload: Array("{}".utf8), .id("plain"), .queue("mail"), .delay(.seconds(9)))
            try await web.queue.bury("password=secret", reason: "password=secret")
            for user in ["vera", "otto"] {
                for query in ["error=secret", "tag=password%3Dsecret", "id=password%3Ds", "error=password%3Ds"] {
                    let page = try await web.call("GET", "/api/v1/jobs?\(query)", as: user)
                    #expect(page.status == 200 && page.objects("jobs").isEmpty, "\(query): \(page.text)")
                    #expect(page.object["scanned"] as? Int == 2)
                }
                let found = try await web.call("GET", "/api/v1/jobs?error=password&state=dead", as: user).objects(
                    "jobs")
                #expect(found.count == 1 && found[0]["unique_digest"] is NSNull)
                #expect(found[0]["id"] as? String == "password=‹masked›")
                for path in ["", "/trace", "/explain"] {
                    let answer = try await web.call("GET", "/api/v1/jobs/password=secret\(path)", as: user)
                    #expect(answer.status == 404, "\(path)")
                }
            }
        }
        try await WebUnderTest.run(users: ["vera viewer *", "otto operator *"]) { web in
            try await web.queue.enqueue(type: "t", payload: [], .id("a"), .unique(.untilFinished))
            for (user, isShown) in [("vera", false), ("otto", true)] {
                for path in ["/api/v1/jobs/a", "/api/v1/jobs"] {
                    let text = try await web.call("GET", path, as: user).text
                    #expect(text.contains(#""unique_digest":null"#) != isShown, "\(user) \(path)")
                }
            }
        }
    }
}
