// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import SpanQueue
import SpanQueueTelemetry

/// What Redis does natively: a stream, driven in batches of 64, each answered before the next is sent.
extension BenchmarkSession {
    private static let batch = 64
    var stream: String { "\(options.prefix):floor" }
    var payload: [UInt8] { [UInt8](repeating: UInt8(ascii: "x"), count: options.payloadBytes) }

    func floorEnqueue() async throws -> Measurement {
        try await measure(.floorEnqueue, jobs: options.jobs) { try await fillWithPayloads(for: .floorEnqueue) }
    }

    func floorEnqueueJob() async throws -> Measurement {
        try await measure(.floorEnqueueJob, jobs: options.jobs) { try await fillWithJobs(for: .floorEnqueueJob) }
    }

    func floorDrain() async throws -> Measurement {
        try await fillWithPayloads(for: .floorDrain)
        return try await drainStream(.floorDrain) { fields throws(RedisError) in
            for _ in 0..<(try fields.nextArrayCount()) { fields.skip() }
        }
    }

    func floorDrainJob() async throws -> Measurement {
        try await fillWithJobs(for: .floorDrainJob)
        return try await drainStream(.floorDrainJob) { fields throws(RedisError) in
            // A name and a value each, the payload last.
            for _ in 0..<(try fields.nextArrayCount()) { _ = try fields.nextBytes() }
        }
    }

    /// Entries of a payload alone.
    private func fillWithPayloads(for benchmark: Benchmark) async throws {
        var add = RESPCommand("XADD", stream, "*", "job")
        add.append(payload)
        try await fillStream(for: benchmark) { add }
    }

    /// Entries of what a job needs beside its payload; its queue is the stream.
    private func fillWithJobs(for benchmark: Benchmark) async throws {
        let payload = payload
        try await fillStream(for: benchmark) {
            var add = RESPCommand("XADD", stream, "*", "id")
            add.append(JobID.random().description)
            add.append("type")
            add.append(BenchmarkJob.jobType)
            add.append("traceparent")
            add.append(TraceContext.root().traceParent)
            add.append("enqueued_at")
            add.append(Timestamp(Date()).milliseconds)
            add.append("payload")
            add.append(payload)
            return add
        }
    }

    /// The same 64 over and over: to Redis it makes no difference, and making them is not what the floor is to show.
    private func fillStream(for benchmark: Benchmark, _ entry: () -> RESPCommand) async throws {
        let client = try redis(for: benchmark).client
        let entries = (0..<Self.batch).map { _ in entry() }
        var left = options.jobs
        while left > 0 {
            let commands = Array(entries.prefix(left))
            for reply in try await client.pipeline(commands, idempotent: false) { _ = try reply.get() }
            left -= commands.count
        }
    }

    /// A batch is acknowledged and deleted in the write that asks for the next.
    private func drainStream(
        _ benchmark: Benchmark, _ readFields: (inout RESPCursor) throws(RedisError) -> Void
    ) async throws -> Measurement {
        let client = try redis(for: benchmark).client
        _ = try await client.send(RESPCommand("XGROUP", "CREATE", stream, "workers", "0"), idempotent: true)
        let read = RESPCommand(
            "XREADGROUP", "GROUP", "workers", "one", "COUNT", "\(Self.batch)", "STREAMS", stream, ">")
        return try await measure(benchmark, jobs: options.jobs) {
            var finished = 0
            var commands = [read]
            while finished < options.jobs {
                let replies = try await client.pipeline(commands, idempotent: false)
                for reply in replies.dropLast() { _ = try reply.get() }
                guard let last = replies.last else { break }
                let ids = try Self.ids(in: last.get(), readFields)
                var acknowledge = RESPCommand("XACK", stream, "workers")
                var delete = RESPCommand("XDEL", stream)
                for id in ids {
                    acknowledge.append(id)
                    delete.append(id)
                }
                finished += ids.count
                commands = [acknowledge, delete, read]
            }
            for reply in try await client.pipeline(Array(commands.dropLast()), idempotent: false) {
                _ = try reply.get()
            }
        }
    }

    /// The ids of a reply of `XREADGROUP`: `[[stream, [[id, [field, value]], …]]]`.
    private static func ids(
        in reply: RESPReply, _ readFields: (inout RESPCursor) throws(RedisError) -> Void
    ) throws(RedisError) -> [[UInt8]] {
        guard !reply.isNull else { return [] }
        var cursor = RESPCursor(reply)
        var ids: [[UInt8]] = []
        for _ in 0..<(try cursor.nextArrayCount()) {
            _ = try cursor.nextArrayCount()
            _ = try cursor.nextString()
            for _ in 0..<(try cursor.nextArrayCount()) {
                _ = try cursor.nextArrayCount()
                ids.append(try cursor.nextBytes())
                try readFields(&cursor)
            }
        }
        return ids
    }
}
