// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
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
            let wire = try RawClient(port: port, secondsToWait: 10)
            wire.send("GET \(path) HTTP/1.1\r\nHost: a\r\nAuthorization: \(Self.header)\r\nConnection: close\r\n\r\n")
            let (text, _) = wire.readToEndNow()
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

    @Test("of pages and REST: what is masked, and the tokens, in no answer, no log line and no span")
    func pages() async throws {
        let stage = try await Stage()
        defer { stage.redis.stop() }
        let made = try await stage.run("token", "make", "ada", "--role", "admin", "--json")
        let view = try #require(try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: String])
        let (token, line) = (try #require(view["token"]), try #require(view["line"]))
        #expect(!line.contains(token))
        let users = stage.redis.server.directory + "/users"
        try Data("\(line)\n".utf8).write(to: URL(fileURLWithPath: users))
        #expect(chmod(users, 0o600) == 0)
        let server = try HeldSpanq(
            "serve", "--listen", ":0", "--web", "127.0.0.1:0", "--web-users", users, "--redact", "password,*.token",
            directory: stage.redis.server.directory, environment: stage.environment)
        let port = try await server.webPort()
        let canary = "canary-web-52d1"
        let body = #"{"login":{"password":"\#(canary)","token":"\#(canary)"},"user":42}"#
        for (id, type) in [("ok", "ok"), ("fails", "fails")] {
            #expect(try await stage.run("enqueue", type, body, "--id", id, "--max-retries", "0").code == 0)
        }
        let failing = "sh -c 'cat >&2; exit 1'"
        _ = try await stage.run(
            "worker", "--once", "--exec", "ok=cat", "--exec", "fails=\(failing)", "--listen", "none")
        _ = try await stage.run("queue", "pause", "default", "--reason", "password=\(canary)")
        func get(_ path: String, _ authorization: String, method: String = "GET", body: String = "") throws -> String {
            let wire = try RawClient(port: port, secondsToWait: 10)
            wire.send(
                "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: \(authorization)\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)")
            return wire.readToEndNow().text
        }
        var shown = 0
        for job in ["ok", "fails"] {
            for path in [
                "stats", "queues", "queues/default", "jobs", "jobs/\(job)", "jobs/\(job)/trace", "jobs/\(job)/explain",
                "jobs/\(job)/payload", "jobs/\(job)/result", "workers", "journal", "journal/lines", "session",
            ] {
                let text = try get("/api/v1/\(path)", "Bearer \(token)")
                #expect(text.hasPrefix("HTTP/1.1 200"), "\(path): \(text)")
                for secret in [canary, token, Data(canary.utf8).base64EncodedString()] {
                    #expect(!text.contains(secret), "\(path) shows \(secret): \(text)")
                }
                if text.contains("‹masked›") { shown += 1 }
            }
        }
        // Payloads, the result, the error in the job, its trace and the list, the reason of the pause.
        #expect(shown >= 10)
        let wrong = try get("/api/v1/stats", "Bearer \(token)x")
        #expect(wrong.hasPrefix("HTTP/1.1 401") && !wrong.contains(token))
        let signIn = try get("/api/v1/session", "", method: "POST", body: #"{"name":"ada","token":"\#(token)"}"#)
        #expect(signIn.hasPrefix("HTTP/1.1 204") && !signIn.contains(token))
        _ = try get("/login?next=\(token)", "")
        server.stop()
        #expect(server.output.contains("a wrong token"))
        for secret in [token, canary] {
            #expect(!server.output.contains(secret), "the log shows \(secret): \(server.output)")
        }
        #expect(!stage.collector.bodies.contains(token))
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
            // They are refused for a Redis without TLS.
            let certificates = arguments.contains { $0.hasPrefix("rediss:") } ? stage.redis.certificates : [:]
            let run = try await SpanqRun.spanq(
                arguments + ["--log-level", "trace", "--redis-timeout", "300ms"], environment: certificates)
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
