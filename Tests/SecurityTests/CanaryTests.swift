// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import RedisServerFixture
import Testing

/// Secrets with a name of their own go through real commands, and everything that comes out is searched for them.
@Suite("No output has a secret", .serialized, .timeLimit(.minutes(3)))
struct CanaryTests {
    /// The password of the Redis user, of the OTLP headers, of the delivery's URL and in its query, and in the payload.
    private static let password = "canary-pw-81c2"
    private static let header = "canary-header-77d0"
    private static let delivery = "canary-http-19ae"
    private static let payload = "canary-payload-5f3b"
    private static let secrets = [password, header, delivery]

    private struct Stage {
        let redis: RedisUnderTest
        let collector: RecordingCollector
        let environment: [String: String]

        init() async throws {
            redis = try await RedisUnderTest.start(["--requirepass", CanaryTests.password])
            collector = try RecordingCollector(directory: redis.server.directory)
            environment = [
                "SPANQ_REDIS_URL": redis.url(user: ":\(CanaryTests.password)"),
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://user:\(CanaryTests.delivery)@127.0.0.1:\(collector.port)",
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20\(CanaryTests.header)",
                "OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "always_on",
                "SPANQ_LOG_LEVEL": "trace",
            ].merging(redis.certificates) { $1 }
        }

        func run(_ arguments: String..., input: String = "", adding: [String: String] = [:]) async throws -> SpanqRun {
            try await SpanqRun.spanq(
                arguments, environment: environment.merging(adding) { $1 }, input: Array(input.utf8))
        }
    }

    private static func check(_ text: String, _ what: String, payloadIsAsked: Bool = false) {
        for secret in secrets + (payloadIsAsked ? [] : [payload]) {
            #expect(!text.contains(secret), "\(what) shows \(secret): \(text)")
            let base64 = Data(secret.utf8).base64EncodedString().prefix(18)
            #expect(!text.contains(base64), "\(what) shows \(secret) in base64: \(text)")
        }
    }

    @Test("of commands, workers, pages, spans, logs and metrics, only those that are asked for a payload show it")
    func wayOfAJob() async throws {
        let stage = try await Stage()
        defer { stage.redis.stop() }
        let body = #"{"secret":"\#(Self.payload)"}"#
        let worker = try HeldSpanq(
            "worker", "--exec", "ok=cat", "--exec", "fails=false", "--http",
            "hook=http://user:\(Self.delivery)@127.0.0.1:1/x?token=\(Self.delivery)", "--listen", ":0",
            directory: stage.redis.server.directory, environment: stage.environment)
        let port = try await worker.port()
        for type in ["ok", "fails", "hook", "nobody"] {
            let run = try await stage.run("enqueue", type, body, "--id", type, "--max-retries", "0", "--unique", "1h")
            #expect(run.code == 0)
            Self.check(run.output, "enqueue \(type)")
        }
        let batch = try await stage.run(
            "enqueue", "--batch", "-",
            input:
                "{\"type\":\"a b\",\"payload\":\(body)}\n{\"type\":1,\"payload\":\(body)}\n{\(body)}\nnot json \(body)\n"
        )
        #expect(batch.code == 1)
        Self.check(batch.output, "a batch of bad lines")
        try await Self.untilDead("hook", stage)

        for path in ["/metrics", "/stats", "/livez", "/readyz", "/none?token=\(Self.header)"] {
            let wire = try Wire(port: port)
            wire.send("GET \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: \(Self.header)\r\nConnection: close\r\n\r\n")
            let (text, _) = wire.readToEnd()
            #expect(text.hasPrefix("HTTP/1.1"))
            Self.check(text, path)
        }
        for arguments in [
            ["queue", "list"], ["queue", "stats", "--json"], ["job", "list"], ["dead", "list"], ["job", "trace", "ok"],
            ["job", "trace", "hook"], ["job", "trace", "hook", "--json"], ["job", "trace", "fails", "--otlp"],
            ["audit"], ["audit", "--json"], ["worker", "--print-config", "--exec", "a=b"],
            ["worker", "--print-config", "--json", "--http", "x=http://u:\(Self.delivery)@h/?t=\(Self.delivery)"],
            ["job", "cancel", "ok"], ["job", "show", "no-such-job"], ["version"],
        ] {
            let run = try await SpanqRun.spanq(arguments, environment: stage.environment)
            Self.check(run.output, arguments.joined(separator: " "))
        }
        for arguments in [["job", "show", "hook"], ["job", "show", "hook", "--json"], ["dead", "list", "--json"]] {
            let run = try await SpanqRun.spanq(arguments, environment: stage.environment)
            #expect(run.output.contains(Self.payload), "it is asked for, and not shown: \(run.output)")
            Self.check(run.output, arguments.joined(separator: " "), payloadIsAsked: true)
        }
        worker.stop()
        #expect(worker.output.contains("trace"), "the log is not at its most talkative")
        Self.check(worker.output, "the worker's log")
        // Both were in use, or nothing was shown by this.
        #expect(stage.collector.headers.contains(Self.header))
        #expect(["/v1/traces", "/v1/logs", "/v1/metrics"].allSatisfy(stage.collector.headers.contains))
        Self.check(stage.collector.bodies, "what was exported")
    }

