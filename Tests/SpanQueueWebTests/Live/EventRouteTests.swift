// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueAdmin
import SpanQueueServer
import SpanQueueTesting
import Testing

@testable import SpanQueueWeb

@Suite("The stream of events", .serialized, .timeLimit(.minutes(3)))
struct EventRouteTests {
    private static let path = "/api/v1/events"

    private func claim(_ web: WebUnderTest, _ queue: String = "default") async throws -> [ClaimedJob] {
        try await web.queue.engine.claim(ClaimRequest(queue: queue, limit: 10, lease: .hours(1), worker: "w")).jobs
    }

    @Test("says hello, how things stand, and what happens, each frame with an id")
    func frames() async throws {
        try await WebUnderTest.run(live: .fast) { web in
            try await web.queue.enqueue(type: "email:hi", payload: [], .queue("mail"), .priority(3))
            let client = try StreamClient(port: web.port, Self.path)
            try await client.wait("all topics") { client in
                ["hello", "stats", "depth", "workers"].allSatisfy { !client.frames($0).isEmpty }
            }
            #expect(client.head.hasPrefix("HTTP/1.1 200 "))
            for field in ["Content-Type: text/event-stream", "Cache-Control: no-store", "X-Accel-Buffering: no"] {
                #expect(client.head.contains(field), "\(client.head)")
            }
            #expect(!client.head.lowercased().contains("content-encoding"))
            #expect(client.text.hasPrefix("retry: 2000\n\n"))
            let hello = try #require(client.frames.first)
            #expect(hello.event == "hello" && hello.object["resumed"] as? Bool == false)
            #expect(hello.object["topics"] as? [String] == ["stats", "depth", "workers", "jobs"])
            let boot = try #require(hello.object["boot"] as? String)
            #expect(client.frames.allSatisfy { $0.id.hasPrefix("\(boot)-") })
            let stats = try #require(client.frames("stats").first?.object["stats"] as? [String: Any])
            #expect((stats["queues"] as? [[String: Any]])?.first?["name"] as? String == "mail")
            let depth = try #require(client.frames("depth").first?.object["queues"] as? [[String: Any]])
            #expect(depth.first?["ready"] as? [Int] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            #expect(try await claim(web, "mail").count == 1)
            try await client.wait("the start of the job") { !$0.frames("jobs").isEmpty }
            let jobs = try #require(client.frames("jobs").first?.object["jobs"] as? [[String: Any]])
            #expect(jobs.first?["event"] as? String == "started" && jobs.first?["type"] as? String == "email:hi")
            client.close()
        }
    }

    @Test("has the topics and queues that are asked for, and says what is wrong with others")
    func filter() async throws {
        try await WebUnderTest.run(live: .fast) { web in
            for queue in ["a", "b"] { try await web.queue.enqueue(type: "t", payload: [], .queue(queue)) }
            let client = try StreamClient(port: web.port, Self.path + "?topics=depth,jobs&queues=b,none")
            try await client.wait("frames") { $0.frames("depth").count > 3 }
            #expect(client.frames("stats").isEmpty && client.frames("workers").isEmpty)
            let names = client.frames("depth").last?.object["queues"] as? [[String: Any]]
            #expect(names?.map { $0["name"] as? String } == ["b"])
            client.close()
            for query in [
                "topics=all", "topics=", "topics=stats,,depth", "queues=a%20b", "queues=", "other=1",
                "topics=stats&topics=depth", "queues=" + Array(repeating: "q", count: 101).joined(separator: ","),
            ] {
                let answer = try await web.call("GET", Self.path + "?" + query)
                #expect(answer.status == 400 && answer.code == "invalid_argument", "\(query)")
            }
            #expect(try await web.call("POST", Self.path, "{}").status == 405)
            #expect(try await web.call("HEAD", Self.path).status == 200)
        }
    }

