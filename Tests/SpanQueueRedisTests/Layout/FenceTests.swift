// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue
import Testing

@testable import SpanQueueRedis

/// A queue of a later version, as this one must leave it: with bits of features in `uses`, or with a door.
@Suite("The fences of a queue of a later version", .serialized)
struct FenceTests {
    /// Calls that a script makes on a queue in which there is something for it to do.
    struct Call: Sendable, CustomTestStringConvertible {
        let name: String
        let make: @Sendable (AuditBench) async throws -> Void
        var testDescription: String { name }
    }

    static let fenced = [
        Call(name: "claim") { _ = try await $0.claim() },
        Call(name: "reclaim") { _ = try await $0.engine.reclaim(ReclaimRequest(queue: "q")) },
        Call(name: "sweep") { try await $0.sweep() },
        Call(name: "cancel") { try await $0.perform(.cancel(reason: "x"), on: "ready") },
        Call(name: "bury") { try await $0.perform(.bury(reason: "x"), on: "scheduled") },
        Call(name: "redrive") { try await $0.perform(.redrive, on: "dead") },
        Call(name: "remove") { try await $0.perform(.remove, on: "completed") },
        Call(name: "redrive all") {
            _ = try await $0.engine.performAll(BulkRequest(queue: "q", state: .dead, action: .redrive))
        },
        Call(name: "remove all") {
            _ = try await $0.engine.performAll(BulkRequest(queue: "q", state: .completed, action: .remove))
        },
        Call(name: "halt") { try await $0.engine.halt("q", note: OperatorNote(reason: "x")) },
        Call(name: "adopt") { _ = try await $0.engine.adopt([packed($0)], into: "q", under: pause) },
        Call(name: "drop") { _ = try await $0.engine.drop([packed($0)], from: "q", under: pause) },
        Call(name: "delete") { _ = try await $0.engine.delete("q") },
        Call(name: "repair") {
            let ghost = AuditViolation(
                .leaseWithoutActive, queue: "q", subject: "ghost", "", evidence: .init(id: "ghost"))
            _ = try await $0.engine.repair(ghost)
        },
    ]

    /// A pause that is not there.
    private static let pause = PauseNote(at: Timestamp(milliseconds: 1), note: OperatorNote())

    private static func packed(_ bench: AuditBench) throws -> PackedJob {
        let message = Array("1800000000000".utf8) + MessagePacking.pack(bench.job("new"))
        return try PackedJob(id: "new", queue: "q", state: .ready, message: message, run: nil)
    }

    /// A queue with something for every call, and a lease, a lock and a retention that are over.
    private func with(_ body: (AuditBench) async throws -> Void) async throws {
        try await AuditBench.with { bench in
            try await bench.fill()
            try await bench.redis("HSET", ":leases", "ghost", "5-1:w")
            try await bench.redis("ZADD", ":active", "1", "active")
            try await bench.redis("ZADD", ":cancelled", "1", "cancelled")
            try await body(bench)
        }
    }

    @Test("with a bit that it does not know each script does nothing, and says so", arguments: fenced)
    func uses(_ call: Call) async throws {
        try await with { bench in
            try await bench.redis("HSET", ":meta", "uses", "64")
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            do {
                try await call.make(bench)
                Issue.record("nothing was refused")
            } catch let error as SpanQueueError {
                #expect(error.code == .unsupported && !error.mayHaveRun, "\(error.message)")
                #expect(error.message.contains("64") && error.message.contains("upgrade"))
            }
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
            // Without the bit the same call finds something to do: the fence was what kept it from that.
            try await bench.redis("HDEL", ":meta", "uses")
            do {
                try await call.make(bench)
                #expect(try await bench.redis("DEBUG", "DIGEST").string() != digest)
            } catch let error as SpanQueueError {
                #expect(error.code == .invalidState, "\(error.message)")
            }
        }
    }