    private static func untilDead(_ id: String, _ stage: Stage) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if try await stage.run("job", "show", id, "--json").output.contains(#""state":"dead""#) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("\(id) is not dead")
    }

    @Test("of errors: Redis away, a wrong password, URLs and settings that make no sense")
    func errors() async throws {
        let stage = try await Stage()
        defer { stage.redis.stop() }
        let bad = "canary-bad-aa01"
        let file = stage.redis.server.directory + "/spanq.yaml"
        for (text, arguments) in [
            ("redis-url: redis://:\(bad)@h:x/", ["queue", "list"]),
            ("redis-url: [\"redis://:\(bad)@h\", \"redis://:\(bad)@h\"]", ["queue", "list"]),
            ("http: 'x=gopher://u:\(bad)@h/'", ["worker"]), ("{\"redis-url\": \"redis://:\(bad)", ["queue", "list"]),
            ("http:\n  - x: http://u:\(bad)@h/", ["worker"]),
            ("redis_url: redis://:\(bad)@h", ["worker", "--exec", "a=cat", "--print-config"]),
        ] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            let run = try await SpanqRun.spanq(arguments + ["--config", file])
            #expect(run.code == 2 || run.output.contains("redis_url"), "\(text): \(run.output)")
            #expect(!run.output.contains(bad), "\(text): \(run.output)")
        }
        for (arguments, code) in [
            (["queue", "list", "--redis", stage.redis.url(user: ":\(bad)")], 4),
            (["queue", "list", "--redis", stage.redis.url(user: "\(bad):\(bad)x")], 4),
            (["queue", "list", "--redis", "redis://u:\(bad)@127.0.0.1:1"], 4),
            (["queue", "list", "--redis", "redis://u:\(bad)@nowhere.invalid"], 4),
            (["queue", "list", "--redis", "redis://u:\(bad)@h:99999"], 2),
            (["queue", "list", "--redis", "rediss://u:\(bad)@127.0.0.1:1"], 4),
            (["worker", "--http", "x:*=ftp://u:\(bad)@h/"], 2), (["worker", "--http", "http://u:\(bad)@h/"], 2),
            (["worker", "--http", "x=http://u:\(bad)@h:1/?token=\(bad)", "--http-allow-host", "other"], 2),
            (["job", "trace", "x", "--trace-url", "http://u:\(bad)@h/"], 2),
        ] {
            let run = try await SpanqRun.spanq(
                arguments + ["--log-level", "trace", "--redis-timeout", "300ms"], environment: stage.redis.certificates)
            #expect(Int(run.code) == code || run.code == 4, "\(arguments): \(run.output)")
            // The name of a user is not a secret.
            let shown = run.output.replacing("://\(bad):", with: "://:")
            #expect(!shown.contains(bad), "\(arguments): \(run.output)")
        }
        for variable in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
            let run = try await stage.run("enqueue", "a", adding: [variable: "http://u:\(bad)@h:x/,=\(bad)"])
            #expect(!run.output.contains(bad), "\(run.output)")
        }
    }
}
