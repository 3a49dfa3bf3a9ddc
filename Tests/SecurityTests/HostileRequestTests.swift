// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import RedisServerFixture
import Testing

/// The real `spanq serve`, and clients that do not keep to RFC 9110 and 9112.
@Suite("Hostile HTTP clients of spanq serve", .serialized, .timeLimit(.minutes(3)))
struct HostileRequestTests {
    /// Runs `body` against one server.
    private func serving(_ body: (Int, HeldSpanq) async throws -> Void) async throws {
        let redis = try await RedisUnderTest.start()
        defer { redis.stop() }
        let server = try HeldSpanq(
            "serve", "--listen", ":0", directory: redis.server.directory, environment: redis.environment)
        defer { server.stop() }
        try await body(try await server.port(), server)
    }

    private struct Request: Sendable {
        let name: String
        /// Behind each there is a sound request, for a server that takes a part of it for the next one.
        let text: String
        let statuses: Set<Int>

        init(_ name: String, _ text: String, _ statuses: Set<Int> = [400]) {
            (self.name, self.text, self.statuses) = (name, text, statuses)
        }
    }

    private static let sound = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let start = "GET /livez HTTP/1.1\r\nHost: a\r\n"
    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }

    private static let requests: [Request] = [
        Request("a header of 64 KiB", start + "X: \(long(64 << 10))\r\n\r\n", [400, 431]),
        Request(
            "64 KiB of headers", start + String(repeating: "X: \(long(60))\r\n", count: 1024) + "\r\n", [400, 431]),
        Request("101 headers", start + String(repeating: "X: y\r\n", count: 101) + "\r\n", [400, 431]),
        Request("a target of 64 KiB", "GET /\(long(64 << 10)) HTTP/1.1\r\nHost: a\r\n\r\n", [400, 414]),
        Request("CL with TE", start + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Request("TE with CL", start + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
        Request("two lengths", start + "Content-Length: 0\r\nContent-Length: 40\r\n\r\n"),
        Request("a list of lengths", start + "Content-Length: 0, 0\r\n\r\n"),
        Request("a length with a sign", start + "Content-Length: +0\r\n\r\n"),
        Request("a negative length", start + "Content-Length: -1\r\n\r\n"),
        Request("a body that is a request", start + "Content-Length: \(sound.utf8.count)\r\n\r\n", [413]),
        Request("an unknown coding", start + "Transfer-Encoding: xchunked\r\n\r\n", [400, 413, 501]),
        Request("chunked not last", start + "Transfer-Encoding: chunked, identity\r\n\r\n"),
        Request("a blank before the colon", start + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        Request("a chunk of no size", start + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", [400, 413]),
        Request("a chunk of negative size", start + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", [400, 413]),
        Request(
            "a chunk beyond 64 bits", start + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", [400, 413]),
        Request("bare LF", "GET /livez HTTP/1.1\nHost: a\n\n"),
        Request("bare LF in the head", "GET /livez HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
        Request("bare CR", "GET /livez HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"),
        Request("a folded header", start + "X: y\r\n z\r\n\r\n"),
        Request("a NUL in a header", start + "X: \0\r\n\r\n"),
        Request("a NUL in the target", "GET /li\0vez HTTP/1.1\r\nHost: a\r\n\r\n"),
        Request("a header without a name", start + ": x\r\n\r\n"),
        Request("a header without a colon", start + "x\r\n\r\n"),
        Request("a blank in the target", "GET /livez x HTTP/1.1\r\nHost: a\r\n\r\n"),
        Request("no Host", "GET /livez HTTP/1.1\r\n\r\n"),
        Request("two Hosts", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        Request("a Host with a path", "GET /livez HTTP/1.1\r\nHost: a/b@c\r\n\r\n"),
        Request("HTTP/0.9", "GET /livez\r\n\r\n"), Request("HTTP/3.0", "GET /livez HTTP/3.0\r\nHost: a\r\n\r\n"),
        Request("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Request("no method", "G<T /livez HTTP/1.1\r\nHost: a\r\n\r\n"),
        Request("TLS", "\u{16}\u{3}\u{1}\u{2}\0\r\n\r\n"),
        Request("HTTP/1.0, which ends the connection", "GET /livez HTTP/1.0\r\n\r\n", [200]),
        Request("an end among other options", start + "Connection: upgrade, close\r\nUpgrade: h2c\r\n\r\n", [200]),
    ]

    @Test("a request that is not sound gets one answer, and the connection ends")
    func unsound() async throws {
        try await serving { port, _ in
            for request in Self.requests {
                let wire = try RawClient(port: port, secondsToWait: 10)
                wire.send(request.text + Self.sound)
                let (text, isClosed) = wire.readToEndNow()
                #expect(isClosed, "\(request.name): the connection stays open")
                #expect(Self.statuses(text).count == 1, "\(request.name): \(text)")
                #expect(Self.statuses(text).first.map(request.statuses.contains) == true, "\(request.name): \(text)")
            }
            #expect(try Self.get("/livez", port) == [200])
        }
    }

    @Test("a target leads nowhere but to the paths that there are")
    func targets() async throws {
        try await serving { port, _ in
            for target in [
                "/../metrics", "/%2e%2e/metrics", "/metric%73", "/metrics/", "//metrics", "/..%2fetc/passwd", "/\u{e9}",
                "http://a/../metrics", "http://evil/metricsx", "*", "/metrics\\..",
            ] {
                let statuses = try Self.get(target, port)
                #expect(statuses == [404] || statuses == [400], "\(target): \(statuses)")
            }
            // RFC 9112, section 3.2.2: a server takes the absolute form.
            #expect(try Self.get("http://a/livez", port) == [200])
            let wire = try RawClient(port: port, secondsToWait: 10)
            wire.send("CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\nConnection: close\r\n\r\n")
            #expect(Self.statuses(wire.readToEndNow().text).first.map { $0 >= 400 } == true)
        }
    }

    @Test("five hundred connections that drip their heads keep nobody out, and are gone after ten seconds")
    func slowloris() async throws {
        try await serving { port, _ in
            let drips = try (0..<500).map { _ in try RawClient(port: port, secondsToWait: 1) }
            for drip in drips { drip.send("GET /metrics HTTP/1.1\r\nHost: a\r\nX-") }
            let end = ContinuousClock.now + .seconds(12)
            var answers = 0
            while ContinuousClock.now < end {
                for drip in drips { drip.send("a") }
                let asked = ContinuousClock.now
                #expect(try Self.get("/livez", port) == [200])
                #expect(ContinuousClock.now - asked < .seconds(8))
                answers += 1
                try await Task.sleep(for: .milliseconds(500))
            }
            #expect(answers > 0)
            for drip in drips {
                let (text, isClosed) = drip.readToEndNow()
                #expect(isClosed && Self.statuses(text).allSatisfy { $0 == 408 || $0 == 400 })
            }
        }
    }

    @Test("it listens on loopback alone unless it is told otherwise, and then says so")
    func loopback() async throws {
        try await serving { port, server in
            let listeners = try Self.listeners(on: port)
            #expect(listeners == ["0100007F"])
            #expect(!server.output.contains("reached from outside"))
        }
        let redis = try await RedisUnderTest.start()
        defer { redis.stop() }
        let open = try HeldSpanq(
            "serve", "--listen", "0.0.0.0:0", directory: redis.server.directory, environment: redis.environment)
        defer { open.stop() }
        let deadline = ContinuousClock.now + .seconds(30)
        while !open.output.contains("reached from outside"), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(open.output.contains("reached from outside"))
    }

    /// The addresses, in the kernel's hexadecimal, of the sockets that listen on a port.
    private static func listeners(on port: Int) throws -> [String] {
        let suffix = ":" + String(port, radix: 16, uppercase: true)
        return try ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            // The kernel gives it in pieces, and a length of 0.
            let file = try #require(FileHandle(forReadingAtPath: path))
            let text = String(decoding: file.readDataToEndOfFile(), as: UTF8.self)
            return text.split(separator: "\n").dropFirst().compactMap { (line) -> String? in
                let fields = line.split(separator: " ")
                guard fields.count > 3, fields[3] == "0A", fields[1].hasSuffix(suffix) else { return nil }
                return String(fields[1].dropLast(suffix.count))
            }
        }
    }

    private static func get(_ target: String, _ port: Int) throws -> [Int] {
        let wire = try RawClient(port: port, secondsToWait: 10)
        wire.send("GET \(target) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return statuses(wire.readToEndNow().text)
    }

    /// The status of each answer in what came.
    private static func statuses(_ text: String) -> [Int] {
        text.matches(of: /HTTP\/1\.[01] (\d{3})/).compactMap { Int($0.1) }
    }
}
