// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import RedisServerFixture
import SpanQueue
import SpanQueueRedis

typealias RedisStage = Stage<RedisStore>

/// A redis-server, and a proxy in front of it.
struct RedisStore: FaultStore {
    let server: RedisServer
    let proxy: FaultProxy
    let redis: RawRedis
    /// With `SPANQ_TEST_TLS=1` workers and producers reach the server by TLS, with a certificate of their own. What goes through the proxy
    /// does not: the proxy reads it.
    private let encrypted: (server: TLSServer, client: TLSAuthority.Identity)?
    private static let isEncrypted = ProcessInfo.processInfo.environment["SPANQ_TEST_TLS"] == "1"

    init(_ arguments: [String], environment: [String: String]) async throws {
        let encrypted =
            Self.isEncrypted ? try await TLSServer.start(arguments, clients: "yes", environment: environment) : nil
        if let encrypted {
            server = encrypted.server
        } else {
            server = try await RedisServer.start(arguments, environment: environment)
        }
        do {
            self.encrypted = try encrypted.map { ($0, try $0.authority.sign("client", for: "DNS:client")) }
            proxy = try FaultProxy(to: .unix(server.socketPath))
            redis = try RawRedis(server.url)
            // Connected now, as the queue is.
            try await redis.call("PING")
        } catch {
            server.stop()
            throw error
        }
    }

    var directory: String { server.directory }
    var url: String { server.url }
    var childURL: String { encrypted?.server.url ?? server.url }
    var childEnvironment: [String: String] {
        guard let encrypted else { return [:] }
        return [
            "SPANQ_FAULT_TLS_CA": encrypted.server.authority.certificate,
            "SPANQ_FAULT_TLS_CERT": encrypted.client.certificate, "SPANQ_FAULT_TLS_KEY": encrypted.client.key,
        ]
    }

    func damage(of queue: String) async throws -> [String] { try await Keyspace.damage(of: queue, redis) }

    func stop() async {
        await redis.close()
        proxy.stop()
        server.stop()
    }
}

extension Stage where Store == RedisStore {
    static func with<Result>(
        _ arguments: [String] = [], environment: [String: String] = [:], _ body: (Stage) async throws -> Result
    ) async throws -> Result {
        try await with(try await RedisStore(arguments, environment: environment), body)
    }

    var server: RedisServer { store.server }
    var proxy: FaultProxy { store.proxy }
    var redis: RawRedis { store.redis }

    /// Kills redis-server, under load, and starts it again.
    ///
    /// Under `everysec` Redis answers writes that it has not handed to the kernel, while an earlier fsync is under way: a kill then
    /// loses them (see `crash-in-fsync`). That is Redis' loss and not what is looked at here, so it is let finish first.
    func restartServer() async throws {
        try await redis.call("CLIENT", "PAUSE", "5000", "WRITE")
        try await wait(for: "what was answered to be written", within: .seconds(5)) {
            let pending = try await redis.info("aof_pending_bio_fsync")
            let buffered = try await redis.info("aof_buffer_length")
            return pending == "0" && buffered == "0"
        }
        try await server.restart()
    }
}