    @Test("what a worker holds it extends, reports on and settles, whatever the queue uses by now")
    func held() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"), bench.job("b"))
            let claimed = try await bench.claim(2)
            try await bench.redis("HSET", ":meta", "uses", "1")
            let references = claimed.map(\.reference)
            #expect(try await bench.extend(references).lost.isEmpty)
            try await bench.settle(claimed[0], .complete)
            try await bench.settle(claimed[1], .release)
            #expect(try await bench.redis("ZCARD", ":active").integer() == 0)
            #expect(try await bench.redis("LLEN", ":completed").integer() == 1)
        }
    }

    @Test("a job that would be called ready is in an unknown state, and the others are where they are")
    func inspect() async throws {
        try await with { bench in
            try await bench.redis("HSET", ":meta", "uses", "1")
            #expect(try await bench.record("ready")?.state == .unknown)
            #expect(try await bench.record("priority")?.state == .unknown)
            #expect(try await bench.record("completed")?.state == .completed)
            #expect(try await bench.record("dead")?.state == .dead)
            #expect(try await bench.record("scheduled")?.state == .scheduled)
        }
    }

    @Test("the audit leaves out a queue that uses what it does not know, and says which")
    func audit() async throws {
        try await with { bench in
            try await bench.redis("HSET", ":meta", "uses", "2")
            let report = try await bench.audit.run()
            #expect(report.findings.isEmpty && report.skipped == ["q"] && report.queues.isEmpty)
        }
    }

    @Test("plain jobs can be added to a queue that uses features: its workers know what to do")
    func enqueueBesideFeatures() async throws {
        try await AuditBench.with { bench in
            try await bench.redis("HSET", ":meta", "uses", "1")
            try await bench.enqueue(bench.job("a"))
            #expect(try await bench.redis("LLEN", ":ready").integer() == 1)
        }
    }

    @Test("with a door nobody adds jobs who does not bring it, and nothing is written")
    func door() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            try await bench.redis("HSET", ":jobs", "@", "o:7")
            let digest = try await bench.redis("DEBUG", "DIGEST").string()
            do {
                try await bench.enqueue(bench.job("b"), bench.job("c", priority: 3))
                Issue.record("the door was open")
            } catch let error as SpanQueueError {
                #expect(error.code == .unsupported && !error.mayHaveRun && error.message.contains("o:7"))
            }
            #expect(try await bench.redis("DEBUG", "DIGEST").string() == digest)
            // Workers are not its business, and whoever counts or scans does not take it for a job.
            #expect(try await bench.claim(5).map(\.reference.id) == ["a"])
            #expect(try await bench.audit.run().findings.isEmpty)
            await #expect(throws: SpanQueueError.self) { try await bench.engine.delete("q") }
            let adopting = await #expect(throws: SpanQueueError.self) {
                try await bench.engine.adopt([Self.packed(bench)], into: "q", under: Self.pause)
            }
            #expect(adopting?.code == .unsupported && adopting?.message.contains("o:7") == true)
        }
    }

    @Test("who brings the door adds jobs, and who brings one where there is none does not")
    func doorBrought() async throws {
        try await AuditBench.with { bench in
            func enqueue(_ id: String, door: String) async throws -> RESPReply {
                let keys = RedisKeys(queue: "q")
                let call = RedisScriptCall(
                    Scripts.embedded.enqueue,
                    keys: [
                        keys.jobs, keys.ready, keys.priority, keys.scheduled, keys.unique, keys.uniqueExpiry, keys.meta,
                        keys.wake,
                    ]
                ) {
                    $0.append("0")
                    $0.append(door)
                    $0.append("1")
                    $0.append(id)
                    $0.append(MessagePacking.pack(bench.job(id)))
                }
                return try await bench.engine.call(call)
            }
            await #expect(throws: SpanQueueError.self) { try await enqueue("a", door: "o:7") }
            #expect(try await bench.redis("EXISTS", ":jobs", ":meta").integer() == 0)
            try await bench.redis("HSET", ":jobs", "@", "o:7")
            _ = try await enqueue("b", door: "o:7")
            #expect(try await bench.redis("LLEN", ":ready").integer() == 1)
        }
    }

    @Test("a pause of layout 1 holds where nothing is used, and is nothing but a fence where something is")
    func oldPause() async throws {
        try await AuditBench.with { bench in
            try await bench.enqueue(bench.job("a"))
            try await bench.redis("HSET", ":meta", "paused", "1")
            #expect(try await bench.counts().isPaused)
            #expect(try await bench.claim().isEmpty)
            try await bench.redis("HSET", ":meta", "uses", "0")
            #expect(try await !bench.counts().isPaused)
            #expect(try await bench.claim().count == 1)
        }
    }
}
