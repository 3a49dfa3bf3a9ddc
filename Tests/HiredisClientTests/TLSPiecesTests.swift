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
        do {
            let line = try TLSLine(to: port, context)
            var command: [UInt8] = []
            RESPCommand("ECHO", String(repeating: "e", count: 100)).encode(into: &command)
            try line.send(command)
            _ = try line.receive(108)
            return nil
        } catch let error as RedisError where error.code != .timeout {
            return error
        }
    }

    @Test("a server may change its keys, and ask for new ones of ours, in the middle of everything")
    func keyUpdate() async throws {
        let authority = try TLSAuthority()
        let identity = try authority.sign("server")
        let port = try freePort()
        let server = Process()
        let (input, output) = (Pipe(), Pipe())
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // What it reads goes to the client, but that K is an order to itself; what the client says it prints.
        server.arguments = [
            "openssl", "s_server", "-accept", "\(port)", "-cert", identity.certificate, "-key", identity.key, "-tls1_3",
        ]
        server.standardInput = input
        server.standardOutput = output
        server.standardError = FileHandle.nullDevice
        try server.run()
        defer { kill(server.processIdentifier, SIGKILL) }
        func type(_ text: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }
        var printed = ""
        func waitUntilPrinted(_ text: String) throws {
            while !printed.contains(text) {
                let some = output.fileHandleForReading.availableData
                guard !some.isEmpty else { throw RedisError(.connectionLost, "the server has ended: \(printed)") }
                printed += String(decoding: some, as: UTF8.self)
            }
        }
        try waitUntilPrinted("ACCEPT")
        let context = try TLSContext(TLSSettings(caPath: authority.certificate))
        let line = try TLSLine(to: port, context)
        for round in 1...3 {
            try type("from the server \(round)\n")
            #expect(try line.receive(18) == Array("from the server \(round)\n".utf8))
            // All that was to be read is read, so what comes now is the new key.
            try type("K\n")
            try line.wait(for: .read)
            try line.send(Array("from the client \(round)\n".utf8))
            try waitUntilPrinted("from the client \(round)\n")
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

/// A connection by the transport alone, which waits for the socket itself.
private final class TLSLine {
    private let transport: TLSTransport

    /// Shakes hands with the server of `localhost` at a port.
    init(to port: Int, _ context: TLSContext) throws {
        let socket = try SocketTransport(address: "127.0.0.1", port: UInt16(port))
        transport = try TLSTransport(socket, name: "localhost", context: context)
        try wait(for: .write)
        while let interest = try transport.finishConnecting() { try wait(for: interest) }
    }

    deinit { transport.close() }

    func wait(for interest: LoopInterest) throws {
        var events: Int32 = 0
        if interest.contains(.read) { events |= Int32(POLLIN) }
        if interest.contains(.write) { events |= Int32(POLLOUT) }
        var entry = pollfd(fd: transport.descriptor, events: Int16(events), revents: 0)
        guard poll(&entry, 1, 60_000) == 1 else { throw RedisError(.timeout, "nothing comes") }
    }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes
        while !rest.isEmpty {
            switch rest.withUnsafeBytes(transport.write) {
            case .moved(let count): rest.removeFirst(count)
            case .wants(let interest): try wait(for: interest)
            case .closed(let error): throw error
            }
        }
    }

    /// This many bytes, or the error with which they end.
    func receive(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < count {
            switch buffer.withUnsafeMutableBytes(transport.read) {
            case .moved(let moved): bytes += buffer[..<moved]
            case .wants(let interest): try wait(for: interest)
            case .closed(let error): throw error
            }
        }
        return bytes
    }
}
