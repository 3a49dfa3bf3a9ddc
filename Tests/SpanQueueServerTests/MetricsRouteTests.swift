// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HTTPFixture
import SpanQueue
import SpanQueueServer
import SpanQueueTelemetry
import Testing

@Suite("GET /metrics", .timeLimit(.minutes(1)))
struct MetricsRouteTests {
    private func registry() throws -> MetricsRegistry {
        let registry = MetricsRegistry()
        try registry.counter("requests", help: "Requests.", labels: ["path"]).child("/\"a\"\\\n").increment(by: 3)
        return registry
    }

    private static let openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    private static let text = "text/plain; version=0.0.4; charset=utf-8"
    private static let sample = #"requests_total{path="/\"a\"\\\n"}"#

    @Test(
        "the format is the one that Accept prefers",
        arguments: [
            (nil, text), ("*/*", text), ("text/plain", text), ("application/openmetrics-text", openMetrics),
            ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.6", text),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                openMetrics
            ),
        ] as [(String?, String)])
    func negotiates(accept: String?, contentType: String) async throws {
        let registry = try registry()
        try await ServerUnderTest.run(registry) { test async throws in
            let answer = try #require(
                try await test.request("/metrics", headers: accept.map { ["Accept": $0] } ?? [:]))
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == contentType)
            #expect(answer.headers["vary"] == "Accept, Accept-Encoding")
            #expect(answer.headers["content-encoding"] == nil)
            #expect(answer.headers["date"]?.hasSuffix(" GMT") == true)
            #expect(answer.contentLength == answer.body.count)
            #expect(answer.samples[Self.sample] == "3")
            #expect(answer.text.hasSuffix("# EOF\n") == (contentType == Self.openMetrics))
        }
    }

    @Test("gzip when asked, and only then")
    func gzip() async throws {
        let registry = try registry()
        try await ServerUnderTest.run(registry) { test async throws in
            let answer = try #require(
                try await test.request("/metrics", headers: ["Accept-Encoding": "deflate, gzip;q=0.8"]))
            #expect(answer.headers["content-encoding"] == "gzip")
            #expect(Answer.samples(of: try answer.unzipped())[Self.sample] == "3")
            let refused = try await test.request("/metrics", headers: ["Accept-Encoding": "gzip;q=0"])
            #expect(refused?.headers["content-encoding"] == nil)
        }
    }

    @Test("HEAD says what GET would, without the body, and the connection goes on")
    func head() async throws {
        let registry = try registry()
        try await ServerUnderTest.run(registry) { test async throws in
            let client = try RawClient(port: test.port)
            client.send("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = try #require(await client.readAnswer(hasBody: false))
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try #require(await client.readAnswer())
            #expect(answer.samples[Self.sample] == "3")
            #expect(answer.contentLength == head.contentLength)
        }
    }

    @Test("a collector that hangs or throws leaves the page as it is")
    func collectors() async throws {
        let registry = try registry()
        struct Broken: Error {}
        try registry.add(MetricsCollector(name: "broken", successGauge: "broken_success") { _ in throw Broken() })
        try registry.add(
            MetricsCollector(name: "late", deadline: .milliseconds(50)) { _ in try await Task.sleep(for: .seconds(60)) }
        )
        try await ServerUnderTest.run(registry) { test async throws in
            let samples = try #require(try await test.request("/metrics")).samples
            #expect(samples[Self.sample] == "3")
            #expect(samples["broken_success"] == "0")
            #expect(samples[#"spanq_collector_success{collector="late"}"#] == "0")
        }
    }
}