    @Test("curl reads it, and comes back where it was")
    func curl() async throws {
        try await WebUnderTest.run(live: .fast) { web in
            try await web.queue.enqueue(type: "t", payload: [])
            // Somebody else watches all the while, so that the server remembers.
            let other = try StreamClient(port: web.port, Self.path)
            try await other.wait("stats") { !$0.frames("stats").isEmpty }
            func curl(_ arguments: String...) async throws -> String {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
                process.arguments =
                    ["curl", "--silent", "--no-buffer", "--max-time", "2"] + arguments
                    + ["http://localhost:\(web.port)\(Self.path)?topics=jobs"]
                let output = Pipe()
                process.standardOutput = output
                try process.run()
                return try await withCheckedThrowingContinuation { continuation in
                    Thread.detachNewThread {
                        let data = output.fileHandleForReading.readDataToEndOfFile()
                        process.waitUntilExit()
                        continuation.resume(returning: String(decoding: data, as: UTF8.self))
                    }
                }
            }
            let first = try await curl()
            #expect(first.contains("event: hello\n") && first.contains("\ndata: {"))
            let id = try #require(first.firstMatch(of: /id: (\S+)/)?.1)
            let claims = try await claim(web)
            try await other.wait("the job's start") { $0.frames("jobs").contains { $0.data.contains("started") } }
            let second = try await curl("--header", "Last-Event-ID: \(id)")
            #expect(second.contains(#""resumed":true"#) && second.contains(#""event":"started""#), "\(second)")
            #expect(!second.contains("event: reset"))
            let third = try await curl("--header", "Last-Event-ID: 1-1")
            #expect(third.contains(#""resumed":false"#) && third.contains("event: reset\n"))
            #expect(claims.count == 1)
            other.close()
        }
    }

