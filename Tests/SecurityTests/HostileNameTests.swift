// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Testing

/// Names that are meant for somebody behind: a key, a header, a page, a path, a terminal.
@Suite("Hostile names are refused where they come in", .serialized, .timeLimit(.minutes(3)))
struct HostileNameTests {
    private static let names = [
        "{x}", "a}:{b", "a\r\nX: y", "<script>alert(1)</script>", "..%2f", "..\\etc", "a b", "é", "a\u{1B}[2Ja", "",
        "a*", "a?b", "a'b\"c", "$(id)", "`id`", "a;b", "\u{202E}a", String(repeating: "x", count: 10_000),
    ]
    /// Where a slash is allowed, in types and tags, they are no part of a path either.
    private static let paths = ["../../etc", "/etc/passwd"]
    /// Only where a program's argument can't have it.
    private static let inside = names + ["a\0b"]

    @Test("by the library, before anything is sent")
    func library() async throws {
        let redis = try await RedisUnderTest.start()
        defer { redis.stop() }
        let queue = try JobQueue(engine: .redis(redis.url, redis.options))
        for name in Self.inside {
            func refuses(_ what: String, _ body: () async throws -> Void) async {
                let error = await #expect(throws: SpanQueueError.self, "\(what) \(name.prefix(40))") {
                    try await body()
                }
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } == true)
                #expect((error?.message.utf8.count ?? 0) < 400)
            }
            await refuses("type") { _ = try await queue.enqueue(type: name, payload: []) }
            await refuses("queue") { _ = try await queue.enqueue(type: "a", payload: [], .queue(name)) }
            await refuses("tag") { _ = try await queue.enqueue(type: "a", payload: [], .tags([name])) }
            await refuses("id") { _ = try JobID(name) }
        }
        for name in Self.paths {
            await #expect(throws: SpanQueueError.self) { try await queue.enqueue(type: "a", payload: [], .queue(name)) }
            #expect(throws: SpanQueueError.self) { try JobID(name) }
        }
        #expect(try await queue.counts().isEmpty)
        await queue.shutdown()
    }

    @Test("by the command, its batches and its settings, in one clean line")
    func command() async throws {
        let redis = try await RedisUnderTest.start()
        defer { redis.stop() }
        let environment = redis.environment
        func refused(_ arguments: [String], _ code: Int32 = 2, input: String = "", config: [String: String] = [:])
            async throws
        {
            let run = try await SpanqRun.spanq(
                arguments, environment: environment.merging(config) { $1 }, input: Array(input.utf8))
            let what = "\(arguments.map { $0.prefix(40) }): \(run.output.prefix(600))"
            #expect(run.code == code, "\(what)")
            let isClean = run.output.unicodeScalars.allSatisfy {
                $0 == "\n" || ![.control, .format].contains($0.properties.generalCategory)
            }
            #expect(isClean, "\(what)")
            #expect(run.output.utf8.count < 1000, "\(what)")
        }
        for name in Self.names {
            try await refused(["enqueue", "--", name, "{}"])
            try await refused(["enqueue", "a", "--queue=\(name)"])
            try await refused(["enqueue", "a", "--id=\(name)"])
            try await refused(["job", "show", "--", name])
            try await refused(["queue", "pause", "--", name])
            try await refused(["worker", "--once", "--exec=\(name)!=true"])
            if !name.isEmpty {
                try await refused(["worker", "--once", "--exec", "a=true"], config: ["SPANQ_QUEUES": name])
            }
        }
        for name in Self.inside {
            let quoted = String(decoding: try JSONEncoder().encode(name), as: UTF8.self)
            for line in [
                #"{"type":\#(quoted)}"#, #"{"type":"a","queue":\#(quoted)}"#, #"{"type":"a","id":\#(quoted)}"#,
            ] {
                try await refused(["enqueue", "--batch", "-"], 1, input: line)
            }
            // A member that there is not.
            if !name.isEmpty {
                try await refused(["enqueue", "--batch", "-"], 1, input: #"{"type":"a",\#(quoted):1}"#)
            }
        }
        let stats = try await SpanqRun.spanq("queue", "list", "--json", environment: environment)
        #expect(!stats.output.contains("{"), "something was enqueued: \(stats.output)")
    }

    @Test("what a job says is shown without its control characters")
    func shown() async throws {
        let redis = try await RedisUnderTest.start()
        defer { redis.stop() }
        let environment = redis.environment
        let hostile = "\u{1B}]0;title\u{7}\u{1B}[2J\u{202E}"
        _ = try await SpanqRun.spanq(
            "enqueue", "a", hostile, "--id", "j", "--max-retries", "0", environment: environment)
        _ = try await SpanqRun.spanq(
            "worker", "--once", "--exec", #"a=sh -c 'cat >&2; exit 1'"#, "--listen", "none", environment: environment)
        for arguments in [
            ["job", "show", "j"], ["job", "trace", "j"], ["dead", "list"], ["job", "show", "j", "--json"],
        ] {
            let run = try await SpanqRun.spanq(arguments, environment: environment)
            #expect(run.code == 0 && run.output.contains("title"), "\(arguments): \(run.output)")
            #expect(!run.output.utf8.contains { $0 == 0x1B || $0 == 0x07 }, "\(arguments)")
        }
    }
}
