// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueServer
import SpanQueueTesting
import Testing

@Suite("Requests that are not answered", .timeLimit(.minutes(1)))
struct RequestRulesTests {
    @Test(
        "a path that is none is 404",
        arguments: ["/", "/metrics/", "/metrics/x", "/stats", "/Metrics", "/../metrics", "//metrics"])
    func notFound(path: String) async throws {
        try await ServerUnderTest.run { test async throws in
            let answer = try await test.request(path)
            #expect(answer?.status == 404)
        }
    }

    @Test("a query changes nothing")
    func query() async throws {
        try await ServerUnderTest.run { test async throws in
            let answer = try await test.request("/livez?verbose=1")
            #expect(answer?.status == 200)
        }
    }

    @Test("another method is 405", arguments: ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
    func method(method: String) async throws {
        let queue = try JobQueue.testing()
        try await ServerUnderTest.run(queue: queue) { test async throws in
            for path in ["/metrics", "/livez", "/readyz", "/stats"] {
                let answer = try await test.request(path, method: method)
                #expect(answer?.status == 405)
                #expect(answer?.headers["allow"] == "GET, HEAD")
            }
        }
    }

    @Test(
        "a request with a body is refused without waiting for the body, and its connection ends",
        arguments: ["Content-Length: 1000000000000", "Transfer-Encoding: chunked", "Content-Length: 5"])
    func body(header: String) async throws {
        try await ServerUnderTest.run { test async throws in
            let client = try RawClient(port: test.port)
            client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\(header)\r\n\r\n")
            let answer = try #require(Answer(await client.readToEnd()))
            #expect(answer.status == 413)
            #expect(answer.headers["connection"] == "close")
        }
    }

    @Test("a head that is too large, or none at all, ends its connection and nobody else's")
    func head() async throws {
        try await ServerUnderTest.run { test async throws in
            for head in [
                "GET /metrics HTTP/1.1\r\nX: \(String(repeating: "x", count: 1 << 20))\r\n\r\n",
                "GET /\(String(repeating: "x", count: 1 << 20)) HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /metrics HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 100_000) + "\r\n",
                "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n",
            ] {
                let client = try RawClient(port: test.port)
                client.send(head)
                let answer = Answer(await client.readToEnd())
                #expect(answer == nil || answer?.status == 400)
                #expect(try await test.request("/livez")?.status == 200)
            }
        }
    }

    @Test("a connection that is to end with its request does, in any case of letters", arguments: ["close", "Close"])
    func close(value: String) async throws {
        try await ServerUnderTest.run { test async throws in
            let client = try RawClient(port: test.port)
            client.send("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: \(value)\r\n\r\n")
            let asked = ContinuousClock.now
            #expect(Answer(await client.readToEnd())?.headers["connection"] == "close")
            #expect(ContinuousClock.now - asked < .seconds(10))
        }
    }

    @Test("requests sent without waiting are answered in order")
    func pipelining() async throws {
        try await ServerUnderTest.run { test async throws in
            let client = try RawClient(port: test.port)
            client.send(
                String(repeating: "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", count: 50)
                    + "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = String(decoding: await client.readToEnd(), as: UTF8.self)
            #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 51)
            #expect(text.components(separatedBy: "HTTP/1.1 404").count == 2)
        }
    }
}
