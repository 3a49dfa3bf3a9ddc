// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueRedis
import Testing

/// The rights of `deploy/redis/users.acl`. That the engine does all its work with them is shown by the conformance suite, which
/// `Scripts/test` runs a second time as that user.
@Suite("The Redis user with the least rights", .serialized, .timeLimit(.minutes(2)))
struct LeastRightsTests {
    @Test("a job goes its way, and the audit reads everything and repairs")
    func commands() async throws {
        let redis = try await RedisUnderTest.startRestricted()
        defer { redis.stop() }
        let environment = redis.environment
        func run(_ arguments: String...) async throws -> SpanqRun {
            let run = try await SpanqRun.spanq(arguments, environment: environment)
            #expect(
                !run.output.contains("NOPERM") && !run.output.contains("lacks a right"), "\(arguments): \(run.output)")
            return run
        }
        for id in ["one", "two"] {
            #expect(try await run("enqueue", "a", "--id", id, "--unique", "1h", "--unique-key", id).code == 0)
        }
        #expect(try await run("worker", "--once", "--exec", "a=cat", "--listen", "none").code == 0)
        #expect(try await run("enqueue", "fails", "--id", "three", "--max-retries", "0").code == 0)
        #expect(try await run("worker", "--once", "--exec", "fails=false", "--listen", "none").code == 0)
        #expect(try await run("dead", "redrive", "three").code == 0)
        #expect(try await run("job", "cancel", "three").code == 0)
        for arguments in [
            ["queue", "stats"], ["job", "list"], ["job", "trace", "one"], ["queue", "pause", "default"],
        ] {
            let shown = try await SpanqRun.spanq(arguments, environment: environment)
            #expect(shown.code == 0, "\(shown.output)")
        }
        let journal = try await run("journal")
        #expect(journal.code == 0 && journal.output.contains("pause") && journal.output.contains("redrive"))
        let clean = try await run("audit")
        #expect(clean.code == 0, "\(clean.output)")
        #expect(try await run("audit", "--repair", "--yes").code == 0)
        #expect(try await run("queue", "purge", "default", "--yes").code == 0)
    }

    @Test("another key, or another command, is out of reach")
    func others() async throws {
        let redis = try await RedisUnderTest.startRestricted()
        defer { redis.stop() }
        func cli(_ arguments: [String]) throws -> String {
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["redis-cli", "-s", redis.server.socketPath, "--user", "spanq"] + arguments
            process.standardOutput = output
            process.standardError = output
            let user = try #require(URLComponents(string: redis.server.restrictedURL))
            process.environment = ProcessInfo.processInfo.environment.merging(
                ["REDISCLI_AUTH": user.password ?? ""]) { $1 }
            try process.run()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return String(decoding: data, as: UTF8.self)
        }
        #expect(try cli(["PING"]).contains("PONG"))
        for command in [
            ["GET", "other"], ["SET", "other", "1"], ["ACL", "LIST"], ["CLIENT", "LIST"], ["PUBLISH", "a", "b"],
            ["OBJECT", "HELP"], ["SCRIPT", "FLUSH"], ["SWAPDB", "0", "1"],
            ["EVAL", "return redis.call('GET', 'other')", "0"],
            ["EVAL", "return redis.call('ACL', 'WHOAMI')", "0"],
        ] {
            let answer = try cli(command)
            #expect(
                ["NOPERM", "permissions", "can't", "not allowed"].contains { answer.contains($0) },
                "\(command): \(answer)")
        }
        for command in ["FLUSHALL", "CONFIG", "KEYS", "DEBUG", "SHUTDOWN", "MODULE"] {
            #expect(try cli([command]).contains("unknown command"))
        }
    }

    @Test("a right that is missing is named", arguments: [("+info", "info"), ("+zrange", "ZRANGE"), ("+get", "get")])
    func missing(rule: String, word: String) async throws {
        let redis = try await RedisUnderTest.startRestricted { $0.replacing(" \(rule) ", with: " ") }
        defer { redis.stop() }
        let environment = redis.environment
        let run = try await SpanqRun.spanq("queue", "purge", "default", "--yes", environment: environment)
        let enqueue = try await SpanqRun.spanq("enqueue", "a", environment: environment)
        let worker = try await SpanqRun.spanq(
            "worker", "--once", "--exec", "a=true", "--listen", "none", environment: environment)
        let output = run.output + enqueue.output + worker.output
        #expect(output.contains(word) && output.contains("ACL"), "\(output)")
        #expect([run, enqueue, worker].contains { $0.code != 0 })
    }
}
