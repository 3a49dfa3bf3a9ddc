import Logging
import SpanQueueCurl
import Testing

@testable import SpanQueueTelemetry

@Suite("Against a collector that is down, slow or hostile", .enabled(if: OTLPCheck.python != nil))
struct HostileCollectorTests {
    /// What an export of ten spans comes to.
    private struct Run {
        var exported: [String: Int]
        var requests: [HostileCollector.Request]
        var elapsed: Duration
    }

    /// - Parameters:
    ///   - timeout: of one request.
    ///   - total: of the export.
    private func run(
        _ mode: String, timeout: Duration = .seconds(10), total: Duration = .seconds(30), gzip: Bool = false
    ) async throws -> Run {
        let collector = try HostileCollector()
        let url = OTLPEndpoint.url(base: collector.base(mode), signal: .traces)
        return try await run(
            OTLPEndpoint(url: url, headers: [OTLPEndpoint.Header("X-Key", "secret")], usesGzip: gzip, timeout: timeout),
            total, collector)
    }

    private func run(
        _ endpoint: OTLPEndpoint, _ total: Duration, _ collector: HostileCollector?
    ) async throws -> Run {
        var configuration = TelemetryConfiguration(resource: Samples.resource)
        configuration.traces = .otlp(endpoint)
        configuration.spanBatches.exportTimeout = total
        let telemetry = Telemetry(configuration)
        for _ in 0..<10 { telemetry.tracer.submit(Samples.typicalSpan) }
        let clock = ContinuousClock()
        let start = clock.now
        _ = await telemetry.flush(within: .seconds(60))
        return Run(
            exported: telemetry.statistics.signals[.traces]?.exported ?? [:],
            requests: try await collector?.requests() ?? [], elapsed: clock.now - start)
    }

    @Test("a sound one gets sound JSON, once, with our headers", arguments: [false, true])
    func sound(gzip: Bool) async throws {
        let run = try await run("ok", gzip: gzip)
        #expect(run.exported == ["": 10] && run.requests.count == 1)
        let request = try #require(run.requests.first)
        #expect(request.problem == nil && request.items == 10 && request.path.hasSuffix("/v1/traces"))
        #expect(request.headers["content-type"] == "application/json" && request.headers["x-key"] == "secret")
        #expect(request.headers["content-encoding"] == (gzip ? "gzip" : nil) && request.headers["expect"] == nil)
        #expect(!gzip || request.bytes < 2_000)
    }

    @Test("refused: tried again until the time is up")
    func refused() async throws {
        let run = try await run(OTLPEndpoint(url: "http://127.0.0.1:1/v1/traces"), .seconds(2), nil)
        #expect(run.exported == ["connect": 10] && run.elapsed < Crowd.allows(.seconds(3)))
    }

    @Test("an answer that never comes, or comes byte by byte, costs the timeout", arguments: ["hang", "drip-headers"])
    func hanging(_ mode: String) async throws {
        let run = try await run(mode, timeout: .seconds(1))
        #expect(run.exported == ["timeout": 10] && run.requests.count == 1)
        #expect(run.elapsed > .milliseconds(900) && run.elapsed < Crowd.allows(.seconds(3)))
    }

    @Test(
        "what follows a 200 changes nothing: a body byte by byte, cut off, of garbage, without end",
        arguments: ["drip", "cut", "garbage", "huge"])
    func afterSuccess(_ mode: String) async throws {
        let run = try await run(mode, timeout: .seconds(1))
        #expect(run.exported == ["": 10] && run.requests.count == 1 && run.elapsed < Crowd.allows(.seconds(3)))
    }

    @Test("Retry-After is waited for, in seconds and as a date", arguments: [("429-seconds", 1.9), ("429-date", 1.9)])
    func retryAfter(_ mode: String, seconds: Double) async throws {
        let run = try await run(mode)
        #expect(run.exported == ["": 10])
        try #require(run.requests.count == 2)
        let wait = run.requests[1].time - run.requests[0].time
        #expect(wait >= seconds && wait < 5)
    }

    @Test("a Retry-After beyond the deadline is not waited for")
    func longRetryAfter() async throws {
        let run = try await run("429-long")
        #expect(run.exported == ["429": 10] && run.requests.count == 1 && run.elapsed < Crowd.allows(.seconds(2)))
    }

    @Test("a 503, and a connection closed without an answer, are tried again", arguments: ["503-once", "close"])
    func retried(_ mode: String) async throws {
        let run = try await run(mode)
        #expect(run.exported == ["": 10] && run.requests.count == 2 && run.elapsed < Crowd.allows(.seconds(4)))
    }

    @Test("a 503 for ever, with its body or without, is given up at the deadline", arguments: ["503", "cut-503"])
    func unavailable(_ mode: String) async throws {
        let run = try await run(mode, total: .seconds(3))
        #expect(
            run.exported == ["503": 10] && (2...5).contains(run.requests.count)
                && run.elapsed < Crowd.allows(.seconds(4)))
    }

    @Test("other failures are dropped at once", arguments: [("400", "400"), ("500", "500"), ("redirect", "307")])
    func dropped(_ mode: String, errorType: String) async throws {
        let run = try await run(mode)
        #expect(run.exported == [errorType: 10] && run.requests.count == 1 && run.elapsed < Crowd.allows(.seconds(2)))
    }

    @Test("rejected spans are counted and not sent again", arguments: [("partial", 3), ("boast", 10)])
    func partial(_ mode: String, rejected: Int) async throws {
        let run = try await run(mode)
        #expect(run.exported["rejected"] == rejected && run.exported["", default: 0] == 10 - rejected)
        #expect(run.requests.count == 1)
    }
}
