// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

extension TelemetryEndToEnd {
    @Suite("Collectors that are of no help")
    struct LostCollectorTests {
        @Test(
            "a worker does its jobs and stops within five seconds, though its collector refuses or hangs",
            arguments: [false, true])
        func stops(hangs: Bool) async throws {
            try await Stage.with { stage in
                let socket = try LoopbackSocket(listens: hangs)
                let environment = [
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(socket.port)", "OTEL_BSP_SCHEDULE_DELAY": "50",
                    "OTEL_METRICS_EXPORTER": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "200",
                ]
                let program = try stage.script("succeeding", "cat >/dev/null")
                let worker = try stage.worker("--exec", "test:*=\(program)", environment: environment)
                let port = try await worker.number(after: "address=127.0.0.1:")
                // The producer has the same collector, and does not wait for it without end either.
                let began = ContinuousClock.now
                _ = try await stage.enqueue("test:some", environment: environment)
                let enqueued = ContinuousClock.now - began
                #expect(enqueued < .seconds(10))
                for _ in 0..<5 { _ = try await stage.enqueue("test:some", environment: [:]) }
                try await wait(for: "the jobs") {
                    let page = CounterPage(await LocalHTTP.get("http://127.0.0.1:\(port)/metrics") ?? "")
                    return page.sums(of: "spanq_job_attempts_total", by: "outcome") == ["completed": 6]
                }
                let told = ContinuousClock.now
                worker.signal(SIGTERM)
                let status = try await worker.waitUntilExit()
                let took = ContinuousClock.now - told
                print("collector \(hangs ? "hangs" : "refuses"): enqueue took \(enqueued), the stop \(took)")
                #expect(status == 0)
                #expect(took < .seconds(5))
            }
        }
    }
}
