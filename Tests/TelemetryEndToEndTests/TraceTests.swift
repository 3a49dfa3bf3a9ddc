// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

extension TelemetryEndToEnd {
    @Suite("Spans of real processes")
    struct TraceTests {
        /// Fails until the third attempt.
        private static let flaky = "cat >/dev/null; [ \"$SPANQ_ATTEMPT\" -ge 3 ] || { echo not yet >&2; exit 1; }"

        private static func environment(_ collector: Collector, _ more: [String: String] = [:]) -> [String: String] {
            ["OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"].merging(more) { $1 }
        }

        @Test("a job that fails twice is one tree of the spans of all processes, with the ids of its record")
        func retries() async throws {
            try await Stage.with { stage in
                let collector = try await Collector(in: stage.directory)
                defer { collector.stop() }
                let environment = Self.environment(collector)
                let rule = "test:flaky=\(try stage.script("flaky", Self.flaky))"
                let workers = try (0..<2).map { _ in try stage.worker("--exec", rule, environment: environment) }
                let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                let receipt = try await stage.enqueue(
                    "test:flaky", environment: environment.merging(["TRACEPARENT": caller]) { $1 })
                let job = try await stage.job(receipt.id, in: "completed")
                #expect(job.attempts.map(\.outcome) == ["retried", "retried", "completed"])
                #expect(job.traceID == "0af7651916cd43dd8448eb211c80319c")
                #expect(receipt.traceID == job.traceID)

                // An enqueue, three waits, three attempts, three settlements.
                let spans = try await collector.spans(of: receipt.id, count: 10)
                #expect(spans.count == 10)
                #expect(Set(spans.map(\.traceID)) == [job.traceID])
                #expect(Set(spans.map(\.spanID)).count == 10)
                #expect(spans.allSatisfy { $0.attributes["messaging.system"] == "spanqueue" && $0.start <= $0.end })
                #expect(spans.allSatisfy { $0.attributes["messaging.destination.name"] == "default" })
                #expect(spans.allSatisfy { $0.attributes["spanq.job.type"] == "test:flaky" })
                #expect(spans.allSatisfy { $0.name == "\($0.operation) default" })

                let enqueue = try #require(spans.of("enqueue").first)
                #expect(enqueue.kind == .producer)
                #expect(enqueue.parent == "b7ad6b7169203331")
                #expect(enqueue.asLink == job.creation)
                #expect(enqueue.attributes["messaging.operation.type"] == "send")
                #expect(enqueue.attributes["spanq.enqueue.result"] == "accepted")

                let waits = spans.of("wait")
                #expect(waits.map { $0.attributes["spanq.job.attempt"] } == ["1", "2", "3"])
                #expect(waits.allSatisfy { $0.kind == .internal && $0.parent == enqueue.spanID })
                try Self.check(spans, job)

                // The producer and the two workers, of which one may have had all the attempts.
                let pids = Set(spans.map(\.pid))
                #expect(pids.isSubset(of: Set(workers.map { Int($0.processIdentifier) } + [enqueue.pid])))
                #expect(!workers.contains { Int($0.processIdentifier) == enqueue.pid })
            }
        }

        /// The attempts of a job with their settlements, none of them lost.
        private static func check(_ spans: [ReceivedSpan], _ job: ShownJob) throws {
            let attempts = spans.of("process")
            #expect(attempts.map(\.spanID) == job.attempts.map(\.spanID))
            #expect(attempts.allSatisfy { $0.kind == .consumer && $0.parent == job.creation.spanID })
            #expect(attempts.allSatisfy { $0.attributes["messaging.operation.type"] == "process" })
            #expect(attempts.map(\.isError) == job.attempts.map { $0.outcome == "retried" })
            #expect(attempts.allSatisfy { $0.isError == ($0.attributes["error.type"] != nil) })
            let settlements = spans.filter { $0.attributes["messaging.operation.type"] == "settle" }
            #expect(settlements.map(\.operation) == ["retry", "retry", "complete"])
            for (number, attempt) in attempts.enumerated() {
                let shown = job.attempts[number]
                #expect(attempt.attributes["spanq.job.attempt"] == "\(shown.number)")
                #expect(attempt.attributes["messaging.client.id"] == shown.worker)
                #expect(shown.token.hasPrefix((attempt.attributes["spanq.job.token"] ?? "none") + "-"))
                #expect(attempt.links == [job.creation] + (number == 0 ? [] : [job.link(number - 1)]))
                #expect(settlements[number].kind == .client)
                #expect(settlements[number].parent == attempt.spanID)
                #expect(!settlements[number].isError, "the attempt has the error")
            }
        }

