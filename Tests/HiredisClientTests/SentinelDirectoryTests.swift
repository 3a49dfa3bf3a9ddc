// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import SpanQueueLoop
import Testing

@testable import HiredisClient

/// Against a Sentinel that says what a test wants; IntegrationTests has real ones.
@Suite("What clients do by what Sentinels say", .timeLimit(.minutes(2)))
struct SentinelDirectoryTests {
    private struct Bench {
        let servers: [RedisServer]
        let addresses: [RedisAddress]
        let sentinel: FakeSentinel
        let directory: SentinelDirectory
        let client: RedisClient

        func isAt(_ index: Int) async -> Bool {
            let (isConnected, server) = await (client.isConnected, client.server)
            return isConnected && server == "\(addresses[index])"
        }
    }

    /// Two primaries, of which the first is named.
    ///
    /// - Parameters:
    ///   - period: how often the Sentinel is asked by itself.
    ///   - patience: for how long it is not asked after it has chosen another primary.
    private func with(
        period: Duration = .seconds(3600), patience: Duration = .seconds(3600), _ body: (Bench) async throws -> Void
    ) async throws {
        let ports = try [freePort(), freePort()]
        let servers = [
            try await RedisServer.start(["--port", "\(ports[0])"]),
            try await RedisServer.start(["--port", "\(ports[1])"]),
        ]
        defer { for server in servers { server.stop() } }
        let addresses = ports.map { RedisAddress(host: "127.0.0.1", port: UInt16($0)) }
        let sentinel = try FakeSentinel(primary: addresses[0])
        defer { sentinel.stop() }
        let loop = LoopThread(name: "test")
        defer { loop.stop() }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let url = try RedisURL(sentinel.url)
        let directory = try #require(
            SentinelDirectory(
                url: url, settings: SentinelSettings(), tls: TLSSettings(), loop: loop, logger: logger, period: period,
                patience: patience))
        var configuration = RedisClient.Configuration()
        configuration.sentinels = directory
        configuration.commandTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        let client = RedisClient(url: url, name: "test", configuration: configuration, loop: loop, logger: logger)
        let bench = Bench(
            servers: servers, addresses: addresses, sentinel: sentinel, directory: directory, client: client)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(bench))
        } catch {
            result = .failure(error)
        }
        await client.close()
        await directory.close()
        try result.get()
    }

    @Test("a message of a failover moves a connection at once, one that waits for a pop too")
    func message() async throws {
        try await with { bench in
            try await bench.client.connect()
            #expect(await bench.isAt(0))
            try await until { bench.sentinel.isHeard }
            async let popped = redisError { try await bench.client.callOnce("BLPOP", "k", "0") }
            try await until { await bench.client.hasWritten(1) }
            // Of another service: nothing to us.
            bench.sentinel.publish(bench.addresses[1], service: "other")
            bench.sentinel.name(bench.addresses[1])
            bench.sentinel.publish(bench.addresses[1])
            #expect(await popped?.code == .connectionLost)
            try await until { await bench.isAt(1) }
        }
    }

    @Test("the leader's word that another is promoted moves a connection, before the failover is over")
    func promotion() async throws {
        try await with { bench in
            try await bench.client.connect()
            #expect(await bench.isAt(0))
            try await until { bench.sentinel.isHeard }
            bench.sentinel.name(bench.addresses[1])
            bench.sentinel.publish(promoted: bench.addresses[1])
            try await until { await bench.isAt(1) }
            // What follows is no news.
            bench.sentinel.publish(bench.addresses[1])
            for _ in 0..<50 { _ = try await bench.client.call("PING") }
            #expect(await bench.client.generation == 2)
        }
    }

    @Test("the old primary is left when another is chosen, and the chosen one is gone to when it is the primary")
    func choice() async throws {
        try await with { bench in
            try await bench.client.connect()
            try await until { bench.sentinel.isHeard }
            try await withClient(url: bench.servers[1].url) { other in
                let port = "\(bench.addresses[0].port)"
                _ = try await other.call("REPLICAOF", "127.0.0.1", port)
                try await until { try await other.call("INFO", "replication").string().contains("link_status:up") }
                bench.sentinel.publish(chosen: bench.addresses[1])
                async let written = bench.client.call("SET", "k", "v").string()
                // It asks the replica again and again.
                try await until {
                    let stats = try await other.call("INFO", "commandstats").string()
                    return !stats.contains("cmdstat_role:calls=1,") && stats.contains("cmdstat_role:")
                }
                #expect(await !bench.client.isConnected)
                #expect(bench.sentinel.questions == 1)
                _ = try await other.call("REPLICAOF", "NO", "ONE")
                #expect(try await written == "OK")
                #expect(await bench.isAt(1))
                // The Sentinel names the old one still, and is not asked.
                let generation = await bench.client.generation
                _ = try await other.call("CLIENT", "KILL", "TYPE", "normal")
                try await until { await bench.client.generation > generation }
                #expect(await bench.isAt(1))
                #expect(bench.sentinel.questions == 1)
                // Until it has noticed: then it is asked again.
                bench.sentinel.name(bench.addresses[1])
                bench.sentinel.publish(promoted: bench.addresses[1])
                try await until {
                    _ = try await other.call("CLIENT", "KILL", "TYPE", "normal")
                    return bench.sentinel.questions > 1
                }
                try await until { await bench.isAt(1) }
            }
        }
    }

    @Test("a choice that comes to nothing is given up, and the Sentinel asked again")
    func choiceWithoutEnd() async throws {
        try await with(patience: .milliseconds(300)) { bench in
            try await bench.client.connect()
            try await until { bench.sentinel.isHeard }
            try await withClient(url: bench.servers[1].url) {
                _ = try await $0.call("REPLICAOF", "127.0.0.1", "\(bench.addresses[0].port)")
            }
            bench.sentinel.publish(chosen: bench.addresses[1])
            try await until { await bench.client.generation == 2 }
            #expect(await bench.isAt(0))
            #expect(bench.sentinel.questions == 2)
        }
    }

    @Test("a message of another service moves nothing")
    func foreignMessage() async throws {
        try await with { bench in
            try await bench.client.connect()
            try await until { bench.sentinel.isHeard }
            bench.sentinel.publish(bench.addresses[1], service: "other")
            bench.sentinel.publish(promoted: bench.addresses[1], service: "other")
            // Heard behind it.
            bench.sentinel.publish(bench.addresses[0])
            for _ in 0..<50 { _ = try await bench.client.call("PING") }
            #expect(await bench.client.generation == 1)
        }
    }

    @Test("a failover of which nobody tells is noticed by asking")
    func polling() async throws {
        try await with(period: .milliseconds(50)) { bench in
            try await bench.client.connect()
            bench.sentinel.name(bench.addresses[1])
            try await until { await bench.isAt(1) }
        }
    }

    @Test("a Sentinel is asked at each connection, and not in between")
    func questions() async throws {
        try await with { bench in
            try await bench.client.connect()
            #expect(bench.sentinel.questions == 1)
            for _ in 0..<20 { _ = try await bench.client.call("PING") }
            #expect(bench.sentinel.questions == 1)
            bench.sentinel.name(bench.addresses[1])
            _ = await redisError { try await bench.client.callOnce("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no") }
            try await until { await bench.isAt(1) }
            #expect(bench.sentinel.questions == 2)
        }
    }

    @Test("what is named and is no primary is not worked with; READONLY leads back to the Sentinel")
    func role() async throws {
        try await with { bench in
            try await bench.client.connect()
            try await withClient(url: bench.servers[0].url) { _ = try await $0.call("REPLICAOF", "127.0.0.1", "1") }
            async let written = bench.client.call("SET", "k", "v").string()
            // It is told that this is a replica, asks, and is sent there again.
            try await until { bench.sentinel.questions > 3 }
            #expect(await bench.client.generation == 1)
            bench.sentinel.name(bench.addresses[1])
            #expect(try await written == "OK")
            #expect(await bench.isAt(1))
        }
    }
}
