// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry
import Testing

@Suite("Clients that take their time", .serialized, .timeLimit(.minutes(2)))
struct SlowClientTests {
    /// A page of about 6 MB.
    private func largeRegistry() throws -> MetricsRegistry {
        let registry = MetricsRegistry()
        for family in 0..<10 {
            let gauge = try registry.gauge("gauge_\(family)", help: "", labels: ["name"])
            for series in 0..<2_000 { gauge.child(String(repeating: "x", count: 250) + "\(series)").set(series) }
        }
        return registry
    }

    private func residentBytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(fields[1])) * 4096
    }

    private static let get = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("fifty readers at a byte a second block nobody and hold bounded memory")
    func readers() async throws {
        let registry = try largeRegistry()
        try await ServerUnderTest.run(registry) { test async throws in
            // What one page takes once is not what the readers cost.
            let page = try #require(try await test.request("/metrics"))
            let before = try residentBytes()
            let slow = try (0..<50).map { _ in try RawClient(port: test.port, receiveBuffer: 4096) }
            for client in slow { client.send(Self.get) }
            var slowest = Duration.zero
            for second in 0..<3 {
                for client in slow { #expect(await client.read(atMost: 1).count == 1) }
                let asked = ContinuousClock.now
                #expect(try await test.request("/livez")?.status == 200)
                let answer = try await test.request("/metrics")
                #expect(answer?.body.count == page.body.count)
                slowest = max(slowest, .now - asked)
                if second < 2 { try await Task.sleep(for: .seconds(1)) }
            }
            let held = try residentBytes() - before
            #expect(held < 64 << 20)
            #expect(slowest < .seconds(10))
            #expect(try await test.request("/livez")?.status == 200)
        }
    }

    @Test("a reader that is not done by the deadline is cut off, however it reads")
    func deadline() async throws {
        var limits = ConnectionLimits()
        limits.answerTimeout = .seconds(2)
        limits.requestTimeout = .seconds(60)
        let registry = try largeRegistry()
        try await ServerUnderTest.run(registry, limits: limits) { test async throws in
            let size = try #require(try await test.request("/metrics")).body.count
            let client = try RawClient(port: test.port, receiveBuffer: 4096)
            client.send(Self.get)
            for _ in 0..<30 {
                #expect(await client.read(atMost: 1).count == 1)
                try await Task.sleep(for: .milliseconds(100))
            }
            // What the kernel has is still to be read; then the end comes, not the rest of the page.
            #expect(await client.readToEnd().count < size)
        }
    }

    @Test("answers that wait for readers beyond the bound close the slowest reader, not the newest")
    func pendingBytes() async throws {
        var limits = ConnectionLimits()
        limits.maximumPendingBytes = 14 << 20
        let registry = try largeRegistry()
        try await ServerUnderTest.run(registry, limits: limits) { test async throws in
            let size = try #require(try await test.request("/metrics")).body.count
            let slow = try (0..<4).map { _ in try RawClient(port: test.port, receiveBuffer: 4096) }
            for client in slow {
                client.send(Self.get)
                #expect(await client.read(atMost: 1).count == 1)
            }
            let sizes = [await slow[0].readToEnd().count, await slow[1].readToEnd().count]
            #expect(sizes.allSatisfy { $0 < size })
            let whole = await slow[3].readAnswer(after: 1, size: size)
            #expect(whole)
        }
    }

    @Test("a head or a wait that takes too long is cut off, drips or not")
    func heads() async throws {
        var limits = ConnectionLimits()
        limits.requestTimeout = .milliseconds(400)
        limits.idleTimeout = .milliseconds(600)
        try await ServerUnderTest.run(limits: limits) { test async throws in
            let silent = try RawClient(port: test.port)
            let dripping = try RawClient(port: test.port)
            let idle = try RawClient(port: test.port)
            let start = ContinuousClock.now
            idle.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await idle.readAnswer()?.status == 200)
            var sent = 0
            while dripping.send(sent == 0 ? "GET /" : "x"), sent < 100 {
                sent += 1
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(sent > 2 && sent < 40)
            #expect(await silent.readToEnd().isEmpty)
            #expect(await idle.readToEnd().isEmpty)
            let taken = ContinuousClock.now - start
            #expect(taken >= .milliseconds(600) && taken < .seconds(10))
        }
    }

    @Test("connections that do nothing keep nobody out")
    func crowd() async throws {
        var limits = ConnectionLimits()
        limits.maximumConnections = 20
        try await ServerUnderTest.run(limits: limits) { [limits] test async throws in
            let crowd = try (0..<100).map { _ in try RawClient(port: test.port) }
            for _ in 0..<5 { #expect(try await test.request("/livez")?.status == 200) }
            // At once, and not when it has been silent for too long.
            let asked = ContinuousClock.now
            #expect(await crowd[0].readToEnd().isEmpty)
            #expect(ContinuousClock.now - asked < limits.requestTimeout / 2)
        }
    }

    @Test("a slow reader does not hold up the stop")
    func stop() async throws {
        let registry = try largeRegistry()
        // Kept, so that it is not the client who ends the connection.
        let (client, asked) = try await ServerUnderTest.run(registry) { test async throws in
            let client = try RawClient(port: test.port, receiveBuffer: 4096)
            client.send(Self.get)
            #expect(await client.read(atMost: 1).count == 1)
            return (client, ContinuousClock.now)
        }
        withExtendedLifetime(client) { #expect(ContinuousClock.now - asked < .seconds(5)) }
    }
}

extension RawClient {
    /// Whether the rest of an answer comes, `after` bytes of it having been read.
    fileprivate func readAnswer(after: Int, size: Int) async -> Bool {
        var count = after
        while count < size {
            let bytes = await read(atMost: 1 << 20)
            if bytes.isEmpty { return false }
            count += bytes.count
        }
        return true
    }
}