        @Test("the attempt of a killed worker has a span made by the one that took its job back")
        func killedWorker() async throws {
            try await Stage.with { stage in
                let collector = try await Collector(in: stage.directory)
                defer { collector.stop() }
                let environment = Self.environment(collector)
                // The first to run it waits for as long as the test lasts; the second succeeds.
                let directory = stage.directory
                let sleeper = try stage.script(
                    "sleeper", "mkdir \(directory)/first || exit 0\nwhile [ -d \(directory)/first ]; do sleep 0.2; done"
                )
                let workers = try (0..<2).map { _ in
                    try stage.worker("--exec", "test:sleeper=\(sleeper)", environment: environment)
                }
                let receipt = try await stage.enqueue("test:sleeper", environment: environment)
                try await wait(for: "the program") { FileManager.default.fileExists(atPath: "\(directory)/first") }
                let running = try await stage.show(receipt.id)
                #expect(running.state == "active")
                let id = running.attempts[0].worker
                let victim = try #require(
                    workers.first { id.split { !$0.isNumber }.contains("\($0.processIdentifier)") },
                    "no process of ours is the worker \(id)")
                victim.signal(SIGKILL)
                let job = try await stage.job(receipt.id, in: "completed")
                #expect(job.attempts.map(\.outcome) == ["lost", "completed"])
                #expect(job.attempts[0].spanID == running.attempts[0].spanID)

                let heir = try #require(workers.first { $0 !== victim })
                // What the victim had not sent is gone with it: its own wait span may be there or not.
                try await wait(for: "the settlement") { try collector.spans.of("complete").count == 1 }
                heir.signal(SIGTERM)
                #expect(try await heir.waitUntilExit() == 0)
                let spans = try collector.spans.filter { $0.job == receipt.id }
                #expect(Set(spans.map(\.traceID)) == [job.traceID])
                #expect(Set(spans.map(\.spanID)).count == spans.count)
                let enqueue = try #require(spans.of("enqueue").first)
                #expect(enqueue.asLink == job.creation)
                #expect(enqueue.parent == nil)
                try Self.check(spans, job, heir: heir)
            }
        }

        /// A lost attempt and one that completed.
        private static func check(_ spans: [ReceivedSpan], _ job: ShownJob, heir: HeldProgram) throws {
            let attempts = spans.of("process")
            try #require(attempts.count == 2)
            let (synthetic, second) = (attempts[0], attempts[1])
            let reclaims = spans.of("reclaim")
            #expect(reclaims.count == 1)
            let reclaim = try #require(reclaims.first)
            #expect(synthetic.pid == Int(heir.processIdentifier))
            #expect(synthetic.kind == .consumer)
            #expect(synthetic.parent == job.creation.spanID)
            #expect(synthetic.attributes["spanq.synthetic"] == "true")
            #expect(synthetic.attributes["error.type"] == "lease_expired")
            #expect(synthetic.isError)
            #expect(synthetic.attributes["messaging.client.id"] == job.attempts[0].worker)
            // It is the lost attempt, whose id its record has.
            #expect(synthetic.asLink == job.link(0))
            #expect(synthetic.links == [job.creation])
            #expect(synthetic.attributes["spanq.job.attempt"] == "1")
            #expect(job.attempts[0].token.hasPrefix((synthetic.attributes["spanq.job.token"] ?? "none") + "-"))
            #expect(reclaim.kind == .client)
            #expect(reclaim.parent == job.creation.spanID)
            #expect(reclaim.links == [job.link(0)])
            #expect(reclaim.attributes["spanq.lost_worker"] == job.attempts[0].worker)
            #expect(reclaim.attributes["messaging.operation.type"] == "settle")
            #expect(second.attributes["spanq.synthetic"] == nil)
            #expect(second.spanID == job.attempts[1].spanID)
            #expect(second.parent == job.creation.spanID)
            #expect(second.links == [job.creation, job.link(0)])
            #expect(!second.isError)
            let complete = try #require(spans.of("complete").first)
            #expect(complete.parent == second.spanID)
            #expect(
                spans.of("wait").contains { $0.pid == Int(heir.processIdentifier) && $0.parent == job.creation.spanID })
        }

        @Test("of traces that are not sampled, what failed is exported with its enqueue and its wait, and nothing else")
        func keepsFailures() async throws {
            try await Stage.with { stage in
                let collector = try await Collector(in: stage.directory)
                defer { collector.stop() }
                let never = ["OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"]
                let environment = Self.environment(collector, never)
                let failing = try stage.script("failing", "cat >/dev/null; echo no >&2; exit 65")
                let succeeding = try stage.script("succeeding", "cat >/dev/null")
                let worker = try stage.worker(
                    "--exec", "test:failing=\(failing)", "--exec", "test:succeeding=\(succeeding)",
                    environment: environment)
                let good = try await stage.enqueue("test:succeeding", environment: environment)
                let bad = try await stage.enqueue("test:failing", environment: environment)
                _ = try await stage.job(good.id, in: "completed")
                let job = try await stage.job(bad.id, in: "dead")
                worker.signal(SIGTERM)
                #expect(try await worker.waitUntilExit() == 0)
                // A worker that has ended has sent everything.
                let spans = try collector.spans
                #expect(spans.allSatisfy { $0.job == bad.id }, "\(spans)")
                #expect(spans.allSatisfy { $0.attributes["spanq.sampled.by"] == "error" })
                #expect(Set(spans.map(\.traceID)) == [job.traceID])
                #expect(Set(spans.map(\.pid)) == [Int(worker.processIdentifier)])
                #expect(spans.map(\.operation).sorted() == ["bury", "enqueue", "process", "wait"])
                let enqueue = try #require(spans.of("enqueue").first)
                #expect(enqueue.asLink == job.creation)
                #expect(enqueue.kind == .producer)
                #expect(spans.of("wait").first?.parent == enqueue.spanID)
                let process = try #require(spans.of("process").first)
                #expect(process.spanID == job.attempts[0].spanID)
                #expect(process.parent == enqueue.spanID)
                #expect(process.isError)
                #expect(spans.of("bury").first?.parent == process.spanID)
            }
        }
    }
}
