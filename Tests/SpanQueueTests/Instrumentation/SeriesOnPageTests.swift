// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTelemetry
import SpanQueueTesting
import Testing

@Suite("What a queue puts on its page")
struct SeriesOnPageTests {
    private func snapshot(messaging: Bool) async throws -> MetricsSnapshot {
        let telemetry = JobTelemetry(registry: MetricsRegistry(), messagingMetrics: messaging)
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let worker = try Worker(queue)
        try worker.handle("t") { _, _ in }
        try await queue.enqueue(type: "t", payload: [])
        try await worker.runOnce()
        await queue.shutdown()
        return telemetry.registry.snapshot()
    }

    @Test("a histogram has a series once there is a value: twenty samples of zeros say nothing")
    func histograms() async throws {
        let snapshot = try await snapshot(messaging: false)
        let histograms = snapshot.families.filter { $0.kind == .histogram }
        for family in histograms {
            for point in family.points {
                guard case .histogram(let value) = point.value else { continue }
                #expect(value.count > 0, "\(family.name) \(point.labels.pairs)")
            }
        }
        let process = histograms.first { $0.name == "spanq_job_process_seconds" }?.points ?? []
        #expect(process.map { $0.labels.pairs.map(\.value) } == [["default", "t", "completed"]])
    }

    @Test("a counter of a type begins at 0 with its first job, so that the first failure is a rise")
    func counters() async throws {
        let snapshot = try await snapshot(messaging: false)
        let attempts = snapshot.families.first { $0.name == "spanq_job_attempts" }?.points ?? []
        let values = attempts.map { ($0.labels.pairs.last?.value ?? "", $0.value) }
        #expect(Set(values.map(\.0)) == Set(AttemptOutcome.known.map(\.rawValue)))
        #expect(values.allSatisfy { $0.1 == .integer($0.0 == "completed" ? 1 : 0) })
    }

    @Test("the names of the messaging conventions are there for those who ask", arguments: [false, true])
    func messaging(isAskedFor: Bool) async throws {
        let snapshot = try await snapshot(messaging: isAskedFor)
        let names = Set(snapshot.families.filter { !$0.points.isEmpty }.map(\.name)).filter {
            $0.hasPrefix("messaging_")
        }
        #expect(names.count == (isAskedFor ? 4 : 0))
    }

    @Test("a registry that does not take our metrics is an error where the queue is made, and ends no process")
    func conflict() async throws {
        let registry = MetricsRegistry()
        _ = try registry.counter("spanq_jobs_enqueued", help: "An application's own.", labels: ["mine"])
        var small = MetricsRegistryConfiguration()
        small.maximumFamilies = 3
        for registry in [registry, MetricsRegistry(small)] {
            let telemetry = JobTelemetry(registry: registry)
            let error = #expect(throws: SpanQueueError.self) {
                try JobQueue(engine: .inMemory(), telemetry: telemetry)
            }
            #expect(error?.code == .invalidArgument && error?.message.contains("spanq_") == true)
        }
    }
}
