// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import SpanQueueLoop
import Testing

@testable import HiredisClient

@Suite("TLS in pieces, and behind others", .serialized, .timeLimit(.minutes(5)))
struct TLSPiecesTests {
    private func configuration(_ authority: TLSAuthority) -> RedisClient.Configuration {
        var configuration = RedisClient.Configuration()
        configuration.tls = TLSSettings(caPath: authority.certificate)
        configuration.commandTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        configuration.waitsForServer = false
        return configuration
    }

    @Test("a connection by TLS is made in some milliseconds more than one without")
    func handshake() async throws {
        let port = try freePort()
        let server = try await TLSServer.start(["--port", "\(port)"])
        defer { server.stop() }
        func median(_ url: String, _ settings: RedisClient.Configuration) async throws -> Duration {
            var times: [Duration] = []
            for _ in 0..<100 {
                let start = ContinuousClock.now
                try await withClient(url: url, configuration: settings) { try await $0.connect() }
                times.append(.now - start)
            }
            return times.sorted()[50]
        }
        let plain = try await median("redis://localhost:\(port)", RedisClient.Configuration())
        let secure = try await median(server.url, configuration(server.authority))
        if ProcessInfo.processInfo.environment["SPANQ_TEST_FIGURES"] == "1" {
            print("figure: connecting takes \(plain), by TLS \(secure)")
        }
        #expect(secure - plain < .milliseconds(200))
    }

    @Test("records that come and go byte by byte are read whole")
    func byteByByte() async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.stop() }
        let url = "rediss://localhost:\(proxy.port)"
        try await withClient(url: url, configuration: configuration(server.authority)) { client in
            let text = String(repeating: "x", count: 20_000)
            let replies = try await client.pipeline(
                [RESPCommand("ECHO", text), RESPCommand("ECHO", "two"), RESPCommand("ECHO", text + "3")],
                idempotent: true)
            let texts = try replies.map { try $0.get().string() }
            #expect(texts == [text, "two", text + "3"])
        }
    }

    @Test("a session that ends at any byte of the server's ends with an error, and never waits")
    func cutAnywhere() async throws {
        let server = try await TLSServer.start()
        defer { server.stop() }
        let proxy = try CuttingProxy(to: server.port)
        defer { proxy.stop() }
        let context = try TLSContext(TLSSettings(caPath: server.authority.certificate))
        proxy.cut(after: nil)
        #expect(try session(proxy.port, context) == nil)
        let whole = proxy.passedBytes
        // Signatures have not always the same length: the last bytes may be missing without harm.
        for length in 0..<whole - 16 {
            proxy.cut(after: length)
            let error = try session(proxy.port, context)
            let isTold = error?.code == .unreachable || error?.code == .connectionLost
            #expect(isTold, "\(length) of \(whole): \(error?.message ?? "no error")")
        }
    }

    /// Shakes hands, sends a command and reads its reply, on the transport alone; what it ended with where that was an error.
    private func session(_ port: Int, _ context: TLSContext) throws -> RedisError? {
        let socket = try SocketTransport(address: "127.0.0.1", port: UInt16(port))
        let transport = try TLSTransport(socket, name: "localhost", context: context)
        defer { transport.close() }
        func wait(for interest: LoopInterest) throws {
            var events: Int32 = 0
            if interest.contains(.read) { events |= Int32(POLLIN) }
            if interest.contains(.write) { events |= Int32(POLLOUT) }
            var entry = pollfd(fd: transport.descriptor, events: Int16(events), revents: 0)
            guard poll(&entry, 1, 60_000) == 1 else { throw RedisError(.timeout, "nothing comes") }
        }
        do {
            try wait(for: .write)
            while let interest = try transport.finishConnecting() { try wait(for: interest) }
            var command: [UInt8] = []
            RESPCommand("ECHO", String(repeating: "e", count: 100)).encode(into: &command)
            var read = 0
            var buffer = [UInt8](repeating: 0, count: 4096)
            while !command.isEmpty {
                switch command.withUnsafeBytes(transport.write) {
                case .moved(let count): command.removeFirst(count)
                case .wants(let interest): try wait(for: interest)
                case .closed(let error): return error
                }
            }
            while read < 108 {
                switch buffer.withUnsafeMutableBytes(transport.read) {
                case .moved(let count): read += count
                case .wants(let interest): try wait(for: interest)
                case .closed(let error): return error
                }
            }
            return nil
        } catch let error as RedisError where error.code != .timeout {
            return error
        }
    }

    @Test("stunnel in front of a Redis without TLS is as a Redis with it")
    func stunnel() async throws {
        let redis = try await RedisServer.start()
        defer { redis.stop() }
        let authority = try TLSAuthority()
        let identity = try authority.sign("server")
        let port = try freePort()
        let text = """
            foreground = yes
            pid =
            [redis]
            accept = 127.0.0.1:\(port)
            connect = \(redis.socketPath)
            cert = \(identity.certificate)
            key = \(identity.key)
            """
        let file = authority.directory + "/stunnel.conf"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["stunnel", file]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        // It may have inherited that SIGTERM is blocked.
        defer { kill(process.processIdentifier, SIGKILL) }
        var settings = configuration(authority)
        settings.waitsForServer = true
        try await withClient(url: "rediss://localhost:\(port)", configuration: settings) { client in
            let large = String(repeating: "x", count: 1 << 20)
            let replies = try await client.pipeline(
                [RESPCommand("ECHO", large), RESPCommand("PING")], idempotent: true)
            #expect(try replies[0].get().string() == large)
            #expect(try replies[1].get().string() == "PONG")
            // stunnel says goodbye as TLS has it; Redis alone just hangs up.
            _ = try await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
            #expect(try await client.call("PING").string() == "PONG")
            #expect(await client.generation >= 2)
        }
    }
}
