// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue
import Testing

@Suite("Drains of real processes", .serialized)
struct DrainTests {
    @Test("SIGTERM lets running handlers end, claims no more, and exits cleanly")
    func finishes() async throws {
        try await Bench.with { bench in
            let worker = try bench.worker(concurrency: 2)
            for _ in 0..<6 { try await bench.queue.enqueue(Step(milliseconds: 500)) }
            #expect(try await eventually(within: .seconds(10)) { bench.lines.filter { $0.what == "began" }.count == 2 })
            worker.signal(SIGTERM)
            #expect(try await worker.waitUntilExit(within: .seconds(4)))
            #expect(worker.exitStatus == 0)
            let counts = try await bench.queue.counts(of: ["default"])[0]
            #expect(counts[.completed] == 2)
            #expect(counts[.ready] == 4)
            #expect(counts[.active] == 0)
            #expect(bench.lines.filter { $0.what == "ended" }.count == 2)
            #expect(try await bench.queue.workers().isEmpty)
        }
    }

    @Test("what is not done when the drain is over is released without charging an attempt")
    func givesBack() async throws {
        try await Bench.with { bench in
            let worker = try bench.worker(drain: 300)
            let receipt = try await bench.queue.enqueue(Step(milliseconds: 60_000))
            #expect(try await eventually(within: .seconds(10)) { bench.lines.contains { $0.what == "began" } })
            worker.signal(SIGTERM)
            #expect(try await worker.waitUntilExit(within: .seconds(2.3)), "later than the drain timeout and 2 s")
            let record = try await bench.record(receipt.id)
            #expect(record.state == .ready)
            #expect(record.run.attempts == 0)
            #expect(record.run.reclaims == 0)
            #expect(record.run.attemptRecords.map(\.outcome) == [.released])
            #expect(bench.lines.map(\.what) == ["began", "cancelled"])
        }
    }

    @Test("a worker killed during its drain loses nothing")
    func killedWhileDraining() async throws {
        try await Bench.with { bench in
            let worker = try bench.worker(lease: 400, drain: 10_000)
            let receipt = try await bench.queue.enqueue(Step(milliseconds: 700))
            #expect(try await eventually(within: .seconds(10)) { bench.lines.contains { $0.what == "began" } })
            worker.signal(SIGTERM)
            try await Task.sleep(for: .milliseconds(100))
            worker.signal(SIGKILL)
            let heir = try bench.worker(lease: 400)
            defer { heir.signal(SIGKILL) }
            #expect(
                try await eventually(within: .seconds(10)) { try await bench.record(receipt.id).state == .completed })
        }
    }

    @Test("handlers that block every thread of the pool for ten leases keep their leases")
    func blockingHandlers() async throws {
        try await Bench.with { bench in
            let worker = try bench.worker(concurrency: 8, lease: 300)
            defer { worker.signal(SIGKILL) }
            for _ in 0..<8 { try await bench.queue.enqueue(Step(milliseconds: 3000, blocks: true)) }
            let other = try bench.worker(concurrency: 1, lease: 300)
            defer { other.signal(SIGKILL) }
            #expect(try await eventually(within: .seconds(30)) { try await bench.count(.completed) == 8 })
            #expect(bench.lines.filter { $0.what == "began" }.count == 8, "a job was reclaimed while its handler ran")
        }
    }
}
