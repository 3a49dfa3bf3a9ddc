// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

extension TelemetryEndToEnd {
    @Suite("What the commands export")
    struct CommandTelemetryTests {
        @Test("a worker's lines go to stderr and to the collector, those of a job with its trace and attempt")
        func logs() async throws {
            try await Stage.with { stage in
                let collector = try await Collector(in: stage.directory)
                defer { collector.stop() }
                let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_LOGS_EXPORTER": "otlp"]
                let worker = try stage.worker("--exec", "test:*=false", environment: environment)
                let receipt = try await stage.enqueue("test:bad", ["--max-retries", "0"], environment: [:])
                let job = try await stage.job(receipt.id, in: "dead")
                worker.signal(SIGTERM)
                #expect(try await worker.waitUntilExit() == 0)

                let records = try collector.records
                let dead = try #require(records.first { $0.body == "job is dead" })
                #expect(dead.severity == 17)
                #expect(dead.traceID == receipt.traceID)
                #expect(dead.spanID == job.attempts.first?.spanID)
                #expect(dead.attributes["job_id"] == receipt.id)
                #expect(dead.attributes["reason"] == "attempts_exhausted")
                // The first line and the last one of the worker: what came before the stop is exported too.
                #expect(records.contains { $0.body == "worker started" && $0.traceID == nil })
                #expect(records.contains { $0.body == "worker stopped" })
                #expect(worker.output.contains("job is dead"))
                #expect(worker.output.contains(receipt.traceID))
            }
        }

        @Test("a command that fails exports its spans")
        func failing() async throws {
            try await Stage.with { stage in
                let collector = try await Collector(in: stage.directory)
                defer { collector.stop() }
                let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint]
                _ = try await stage.enqueue("test:a", ["--id", "j"], environment: [:])
                let again = try stage.start(
                    HeldProgram.product("spanq"), ["enqueue", "test:b", "--id", "j"], environment: environment)
                #expect(try await again.waitUntilExit() == 1)
                let spans = try collector.spans
                #expect(spans.map(\.name) == ["enqueue default"])
                #expect(spans.first?.isError == true)
            }
        }

        @Test("a command does not try a collector that refuses a second time")
        func refusing() async throws {
            try await Stage.with { stage in
                let socket = try LoopbackSocket(listens: false)
                let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(socket.port)"]
                // A busy machine may slow one of them down, not all.
                var fastest = Duration.seconds(60)
                for _ in 0..<3 {
                    let began = ContinuousClock.now
                    _ = try await stage.enqueue("test:a", environment: environment)
                    fastest = min(fastest, ContinuousClock.now - began)
                }
                print("enqueue with a collector that refuses: \(fastest)")
                #expect(fastest < .milliseconds(1500))
            }
        }

        @Test("a collector with a certificate of a private authority gets spans only from those who know it")
        func tls() async throws {
            try await Stage.with { stage in
                let authority = try PrivateAuthority(in: stage.directory)
                let collector = try await Collector(
                    in: stage.directory, certificate: (authority.certificate, authority.key))
                defer { collector.stop() }
                let trust = ["OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint]
                _ = try await stage.enqueue("test:stranger", environment: trust)
                #expect(try collector.spans.isEmpty)
                let known = ["OTEL_EXPORTER_OTLP_CERTIFICATE": authority.authority]
                let receipt = try await stage.enqueue("test:friend", environment: trust.merging(known) { $1 })
                #expect(try collector.spans.map(\.traceID) == [receipt.traceID])
            }
        }

        @Test(
            "a person who waits for a command sees once what is wrong with the export that was asked for",
            arguments: [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "not exported: traces"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "set it to http/protobuf"),
                ("OTEL_TRACES_EXPORTER", "zipkin", "none of otlp, console, none"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "Content-Length=1", "content-length"),
                // Nobody listens there.
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "", "telemetry is not getting through"),
            ])
        func wrong(variable: String, value: String, said: String) async throws {
            try await Stage.with { stage in
                let socket = try LoopbackSocket(listens: false)
                let closed = "http://127.0.0.1:\(socket.port)"
                var environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": closed, "OTEL_METRICS_EXPORTER": "none"]
                if !value.isEmpty { environment[variable] = value }
                let command = try stage.start(
                    HeldProgram.product("spanq"), ["enqueue", "test:a"], environment: environment)
                #expect(try await command.waitUntilExit() == 0)
                let lines = command.output.split(separator: "\n")
                #expect(lines.filter { $0.contains(said) }.count == 1, "\(lines)")
                #expect(lines.allSatisfy { !$0.contains("logs") })
            }
        }

        @Test("deliveries go through a proxy only where that was asked for", arguments: [false, true])
        func proxy(isAskedFor: Bool) async throws {
            try await Stage.with { stage in
                let proxy = try await Collector(in: stage.directory)
                defer { proxy.stop() }
                // A name that nobody can resolve: only a proxy can answer for it.
                let worker = try stage.start(
                    HeldProgram.product("spanq"),
                    ["worker", "--listen", "none", "--http", "*=http://receiver.invalid/proxied/v1/ping"]
                        + (isAskedFor ? ["--http-use-proxy"] : []),
                    environment: ["http_proxy": proxy.endpoint, "all_proxy": proxy.endpoint])
                let receipt = try await stage.enqueue("test:a", ["--max-retries", "0"], environment: [:])
                _ = try await stage.job(receipt.id, in: isAskedFor ? "completed" : "dead")
                worker.signal(SIGTERM)
                #expect(try await worker.waitUntilExit() == 0)
            }
        }

        @Test("spanq dev prints where it really listens", arguments: ["127.0.0.2:0", "[::1]:0"])
        func devAddress(listen: String) async throws {
            try await Stage.with { stage in
                let arguments = ["dev", "--json", "--no-demo-jobs", "--listen", listen]
                let dev = try stage.start(HeldProgram.product("spanq"), arguments)
                let host = String(listen.dropLast(2))
                let port = try await dev.number(after: #""metrics_url":"http://\#(host):"#)
                // Foundation's client takes no IPv6 address in a URL.
                let page = try stage.start("curl", ["-gsf", "http://\(host):\(port)/metrics"])
                #expect(try await page.waitUntilExit() == 0)
                #expect(page.output.contains("spanq_build_info"))
                dev.signal(SIGTERM)
                #expect(try await dev.waitUntilExit() == 0)
            }
        }
    }
}
