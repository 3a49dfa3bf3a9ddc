// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

extension TelemetryEndToEnd {
    @Suite("A real Prometheus", .enabled(if: HeldProgram.isInstalled("prometheus"), "prometheus is not in PATH"))
    struct PrometheusTests {
        private struct Reply<Result: Decodable>: Decodable {
            let data: Result
        }
        private struct Vector: Decodable {
            struct Sample: Decodable {
                let value: [Value]
            }
            let result: [Sample]

            /// A time is a number, a value a text.
            enum Value: Decodable, Equatable {
                case time(Double)
                case sample(String)

                init(from decoder: any Decoder) throws {
                    let container = try decoder.singleValueContainer()
                    if let time = try? container.decode(Double.self) {
                        self = .time(time)
                    } else {
                        self = .sample(try container.decode(String.self))
                    }
                }
            }

            var number: Double? {
                guard case .sample(let text)? = result.first?.value.last else { return nil }
                return Double(text)
            }
        }
        private struct ExemplarSeries: Decodable {
            struct Exemplar: Decodable {
                let labels: [String: String]
                let value: String
            }
            let seriesLabels: [String: String]
            let exemplars: [Exemplar]
        }
        private struct Targets: Decodable {
            struct Target: Decodable {
                let health: String
                let lastError: String
            }
            let activeTargets: [Target]
        }

        @Test("it scrapes a worker, keeps its exemplars, and has nothing to complain about")
        func scrapes() async throws {
            try await Stage.with { stage in
                // Spans are sampled, and thrown away, so that no collector is needed here.
                let sink = try LoopbackSocket(listens: false)
                let environment = [
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(sink.port)", "OTEL_EXPORTER_OTLP_TIMEOUT": "100",
                ]
                let succeeding = try stage.script("succeeding", "cat >/dev/null")
                let worker = try stage.worker("--exec", "test:*=\(succeeding)", environment: environment)
                let target = try await worker.number(after: "address=127.0.0.1:")
                let (prometheus, api) = try await start(on: stage, target: target)
                try await wait(for: "up to be 1:\n\(prometheus.output)") {
                    await number("up", api) == 1
                }

                // Several rounds, so that it sees exemplars come, stay and change.
                var traces: Set<String> = []
                for _ in 0..<3 {
                    for _ in 0..<3 { traces.insert(try await stage.enqueue("test:some", environment: [:]).traceID) }
                    let scrapes = await number("count_over_time(up[10m])", api) ?? 0
                    try await wait(for: "more scrapes") {
                        await number("count_over_time(up[10m])", api) ?? 0 >= scrapes + 3
                    }
                }
                let attempts = "sum(spanq_job_attempts_total{outcome=\"completed\"})"
                try await wait(for: "the counter") { await number(attempts, api) == 9 }
                #expect(await number("sum(spanq_job_process_seconds_count)", api) == 9)
                #expect(await number("min_over_time(up[10m])", api) == 1)
                #expect(await number("max(spanq_queue_jobs{state=\"completed\"})", api) == 9)

                let exemplars = try await exemplars(of: "spanq_job_process_seconds_bucket", api)
                #expect(!exemplars.isEmpty)
                for series in exemplars {
                    #expect(series.seriesLabels["outcome"] == "completed")
                    let bound = try #require(Double(series.seriesLabels["le"]?.replacing("+Inf", with: "inf") ?? ""))
                    for exemplar in series.exemplars {
                        #expect(traces.contains(exemplar.labels["trace_id"] ?? ""))
                        #expect(exemplar.labels["span_id"]?.count == 16)
                        #expect(Double(exemplar.value) ?? .infinity <= bound)
                    }
                }
                let targets = await LocalHTTP.get("\(api)/targets", as: Reply<Targets>.self)?.data.activeTargets
                #expect(targets?.map(\.health) == ["up"])
                #expect(targets?.map(\.lastError) == [""])
                let complaints = prometheus.output.lowercased().split(separator: "\n").filter { line in
                    ["dropped", "duplicate", "out of order", "out-of-order", "level=warn", "level=error"].contains {
                        line.contains($0)
                    }
                }
                #expect(complaints.isEmpty)
                worker.signal(SIGTERM)
                #expect(try await worker.waitUntilExit() == 0)
            }
        }

        private func start(on stage: Stage, target: Int) async throws -> (HeldProgram, api: String) {
            let configuration = "\(stage.directory)/prometheus.yml"
            try """
            global:
              scrape_interval: 500ms
              scrape_timeout: 500ms
            scrape_configs:
              - job_name: spanq
                static_configs:
                  - targets: ['127.0.0.1:\(target)']
            """.write(toFile: configuration, atomically: true, encoding: .utf8)
            // It can't be told to take a free port, so one is found for it; another may have taken it by then.
            for _ in 0..<3 {
                let port = try LoopbackSocket(listens: false).port
                let prometheus = try stage.start(
                    "prometheus",
                    [
                        "--config.file=\(configuration)", "--storage.tsdb.path=\(stage.directory)/prometheus",
                        "--web.listen-address=127.0.0.1:\(port)", "--enable-feature=exemplar-storage",
                    ])
                let isUp: Bool = try await found("prometheus does not start:\n\(prometheus.output)") {
                    if prometheus.status != nil { return false }
                    return await LocalHTTP.get("http://127.0.0.1:\(port)/-/ready") == nil ? nil : true
                }
                if isUp { return (prometheus, "http://127.0.0.1:\(port)/api/v1") }
            }
            throw Unmet("prometheus does not start")
        }

        private func number(_ query: String, _ api: String) async -> Double? {
            await LocalHTTP.get("\(api)/query?query=\(escaped(query))", as: Reply<Vector>.self)?.data.number
        }

        private func exemplars(of series: String, _ api: String) async throws -> [ExemplarSeries] {
            let now = Int(Date().timeIntervalSince1970)
            let url = "\(api)/query_exemplars?query=\(series)&start=\(now - 600)&end=\(now + 60)"
            return try #require(await LocalHTTP.get(url, as: Reply<[ExemplarSeries]>.self)).data
        }

        private func escaped(_ query: String) -> String {
            query.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? query
        }
    }
}
