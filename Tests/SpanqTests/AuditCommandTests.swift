// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@testable import spanq

@Suite("The audit command", .serialized)
struct AuditCommandTests {
    /// A Redis with one job that is in order, one that is in no state, and a key that is not ours.
    private func withDamage(_ body: (String) async throws -> Void) async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        for id in ["good", "lost"] {
            let run = try await CommandRun.spanq("enqueue", "a", "--id", id, "--delay", "1h", redis: server.url)
            #expect(run.code == 0)
        }
        try Self.redis(server, "ZREM", "spanq:{default}:scheduled", "lost")
        try Self.redis(server, "SET", "spanq:else", "1")
        try await body(server.url)
    }

    static func redis(_ server: RedisServer, _ words: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-s", server.socketPath] + words
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test("what is wrong is named by rule and id with what to do, and the exit code is 1")
    func text() async throws {
        try await withDamage { redis in
            let run = try await CommandRun.spanq("audit", redis: redis)
            #expect(run.code == 1)
            #expect(run.errors.isEmpty)
            let lines = run.output.split(separator: "\n")
            #expect(lines.contains { $0.hasPrefix("message-without-set") && $0.contains(" lost ") })
            #expect(lines.contains { $0.hasPrefix("unknown-key") && $0.contains(" spanq:else ") })
            #expect(lines.contains { $0.hasPrefix("message-without-set: the repair makes it a dead letter") })
            #expect(lines.last?.hasPrefix("2 violations, of which --repair fixes 1: 2 jobs of 1 queue read in") == true)
            #expect(!run.output.contains("\u{1B}"))
        }
    }

    @Test("a repair fixes what it can, says so, and the exit code tells what is left")
    func repair() async throws {
        try await withDamage { redis in
            let refused = try await CommandRun.spanq("audit", "--repair", redis: redis)
            #expect(refused.code == 2)
            #expect(refused.isOneErrorLine)
            #expect(refused.output.isEmpty)
            let repair = try await CommandRun.spanq("audit", "--repair", "--yes", "--json", redis: redis)
            #expect(repair.code == 1)
            let repaired = try #require(repair.object["repaired"] as? [[String: Any]])
            #expect(repaired.contains { $0["subject"] as? String == "lost" && $0["repaired"] as? Bool == true })
            #expect(repaired.contains { $0["rule"] as? String == "unknown-key" && $0["repaired"] as? Bool == false })
            let left = try #require(repair.object["violations"] as? [[String: Any]])
            #expect(left.map { $0["rule"] as? String } == ["unknown-key"])
            let shown = try await CommandRun.spanq("dead", "show", "lost", "--json", redis: redis)
            #expect(shown.object["reason"] as? String == "found_by_audit")
            let clean = try await CommandRun.spanq("audit", "--queue", "default", redis: redis)
            #expect(clean.code == 0)
            #expect(clean.output.hasPrefix("clean: 2 jobs of 1 queue read in"))
        }
    }

    @Test("--json has a member for everything, null where there is nothing")
    func json() async throws {
        try await withDamage { redis in
            let run = try await CommandRun.spanq("audit", "--json", redis: redis)
            #expect(run.code == 1)
            #expect(
                Set(run.object.keys) == [
                    "clean", "violations", "cut", "queues", "jobs", "steps", "seconds", "longest_step_seconds",
                    "repaired", "skipped",
                ])
            #expect(run.object["clean"] as? Bool == false)
            #expect(run.object["repaired"] is NSNull)
            #expect(run.object["queues"] as? [String] == ["default"])
            #expect(run.object["jobs"] as? Int == 2)
            let violations = try #require(run.object["violations"] as? [[String: Any]])
            let lost = try #require(violations.first { $0["subject"] as? String == "lost" })
            #expect(
                Set(lost.keys) == ["rule", "invariant", "queue", "subject", "detail", "repairable", "remedy"])
            #expect(lost["rule"] as? String == "message-without-set")
            #expect(lost["invariant"] as? Int == 1)
            #expect(lost["repairable"] as? Bool == true)
            #expect(violations.first { $0["subject"] as? String == "spanq:else" }?["queue"] is NSNull)
        }
    }

    @Test("how often a job may be reclaimed is a setting, as it is for workers")
    func maxReclaims() async throws {
        let server = try await RedisServer.start()
        defer { server.stop() }
        _ = try await CommandRun.spanq("enqueue", "a", "--id", "j", redis: server.url)
        try Self.redis(server, "EVAL", "redis.call('HSET', KEYS[1], 'j', '\\1\\0\\0\\5')", "1", "spanq:{default}:runs")
        let found = try await CommandRun.spanq("audit", redis: server.url)
        #expect(found.code == 1 && found.output.contains("was reclaimed 5 times of 3"))
        #expect(try await CommandRun.spanq("audit", "--max-reclaims", "5", redis: server.url).code == 0)
        let environment = ["SPANQ_MAX_RECLAIMS": "5"]
        #expect(try await CommandRun.spanq("audit", redis: server.url, environment: environment).code == 0)
    }

    @Test("exit codes: 4 for a Redis out of reach, 3 for an unknown queue, 2 for what can't be used")
    func exitCodes() async throws {
        let away = try await CommandRun.spanq("audit", "--redis-timeout", "200ms", redis: "unix:///tmp/nowhere.sock")
        #expect(away.code == 4)
        #expect(away.isOneErrorLine)
        let server = try await RedisServer.start()
        defer { server.stop() }
        #expect(try await CommandRun.spanq("audit", redis: server.url).output.hasPrefix("clean: 0 jobs of 0 queues"))
        let unknown = try await CommandRun.spanq("audit", "--queue", "nope", redis: server.url)
        #expect(unknown.code == 3 && unknown.isOneErrorLine)
        for arguments in [["--queue", "{x}"], ["--max-reclaims", "0"], ["--yes"]] {
            let run = try await CommandRun.spanq(
                "audit", arguments[0], arguments.count > 1 ? arguments[1] : "--json", redis: server.url)
            #expect(run.code == 2 && run.isOneErrorLine, "\(arguments)")
        }
    }
}
