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

    @Test("each kind of failure of each type in each queue counts for itself, in whatever order they come")
    func failures() async throws {
        struct Late: Error {}
        struct Lost: Error {}
        let telemetry = JobTelemetry(registry: MetricsRegistry(), messagingMetrics: true)
        let queue = try JobQueue(engine: .inMemory(), telemetry: telemetry)
        let worker = try Worker(queue, WorkerConfiguration(concurrency: 1, queues: ["a": 1, "b": 1]))
        for type in ["t", "u"] {
            try worker.handle(type) { payload, _ in
                switch payload.first {
                case 1: throw Late()
                case 2: throw Lost()
                default: break
                }
            }
        }
        // The kinds, the types and the queues change at every turn of the worker: what the latest was says nothing of the next.
        var expected: [[String]: Int] = [:]
        for (place, kind) in [1, 2, 2, 0, 1, 1, 2, 1].enumerated() {
            for (queueName, type) in [("a", "t"), ("b", "t"), ("a", "u")] {
                let payload = [UInt8((kind + (type == "u" ? 1 : 0)) % 3), UInt8(place)]
                try await queue.enqueue(type: type, payload: payload, .queue(queueName), .maxRetries(0))
                guard payload[0] > 0 else { continue }
                expected[[queueName, type, payload[0] == 1 ? "Late" : "Lost"], default: 0] += 1
            }
        }
        try await worker.runOnce()
        await queue.shutdown()
        let snapshot = telemetry.registry.snapshot()
        var errors: [[String]: Int] = [:]
        for point in snapshot.families.first(where: { $0.name == "spanq_job_errors" })?.points ?? [] {
            guard case .integer(let value) = point.value else { continue }
            errors[point.labels.pairs.map { $0.value.split(separator: ".").last.map(String.init) ?? "" }] = Int(value)
        }
        #expect(errors == expected)
        // By the conventions: per queue and kind, whatever the type.
        var processed: [[String]: Int] = [:]
        for (key, count) in expected { processed[[key[0], key[2]], default: 0] += count }
        var seen: [[String]: Int] = [:]
        for point in snapshot.families.first(where: { $0.name == "messaging_process_duration_seconds" })?.points ?? [] {
            guard case .histogram(let value) = point.value else { continue }
            let labels = Dictionary(point.labels.pairs.map { ($0.name, $0.value) }) { first, _ in first }
            guard let kind = labels["error_type"], !kind.isEmpty else { continue }
            let name = kind.split(separator: ".").last.map(String.init) ?? ""
            seen[[labels["messaging_destination_name"] ?? "", name], default: 0] += Int(value.count)
        }
        #expect(seen == processed)
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
