// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import NIOConcurrencyHelpers
import SpanQueueCurl
import Testing

@testable import SpanQueueOTLP
@testable import SpanQueueTelemetry

@Suite("Against a collector that is down, slow or hostile", .enabled(if: OTLPCheck.python != nil))
struct HostileCollectorTests {
    /// What an export of ten spans comes to.
    private struct Run {
        var exported: [String: Int]
        var requests: [HostileCollector.Request]
        var elapsed: Duration
        var log: [String]
    }

    /// - Parameters:
    ///   - timeout: of one request.
    ///   - total: of the export.
    private func run(
        _ mode: String, timeout: Duration = .seconds(10), total: Duration = .seconds(30), gzip: Bool = false,
        encoding: OTLPProtocol = .httpJSON, times: Int = 1
    ) async throws -> Run {
        let collector = try HostileCollector()
        let url = OTLPEndpoint.url(base: collector.base(mode), signal: .traces)
        return try await run(
            OTLPEndpoint(
                url: url,
                headers: [OTLPEndpoint.Header("X-Key", "secret"), OTLPEndpoint.Header("Content-Length", "1")],
                encoding: encoding, usesGzip: gzip, timeout: timeout),
            total, collector, times: times)
    }

    private func run(
        _ endpoint: OTLPEndpoint, _ total: Duration, _ collector: HostileCollector?, times: Int = 1
    ) async throws -> Run {
        var configuration = TelemetryConfiguration(resource: Samples.resource)
        configuration.traces = .otlp(endpoint)
        configuration.spanBatches.exportTimeout = total
        let lines = KeptLines()
        let telemetry = Telemetry(configuration, logger: Logger(label: "test", factory: { _ in lines }))
        let clock = ContinuousClock()
        let start = clock.now
        for _ in 0..<times {
            for _ in 0..<10 { telemetry.tracer.submit(Samples.typicalSpan) }
            _ = await telemetry.flush(within: .seconds(60))
        }
        return Run(
            exported: telemetry.statistics.signals[.traces]?.exported ?? [:],
            requests: try await collector?.requests() ?? [], elapsed: clock.now - start, log: lines.all)
    }

    @Test(
        "a sound one gets sound bodies, once, with our headers", arguments: [false, true],
        [OTLPProtocol.httpJSON, .httpProtobuf])
    func sound(gzip: Bool, encoding: OTLPProtocol) async throws {
        let run = try await run("ok", gzip: gzip, encoding: encoding)
        #expect(run.exported == ["": 10] && run.requests.count == 1)
        let request = try #require(run.requests.first)
        #expect(request.problem == nil && request.items == 10 && request.path.hasSuffix("/v1/traces"))
        let type = encoding == .httpJSON ? "application/json" : "application/x-protobuf"
        #expect(request.headers["content-type"] == type && request.headers["x-key"] == "secret")
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

    @Test("a 503 forever, with its body or without, is given up at the deadline", arguments: ["503", "cut-503"])
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

    @Test(
        "what the collector says is logged once, in one line and bounded: why it rejects, refuses, or warns",
        arguments: [
            ("partial", "no room", Logger.Level.error),
            ("401", "unauthenticated: the token has expired", .error),
            ("401-text", "unauthenticated: the token has expired", .error),
            ("warn", "slow down: forged [31mline", .warning),
        ], [OTLPProtocol.httpJSON, .httpProtobuf])
    func said(_ said: (mode: String, text: String, level: Logger.Level), encoding: OTLPProtocol) async throws {
        let run = try await run(said.mode, encoding: encoding, times: 3)
        #expect(run.requests.count == 3)
        let lines = run.log.filter { $0.contains("collector=\(said.text)") }
        #expect(lines.count == 1 && run.log.count == 1, "\(run.log)")
        #expect(lines.first?.hasPrefix("\(said.level) ") == true)
        #expect(lines.allSatisfy { $0.count < 600 && !$0.unicodeScalars.contains { $0.value < 0x20 } })
    }

    @Test("rejected spans are counted and not sent again", arguments: [("partial", 3), ("boast", 10)])
    func partial(_ mode: String, rejected: Int) async throws {
        let run = try await run(mode)
        #expect(run.exported["rejected"] == rejected && run.exported["", default: 0] == 10 - rejected)
        #expect(run.requests.count == 1)
    }
}

/// Keeps what is logged: `level message key=value …`.
private struct KeptLines: LogHandler {
    private let lines = NIOLockedValueBox<[String]>([])
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
        lines.withLockedValue { $0.append("\(event.level) \(event.message)\(pairs.joined())") }
    }

    var all: [String] { lines.withLockedValue { $0 } }
}
