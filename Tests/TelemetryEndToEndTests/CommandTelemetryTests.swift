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
