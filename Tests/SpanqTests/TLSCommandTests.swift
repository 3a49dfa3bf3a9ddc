// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

@Suite("The command over TLS", .serialized)
struct TLSCommandTests {
    @Test("a job is enqueued and worked off by flags and by variables, with certificates on both sides")
    func wayOfAJob() async throws {
        let server = try await TLSServer.start(clients: "yes")
        defer { server.stop() }
        let ours = try server.authority.sign("client", for: "DNS:client")
        let enqueued = try await CommandRun.spanq(
            "enqueue", "a", "{}", "--redis", server.url, "--redis-tls-ca", server.authority.certificate,
            "--redis-tls-cert", ours.certificate, "--redis-tls-key", ours.key)
        #expect(enqueued.code == 0, "\(enqueued.errors)")
        let worker = try await CommandRun.spanq(
            "worker", "--once", "--exec", "a=/bin/true", "--listen", "none", "--json", redis: server.url,
            environment: [
                "SPANQ_REDIS_TLS_CA": server.authority.certificate, "SPANQ_REDIS_TLS_CERT": ours.certificate,
                "SPANQ_REDIS_TLS_KEY": ours.key,
            ])
        #expect(worker.code == 0, "\(worker.errors)")
        #expect(worker.object["completed"] as? Int == 1)
    }

    @Test("what is wrong with a setting ends with 2, what is wrong with the server with 4, and at once")
    func failures() async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        let good = ["SPANQ_REDIS_TLS_CA": server.authority.certificate]
        let plain = server.server.url
        let cases: [(url: String, environment: [String: String], code: Int32, words: String)] = [
            (server.url, good, 0, ""),
            (server.url, ["SPANQ_REDIS_TLS_CA": "/nowhere/ca.crt"], 2, "/nowhere/ca.crt"),
            (server.url, ["SPANQ_REDIS_TLS_CA": ""], 4, "not trusted here"),
            (plain, good, 2, "write rediss://"),
            (server.url, [:], 4, "not trusted here"),
            (server.url, good.merging(["SPANQ_REDIS_TLS_SERVER_NAME": "other"]) { $1 }, 4, "not for other"),
            (server.url, good.merging(["SPANQ_REDIS_TLS_KEY": "/k"]) { $1 }, 2, "set both, or neither"),
        ]
        for (url, environment, code, words) in cases {
            let run = try await CommandRun.spanq("queue", "list", redis: url, environment: environment)
            #expect(run.code == code, "\(url) \(environment): \(run.errors)")
            guard code != 0 else { continue }
            #expect(run.errors.contains(words), "\(words): \(run.errors)")
            #expect(run.isOneErrorLine, "\(run.errors)")
        }
    }
}