    @Test("64 may watch, the next is told to come later; who goes makes room, also without a word")
    func bounded() async throws {
        try await WebUnderTest.run { web in
            var clients = try (0..<64).map { _ in try StreamClient(port: web.port, Self.path) }
            for client in clients { try await client.wait("hello") { !$0.frames.isEmpty } }
            let answer = try await web.call("GET", Self.path)
            #expect(answer.status == 503 && answer.code == "overloaded" && answer.headers["retry-after"] != nil)
            // Those who only ask are answered: streams make room for nobody, and take none away.
            for _ in 0..<80 { #expect(try await web.call("GET", "/api/v1/session").status == 200) }
            #expect(clients.allSatisfy { !$0.isClosed })
            clients.removeLast().close()
            try await eventually("there is room") {
                let next = try StreamClient(port: web.port, Self.path)
                try await eventually("an answer") { !next.head.isEmpty }
                defer { next.close() }
                return next.head.hasPrefix("HTTP/1.1 200 ")
            }
            for client in clients { client.close() }
        }
    }

    @Test("a reader who stops reading is cut, and the others are not moved")
    func stalled() async throws {
        var limits = ConnectionLimits()
        limits.streamTimeout = .seconds(1)
        try await WebUnderTest.run(limits: limits, live: .fast) { web in try await stall(web) }
    }

    private func stall(_ web: WebUnderTest) async throws {
        // Frames of some 80 KB each, fifty times a second: what the kernel takes is soon full.
        for number in 0..<240 { try await web.queue.enqueue(type: "t", payload: [], .queue("queue-\(number)")) }
        let reader = try StreamClient(port: web.port, Self.path + "?topics=stats&queues=queue-1")
        let stalled = try StreamClient(port: web.port, Self.path, receiveBuffer: 4096, reads: false)
        try await Task.sleep(for: .seconds(4))
        let goal = reader.frames.count + 10
        // What was written before it was cut is still there; then it ends.
        stalled.read()
        try await stalled.wait("the end of the stalled") { $0.isClosed }
        #expect(!reader.isClosed)
        try await reader.wait("more frames") { $0.frames.count > goal }
        let numbers = reader.numbers
        #expect(numbers == numbers.sorted())
        reader.close()
    }

    @Test("a stream is longer than an answer may take, and ends when its time is up")
    func length() async throws {
        var limits = ConnectionLimits()
        limits.answerTimeout = .milliseconds(300)
        var live = LiveLimits.fast
        live.stream = .seconds(2)
        try await WebUnderTest.run(limits: limits, live: live) { web in
            let started = ContinuousClock.now
            let client = try StreamClient(port: web.port, Self.path)
            try await client.wait("the end") { $0.isClosed }
            #expect(.now - started >= .seconds(2))
            // The last chunk: it was ended and not broken.
            #expect(client.frames.count > 2 && client.head.contains("Connection: close"))
        }
    }

    @Test("who may see some queues hears of these alone; who is not known hears nothing", arguments: [false, true])
    func access(isSocket: Bool) async throws {
        try await WebUnderTest.run(users: ["ada viewer mail-*", "boss admin *"], live: .fast) { web in
            try await see(web, isSocket: isSocket)
        }
    }

    private func see(_ web: WebUnderTest, isSocket: Bool) async throws {
        for queue in ["mail-a", "mail-b", "secret"] {
            try await web.queue.enqueue(type: "t", payload: [], .queue(queue))
        }
        try await web.queue.engine.announce(
            WorkerInfo(
                id: "w", host: "h", pid: 1, queues: ["mail-a", "secret"], concurrency: 1, busy: 0,
                startedAt: web.clock.now, version: "1"), lifetime: .hours(1))
        var headers: [String: String] = [:]
        if isSocket {
            headers = [
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            ]
        }
        let nobody = try StreamClient(port: web.port, Self.path, headers: headers)
        try await nobody.wait("an answer") { !$0.head.isEmpty }
        #expect(nobody.head.hasPrefix("HTTP/1.1 401 "))
        nobody.close()
        func open(_ name: String, _ query: String = "") throws -> StreamClient {
            let token = try #require(web.tokens[name])
            return try StreamClient(
                port: web.port, Self.path + query,
                headers: headers.merging(["Authorization": "Bearer \(token.text)"]) { $1 }
            )
        }
        let (ada, boss) = (try open("ada"), try open("boss"))
        let asked = try open("ada", "?queues=secret,mail-b")
        for client in [ada, boss, asked] {
            try await client.wait("figures") { client in
                ["stats", "depth", "workers"].allSatisfy { client.all.contains($0) }
            }
        }
        for queue in ["mail-a", "secret"] { _ = try await claim(web, queue) }
        try await boss.wait("both starts") { $0.all.contains(#""queue":"secret""#) }
        try await ada.wait("one start") { $0.all.contains(#""queue":"mail-a""#) }
        #expect(boss.all.contains("secret"))
        #expect(!ada.all.contains("secret") && !asked.all.contains("secret") && !asked.all.contains("mail-a"))
        // The worker that serves a queue that is seen is seen, without the other queue.
        #expect(ada.all.contains(#""queues":["mail-a"]"#) && ada.all.contains(#""workers_alive":1"#))
        for client in [ada, boss, asked] { client.close() }
    }

    @Test(
        "whose token is taken out of the file, or who has other rights now, hears no more, and comes again as that",
        arguments: [false, true])
    func revoked(isSocket: Bool) async throws {
        try await WebUnderTest.run(users: ["ada viewer mail", "bob viewer *", "cy viewer mail"], live: .fast) { web in
            try await web.queue.enqueue(type: "t", payload: [], .queue("mail"))
            try await web.queue.enqueue(type: "t", payload: [], .queue("secret"))
            func open(_ name: String) async throws -> StreamClient {
                let token = try #require(web.tokens[name])
                let headers = (isSocket ? Self.upgrade : [:]).merging(["Authorization": "Bearer \(token.text)"]) { $1 }
                let client = try StreamClient(port: web.port, Self.path, headers: headers)
                try await client.wait("an answer") { !$0.head.isEmpty }
                return client
            }
            let (ada, bob, cy) = (try await open("ada"), try await open("bob"), try await open("cy"))
            for client in [ada, bob, cy] { try await client.wait("figures") { $0.all.contains("stats") } }
            #expect(bob.all.contains("secret"))
            try web.write(users: ["bob viewer mail", "cy viewer mail"])
            for client in [ada, bob] { try await client.wait("the end") { $0.isClosed } }
            #expect(!cy.isClosed)
            let again = try await open("ada")
            #expect(again.head.hasPrefix("HTTP/1.1 401 "))
            let less = try await open("bob")
            try await less.wait("figures") { $0.all.contains("mail") }
            #expect(!less.all.contains("secret"))
            // Nobody has tried a wrong token: who watches is asked without being counted.
            #expect(try await web.call("GET", "/api/v1/stats", as: "cy").status == 200)
            for client in [cy, again, less] { client.close() }
        }
    }

    private static let upgrade = [
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    @Test("who signs out hears no more in any tab; who is signed in elsewhere goes on hearing")
    func signedOut() async throws {
        try await WebUnderTest.run(users: ["ada viewer *"], live: .fast) { web in
            let token = try #require(web.tokens["ada"])
            func signIn() async throws -> String {
                let body = #"{"name":"ada","token":"\#(token.text)"}"#
                let answer = try await web.call(
                    "POST", "/api/v1/session", body, headers: ["Sec-Fetch-Site": "same-origin"])
                return try #require(answer.headers["set-cookie"]?.split(separator: ";").first.map(String.init))
            }
            let here = try await signIn()
            // A cookie says until when it counts, to a millisecond.
            try await Task.sleep(for: .milliseconds(5))
            let elsewhere = try await signIn()
            try #require(here != elsewhere)
            let tabs = try (0..<2).map { _ in
                try StreamClient(port: web.port, Self.path, headers: ["Cookie": here, "Sec-Fetch-Site": "same-origin"])
            }
            let other = try StreamClient(
                port: web.port, Self.path, headers: ["Cookie": elsewhere, "Sec-Fetch-Site": "same-origin"])
            for client in tabs + [other] { try await client.wait("figures") { !$0.frames("stats").isEmpty } }
            let answer = try await web.call(
                "DELETE", "/api/v1/session", headers: ["Cookie": here, "Sec-Fetch-Site": "same-origin"])
            #expect(answer.status == 204)
            for client in tabs { try await client.wait("the end") { $0.isClosed } }
            let count = other.frames.count
            try await other.wait("more") { $0.frames.count > count + 5 }
            other.close()
        }
    }

    @Test("what is to be masked is masked in what happens too: texts of errors, of notices, and types")
    func masked() async throws {
        var access = WebAccess()
        access.redaction = try Redaction(["password"])
        try await WebUnderTest.run(access: access, live: .fast) { web in
            try await web.queue.enqueue(type: "password:hunter2", payload: [])
            let client = try StreamClient(port: web.port, Self.path)
            try await client.wait("figures") { !$0.frames("stats").isEmpty }
            let job = try #require(try await claim(web).first)
            let report = AttemptReport(errorType: "password=hunter3", error: "x")
            _ = try await web.queue.engine.settle([Settlement(job, .bury(.manual), report)])
            try await client.wait("the end of the job") { $0.text.contains("buried") }
            #expect(client.text.contains("password=‹masked›") && client.text.contains("password:‹masked›"))
            #expect(!client.text.contains("hunter"))
            client.close()
        }
    }

    @Test("a stop of the server ends all streams with a word, and at once")
    func stopped() async throws {
        let clients = try await WebUnderTest.run(live: .fast) { web -> [StreamClient] in
            let clients = try (0..<3).map { _ in try StreamClient(port: web.port, Self.path) }
            for client in clients { try await client.wait("hello") { !$0.frames.isEmpty } }
            return clients
        }
        for client in clients {
            try await client.wait("the end") { $0.isClosed }
            #expect(client.frames("notice").last?.object["code"] as? String == "stopping")
        }
    }
}
