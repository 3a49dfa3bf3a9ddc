// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import SpanQueue

@testable import SpanQueueRedis

/// What a program of layout 1 that was already running goes on sending: its scripts, as they were, with the arguments that they took.
struct OldClient: Sendable {
    let client: RedisClient
    private let scripts: [String: RedisScript]
    private let keys = RedisKeys(queue: "q")

    init(_ client: RedisClient) throws {
        self.client = client
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Layout1/Scripts")
        var scripts: [String: RedisScript] = [:]
        for name in ["enqueue", "claim", "settle", "extend", "reclaim"] {
            let source = try Data(contentsOf: folder.appending(path: "\(name).lua"))
            scripts[name] = RedisScript(name: name, source: [UInt8](source))
        }
        self.scripts = scripts
    }

    private func call(
        _ name: String, _ keys: [String], _ arguments: (inout RESPCommand) -> Void
    ) async throws -> RESPReply {
        guard let script = scripts[name] else { throw CancellationError() }
        return try await client.run(RedisScriptCall(script, keys: keys, arguments: arguments), idempotent: false)
    }

    /// Adds jobs; those with a priority or a lock take more arguments.
    func enqueue(_ jobs: [NewJob]) async throws {
        _ = try await client.send(RESPCommand("SADD", "spanq:queues", "q"), idempotent: true)
        let keys = [
            keys.jobs, keys.ready, keys.priority, keys.scheduled, keys.unique, keys.uniqueExpiry, keys.meta, keys.wake,
        ]
        _ = try await call("enqueue", keys) { arguments in
            arguments.append("0")
            arguments.append("0")
            for job in jobs {
                arguments.append(job.message.id.description)
                arguments.append(MessagePacking.pack(job))
                arguments.append("")
                arguments.append(job.message.priority)
                arguments.append(job.message.unique?.digest ?? [])
                arguments.append("")
            }
        }
    }

    struct Claim: Sendable {
        let id: String
        let lease: String
        let message: JobMessage
        let run: RunRecord
    }

    func claim(_ limit: Int, lease: Int = 3_600_000) async throws -> (isPaused: Bool, jobs: [Claim]) {
        let keys = [
            keys.jobs, keys.runs, keys.ready, keys.priority, keys.scheduled, keys.retrying, keys.active, keys.leases,
            keys.unique, keys.meta, keys.wake,
        ]
        var cursor = RESPCursor(
            try await call("claim", keys) { arguments in
                for argument in ["\(limit)", "\(lease)", "a", "old", "0"] { arguments.append(argument) }
            })
        try cursor.nextArray(of: 11)
        _ = try cursor.nextDecimal()
        let leaseText = try cursor.nextString()
        let isPaused = try cursor.nextInteger() == 1
        for _ in 0..<4 { cursor.skip() }
        for _ in 0..<(try cursor.nextArrayCount()) { cursor.skip() }
        let ids = try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextString() }
        let messages = try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextBytes() }
        let runs = try (0..<(try cursor.nextArrayCount())).map { _ in try cursor.nextOptionalBytes() }
        return (
            isPaused,
            try ids.indices.map { index in
                let id = JobID(unchecked: ids[index])
                let message = try MessagePacking.unpack(messages[index], id: id, queue: "q")
                let run = try runs[index].map { try RunPacking.unpack($0, eligibleAt: message.eligibleAt) }
                return Claim(id: ids[index], lease: leaseText, message: message, run: run ?? RunRecord())
            }
        )
    }

    /// Ends attempts by `c` or `r`, and says how many were lost.
    func settle(_ claims: [Claim], _ verdict: String) async throws -> Int {
        guard !claims.isEmpty else { return 0 }
        let keys = [
            keys.jobs, keys.runs, keys.ready, keys.priority, keys.retrying, keys.active, keys.leases, keys.completed,
            keys.retained, keys.dead, keys.cancelled, keys.unique, keys.meta, keys.wake, keys.cancelling,
        ]
        let reply = try await call("settle", keys) { arguments in
            arguments.append("10000")
            arguments.append("0")
            for claim in claims {
                var run = claim.run
                let isRelease = verdict == "r"
                if !isRelease { run.attempts += 1 }
                let token = (try? Lease(claim.lease))?.token ?? FencingToken(value: 0, nonce: 0)
                let at = claim.message.enqueuedAt
                run.append(
                    .attempt(
                        AttemptRecord(
                            number: 1, token: token, worker: "old", eligibleAt: at, claimedAt: at, endedAt: at,
                            outcome: isRelease ? .released : .completed)))
                arguments.append(verdict)
                arguments.append(claim.id)
                arguments.append(claim.lease)
                arguments.append(RunPacking.packForSettlement(run))
                arguments.append("")
                arguments.append(claim.message.priority)
                arguments.append(claim.message.unique?.span == .untilFinished ? claim.message.unique?.digest ?? [] : [])
            }
        }
        var cursor = RESPCursor(reply)
        return try cursor.nextArrayCount() - 1
    }

    func reclaim() async throws {
        let keys = [
            keys.jobs, keys.runs, keys.ready, keys.priority, keys.active, keys.leases, keys.dead, keys.cancelled,
            keys.unique, keys.meta, keys.wake, keys.cancelling,
        ]
        _ = try await call("reclaim", keys) { arguments in
            arguments.append("100")
            arguments.append("3")
        }
    }

    /// Makes a worker of layout 1 known.
    func announce(_ id: String) async throws {
        for words in [
            ["HSET", "spanq:worker:\(id)", "host", "h", "queues", "q", "version", "0.1"],
            ["PEXPIRE", "spanq:worker:\(id)", "30000"], ["ZADD", "spanq:workers", "1", id],
        ] {
            var command = RESPCommand(words[0])
            for word in words.dropFirst() { command.append(word) }
            _ = try await client.send(command, idempotent: true)
        }
    }
}
