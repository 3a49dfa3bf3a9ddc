// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueueAdmin
import Testing

@testable import SpanQueueCurl
@testable import spanq

@Suite("spanq health")
struct HealthTests {
    @Test("a server is ready, is not while its Redis is down, and is gone")
    func lifeOfAServer() async throws {
        let redis = try await RedisServer.start()
        defer { redis.stop() }
        let server = try HeldServer(redis: redis.url)
        defer { server.stop() }
        let url = try server.address() + "/readyz"

        let ready = try await CommandRun.spanq("health", "--url", url)
        #expect(ready.code == 0 && ready.output == "ok\n" && ready.errors.isEmpty)
        // The variable that makes it listen tells where to ask.
        let port = try #require(URL(string: url)?.port)
        let found = try await CommandRun.spanq("health", "--json", environment: ["SPANQ_LISTEN": "0.0.0.0:\(port)"])
        #expect(found.code == 0 && found.object["ready"] as? Bool == true && found.object["status"] as? Int == 200)
        #expect(found.object["url"] as? String == "http://127.0.0.1:\(port)/readyz")

        redis.stop()
        let away = try await CommandRun.spanq("health", "--url", url)
        #expect(away.code == 1 && away.isOneErrorLine && away.errors.contains("answered 503 engine: "))
        let other = try await CommandRun.spanq("health", "--url", url + "/nope")
        #expect(other.code == 1 && other.isOneErrorLine && other.errors.contains("answered 404"))

        server.stop()
        let gone = try await CommandRun.spanq("health", "--json", "--url", url)
        #expect(gone.code == 1 && gone.isOneErrorLine && gone.object["status"] is NSNull)
    }

    @Test("a worker leaves a queue alone that uses what it does not know, says so, and serves the others")
    func queueOfALaterVersion() async throws {
        let redis = try await RedisServer.start()
        defer { redis.stop() }
        for queue in ["later", "default"] {
            let enqueue = try await CommandRun.spanq("enqueue", "t", "--queue", queue, redis: redis.url)
            #expect(enqueue.code == 0)
        }
        // As a later version does when a queue begins to use a feature.
        try AuditCommandTests.redis(redis, "HSET", "spanq:{later}:meta", "uses", "64", "paused", "1")
        let worker = try HeldServer(["worker", "--exec", "t=true", "--queues", "later,default"], redis: redis.url)
        defer { worker.stop() }
        let url = try worker.address()
        func completed(_ queue: String) async throws -> Int? {
            let run = try await CommandRun.spanq("queue", "stats", "--json", queue, redis: redis.url)
            return ((run.object["queues"] as? [[String: Any]])?.first)?["completed"] as? Int
        }
        try await until("the job of the other queue is done") { try await completed("default") == 1 }
        try await until("it is not ready") {
            try await CommandRun.spanq("health", "--url", url + "/readyz").errors.contains(
                "answered 503 queues: later can't be served by this version of SpanQueue: upgrade it")
        }
        let page = try await CommandRun.shell("curl -s \(url)/metrics").output
        let claims = #"spanq_claims_total{queue="later",result="unsupported"} "#
        #expect(page.contains("\n" + claims))
        #expect(try await completed("later") == 0)

        // Once the queue uses nothing any more, it is served.
        try AuditCommandTests.redis(redis, "HDEL", "spanq:{later}:meta", "uses", "paused")
        try await until("the job of the queue is done") { try await completed("later") == 1 }
        #expect(try await CommandRun.spanq("health", "--url", url + "/readyz").code == 0)
    }

    @Test("what can't be asked is a usage error that names no password")
    func usage() async throws {
        let runs = [
            try await CommandRun.spanq("health", environment: ["SPANQ_LISTEN": "none"]),
            try await CommandRun.spanq("health", environment: ["SPANQ_LISTEN": "127.0.0.1:0"]),
            try await CommandRun.spanq("health", "--timeout", "soon"),
            try await CommandRun.spanq("health", "--timeout", "0s"),
            try await CommandRun.spanq("health", "--url", "ftp://u:canary@127.0.0.1/"),
        ]
        for run in runs { #expect(run.code == 2 && run.isOneErrorLine && !run.errors.contains("canary")) }
    }

    @Test(
        "a process that listens everywhere is asked over loopback",
        arguments: [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("web-1", "web-1")])
    func reachable(_ host: String, _ asked: String) {
        #expect(HealthCommand.reachable(host) == asked)
    }

    @Test("an answer of another program can't write control codes to a terminal")
    func foreignAnswer() {
        let response = CurlResponse(
            status: 500, retryAfter: nil, contentType: nil, body: Array("\u{1B}[31mred\r\nmore".utf8),
            isTruncated: false)
        #expect(HealthView(url: "http://h/", .success(response)).message == "http://h/ answered 500 [31mred")
    }
}

/// A real `spanq serve`, or worker, on a free port, which its log names.
private final class HeldServer {
    private let process = Process()
    private let log = Pipe()

    init(_ command: [String] = ["serve"], redis: String) throws {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        process.executableURL = own.deletingLastPathComponent().appendingPathComponent("spanq")
        process.arguments = command + ["--listen", "127.0.0.1:0", "--redis", redis, "--redis-timeout", "1s"]
        process.standardError = log
        try process.run()
    }

    func address() throws -> String {
        var text = ""
        while let more = try log.fileHandleForReading.read(upToCount: 1), !more.isEmpty {
            text += String(decoding: more, as: UTF8.self)
            if more.last == 0x0A, let found = text.firstMatch(of: /address=(\S+:\d+)/) { return "http://\(found.1)" }
        }
        throw CocoaError(.fileReadUnknown, userInfo: [NSLocalizedDescriptionKey: "spanq serve ended: \(text)"])
    }

    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }
}
