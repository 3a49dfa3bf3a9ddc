// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("The command through Sentinels", .serialized)
struct SentinelCommandTests {
    @Test("a job goes its way, and what is wrong is one line and the right code")
    func commands() async throws {
        let group = try await SentinelGroup.start(password: "sentinels-only")
        defer { group.stop() }
        let theirs = ["SPANQ_REDIS_SENTINEL_USER": "spanq", "SPANQ_REDIS_SENTINEL_PASSWORD": "sentinels-only"]
        let enqueued = try await CommandRun.spanq(
            "enqueue", "a", "{}", "--redis", group.url, "--redis-sentinel-user", "spanq", "--redis-sentinel-password",
            "env:PW", environment: ["PW": "sentinels-only"])
        #expect(enqueued.code == 0, "\(enqueued.errors)")
        let worker = try await CommandRun.spanq(
            "worker", "--once", "--exec", "a=/bin/true", "--listen", "none", "--json", redis: group.url,
            environment: theirs)
        #expect(worker.code == 0, "\(worker.errors)")
        #expect(worker.object["completed"] as? Int == 1)

        let service = group.url.replacing("/mymaster", with: "/other")
        let tls = group.url.replacing("redis-", with: "rediss-")
        let cases: [(url: String, environment: [String: String], code: Int32, words: String)] = [
            (group.url, theirs, 0, ""), (group.url, [:], 4, "set those of the Sentinels"),
            (service, theirs, 2, "no service \"other\""),
            (group.url, ["SPANQ_REDIS_SENTINEL_USER": "spanq"], 2, "has no password"),
            (group.url, theirs.merging(["SPANQ_REDIS_SENTINEL_TLS": "maybe"]) { $1 }, 2, "neither true nor false"),
            (group.url, theirs.merging(["SPANQ_REDIS_SENTINEL_TLS_CA": "/ca"]) { $1 }, 2, "no effect"),
            (group.servers[0].server.url, theirs, 2, "no effect"),
            ("redis-sentinel://127.0.0.1:\(group.servers[0].port)/mymaster", [:], 4, "this is not a Sentinel"),
            (tls, theirs.merging(["SPANQ_REDIS_SENTINEL_TLS": "true"]) { $1 }, 4, "does this port speak TLS?"),
            ("redis-sentinel://127.0.0.1:1/mymaster", [:], 4, "127.0.0.1:1: "),
            ("redis-sentinel://h", [:], 2, "no service"),
        ]
        for (url, environment, code, words) in cases {
            let run = try await CommandRun.spanq("queue", "list", redis: url, environment: environment)
            #expect(run.code == code, "\(url) \(environment): \(run.errors)")
            guard code != 0 else { continue }
            #expect(run.errors.contains(words), "\(words): \(run.errors)")
            #expect(run.isOneErrorLine, "\(run.errors)")
            #expect(!run.errors.contains("sentinels-only"))
        }
    }

    @Test("the settings page shows them, and no password")
    func page() async throws {
        let page = try await CommandRun.spanq(
            "worker", "--print-config", "--redis", "redis-sentinel://u:canary@h1,h2/mymaster",
            "--redis-sentinel-password", "canary")
        #expect(page.code == 0, "\(page.errors)")
        #expect(page.output.contains("redis-sentinel://u:***@h1:26379,h2:26379/mymaster/0"))
        #expect(!page.output.contains("canary") && page.output.contains("redis-sentinel-tls"))
    }
}
