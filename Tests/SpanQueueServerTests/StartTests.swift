// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HTTPFixture
import Logging
import ServiceLifecycle
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry
import Synchronization
import Testing

@Suite("Starting", .timeLimit(.minutes(1)))
struct StartTests {
    @Test("a taken port is one line that names it and says how to choose another")
    func taken() async throws {
        try await ServerUnderTest.run { test async throws in
            let second = MetricsServer(
                address: .tcp(host: "127.0.0.1", port: test.port), registry: MetricsRegistry())
            let error = #expect(throws: SpanQueueError.self) { try second.start() }
            #expect(error?.code == .unavailable)
            #expect(
                error?.description
                    == "127.0.0.1:\(test.port) is taken by another process: choose another address with --listen HOST:PORT, or --listen none"
            )
            await #expect(throws: SpanQueueError.self) { try await second.run() }
            #expect(second.port == nil)
        }
    }

    @Test("a host that is none, or not ours, is said to be so")
    func hosts() {
        for host in ["nowhere.invalid", "203.0.113.1"] {
            let server = MetricsServer(address: .tcp(host: host, port: 0), registry: MetricsRegistry())
            let error = #expect(throws: SpanQueueError.self) { try server.start() }
            #expect(error?.message.contains(host) == true)
            #expect(error?.message.contains("--listen") == true)
        }
    }

    @Test("a port is free again as soon as its server has stopped, or was never run")
    func again() async throws {
        let port = try await ServerUnderTest.run { test async throws in
            let client = try RawClient(port: test.port)
            client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await client.readAnswer()?.status == 200)
            return test.port
        }
        for _ in 0..<3 {
            let server = MetricsServer(address: .tcp(host: "127.0.0.1", port: port), registry: MetricsRegistry())
            try server.start()
            try server.start()
            #expect(server.port == port)
        }
    }

    @Test("a server runs once")
    func once() async throws {
        try await ServerUnderTest.run { test async throws in
            #expect(try await test.request("/livez")?.status == 200)
            let error = await #expect(throws: SpanQueueError.self) { try await test.server.run() }
            #expect(error?.code == .invalidState)
        }
    }

    @Test("one that is off has no port, and ends with the others")
    func off() async throws {
        let server = MetricsServer(address: .off, registry: MetricsRegistry())
        try server.start()
        #expect(server.port == nil)
        let group = ServiceGroup(services: [server], logger: Logger(label: "test"))
        async let ended: Void = group.run()
        await group.triggerGracefulShutdown()
        try await ended
    }

    @Test("cancelling a server closes its port and its connections")
    func cancelled() async throws {
        let server = MetricsServer(address: .tcp(host: "127.0.0.1", port: 0), registry: MetricsRegistry())
        try server.start()
        let port = try #require(server.port)
        let client = try RawClient(port: port)
        let running = Task { try await server.run() }
        client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await client.readAnswer()?.status == 200)
        running.cancel()
        #expect(await client.readToEnd().isEmpty)
        _ = await running.result
        #expect(throws: RawClient.Refused.self) { try RawClient(port: port) }
    }

    @Test(
        "an address that others can reach is warned about; loopback is not",
        arguments: [("0.0.0.0", true), ("::1", false)])
    func warning(host: String, warns: Bool) throws {
        let levels = Levels()
        let logger = Logger(label: "test", factory: { _ in LevelLog(levels: levels) })
        let server = MetricsServer(address: .tcp(host: host, port: 0), registry: MetricsRegistry(), logger: logger)
        try server.start()
        #expect(levels.seen.withLock { $0.contains(.warning) } == warns)
    }
}

private final class Levels: Sendable {
    let seen = Mutex<[Logger.Level]>([])
}

private struct LevelLog: LogHandler {
    let levels: Levels
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { levels.seen.withLock { $0.append(event.level) } }
}
