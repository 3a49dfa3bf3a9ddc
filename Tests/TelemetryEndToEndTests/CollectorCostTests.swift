// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Logging
import RedisServerFixture
import SpanQueue
import SpanQueueOTLP
import SpanQueueRedis
import SpanQueueTelemetry
import Testing

extension TelemetryEndToEnd {
    @Suite("What a collector that is of no help costs")
    struct CollectorCostTests {
        private static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

        /// Exports to a socket of this machine that refuses, or takes connections and never answers.
        private static func telemetry(_ socket: LoopbackSocket) -> Telemetry {
            var configuration = TelemetryConfiguration()
            configuration.traces = .otlp(OTLPEndpoint(url: "http://127.0.0.1:\(socket.port)/v1/traces"))
            configuration.spanBatches.scheduleDelay = .milliseconds(50)
            return Telemetry(configuration, logger: quiet)
        }

        @Test("handlers get as much done with a collector that refuses or hangs as with none")
        func throughput() async throws {
            try await Stage.with { stage in
                let refusing = try LoopbackSocket(listens: false)
                let hanging = try LoopbackSocket(listens: true)
                var best: [String: Duration] = [:]
                for round in 0..<3 {
                    for (name, socket) in [("none", nil), ("refuses", refusing), ("hangs", hanging)] {
                        let took = try await Self.work(stage, socket, queue: "\(name)-\(round)")
                        best[name] = min(best[name] ?? took, took)
                    }
                }
                let none = try #require(best["none"])
                for name in ["refuses", "hangs"] {
                    let ratio = none / (try #require(best[name]))
                    print("handlers' throughput with a collector that \(name), to that with none: \(ratio)")
                    #expect(ratio >= 0.9)
                }
            }
        }

        /// How long 1,000 handlers of 10 ms take, ten at a time: their 4,000 spans are more than the queue holds.
        private static func work(
            _ stage: Stage, _ socket: LoopbackSocket?, queue name: String
        ) async throws -> Duration {
            let telemetry = socket.map { self.telemetry($0) }
            let exporting = telemetry.map { telemetry in Task { try await telemetry.run() } }
            let queue = try JobQueue(
                engine: .redis(stage.server.url), telemetry: JobTelemetry(tracer: telemetry?.tracer), logger: quiet)
            let jobs = (0..<1_000).map { _ in EnqueueRequest(type: "t", payload: [], options: [.queue(name)]) }
            _ = try await queue.enqueue(jobs)
            let worker = try Worker(queue, WorkerConfiguration(concurrency: 10, queues: [name: 1]))
            try worker.handle("t") { _, _ in try await Task.sleep(for: .milliseconds(10)) }
            let began = ContinuousClock.now
            let summary = try await worker.runOnce()
            let took = ContinuousClock.now - began
            #expect(summary[.completed] == 1_000)
            if let telemetry {
                // Four spans a job, and the enqueue: they were made, and went nowhere.
                let traces = try #require(telemetry.statistics.signals[.traces])
                #expect(traces.exported[""] == nil)
                #expect(traces.processed["queue_full", default: 0] > 0)
                _ = await telemetry.shutdown(within: .zero)
            }
            exporting?.cancel()
            await queue.shutdown()
            return took
        }

        @Test("100,000 spans for a collector that hangs take no more memory than the queue has room for")
        func memory() async throws {
            let socket = try LoopbackSocket(listens: true)
            let telemetry = Self.telemetry(socket)
            let exporting = Task { try await telemetry.run() }
            func submit(_ count: Int) {
                for number in 0..<count {
                    let span = telemetry.tracer.startSpan("span \(number)")
                    span.set("text", to: .string(String(repeating: "x", count: 200) + "\(number)"))
                    span.end()
                }
            }
            // Fills the queue and starts an export that hangs.
            submit(5_000)
            try await Task.sleep(for: .milliseconds(200))
            let before = try Self.residentBytes()
            submit(100_000)
            let growth = try Self.residentBytes() - before
            let traces = try #require(telemetry.statistics.signals[.traces])
            print("100,000 spans for a collector that hangs: \(growth >> 10) KiB more memory")
            #expect(growth < 16 << 20)
            #expect(traces.queueSize <= 2_048)
            #expect(traces.processed["queue_full", default: 0] >= 100_000 - 2_048)
            _ = await telemetry.shutdown(within: .zero)
            exporting.cancel()
        }

        private static func residentBytes() throws -> Int {
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
            return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
        }
    }
}
