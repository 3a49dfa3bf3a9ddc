// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import ModelDriver
import RedisServerFixture
import SpanQueue
import SpanQueueRedis

extension EngineUnderTest {
    /// The Redis engine, on one server for all tests: each has a queue of its own. Time passes by waiting.
    static let redis = EngineUnderTest(name: "redis", passesHours: false) {
        let running = try await server.value
        let source = EngineSource.redis(running.url, running.options, scripts: try scripts.get())
        let engine = try source.make(EngineEnvironment(logger: Logger(label: "conformance")))
        return (engine, { try await Task.sleep(for: $0) })
    }

    /// Whether the suite runs as the user of `deploy/redis/users.acl`, who has the least rights, instead of one who may do all.
    private static let isRestricted = ProcessInfo.processInfo.environment["SPANQ_TEST_ACL"] == "1"

    /// Whether it runs over TLS, with a certificate for the client too.
    private static let isEncrypted = ProcessInfo.processInfo.environment["SPANQ_TEST_TLS"] == "1"

    /// Whether the server is found through Sentinels.
    private static let isBehindSentinels = ProcessInfo.processInfo.environment["SPANQ_TEST_SENTINEL"] == "1"

    /// The scripts under test: those in the binary, unless Scripts/mutants asks for others.
    private static let scripts = Result {
        try ProcessInfo.processInfo.environment["SPANQ_TEST_SCRIPTS"].map(Scripts.replaced(from:)) ?? .embedded
    }

    /// Started by the first test that needs it; it ends with this process.
    private static let server = Task {
        var options = RedisEngineOptions()
        if isEncrypted {
            let running = try await TLSServer.start(clients: "yes")
            let ours = try running.authority.sign("client", for: "DNS:client")
            options.tls = RedisTLS(
                authorities: running.authority.certificate, certificate: ours.certificate, key: ours.key)
            return Running(url: running.url, options: options, server: running.server, authority: running.authority)
        }
        if isBehindSentinels {
            let group = try await SentinelGroup.start()
            return Running(
                url: group.url, options: options, server: group.servers[0].server, authority: nil, sentinels: group)
        }
        let running = isRestricted ? try await RedisServer.startRestricted() : try await RedisServer.start()
        return Running(
            url: isRestricted ? running.restrictedURL : running.url, options: options, server: running, authority: nil)
    }

    private struct Running: Sendable {
        let url: String
        let options: RedisEngineOptions
        /// Kept for as long as the tests run.
        let server: RedisServer
        let authority: TLSAuthority?
        var sentinels: SentinelGroup?
    }
}
