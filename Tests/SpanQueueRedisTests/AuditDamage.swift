// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import Testing

@testable import SpanQueueRedis

/// One way to damage the queue that `AuditBench.fill` makes, and what an audit must find of it.
struct Damage: Sendable, CustomTestStringConvertible {
    let name: String
    let findings: Set<Finding>
    /// What a repair leaves to a person.
    var left: Set<Finding> { findings.filter { !$0.rule.isRepairable } }
    let plant: @Sendable (AuditBench) async throws -> Void

    var testDescription: String { name }

    init(
        _ name: String, _ findings: Finding..., plant: @escaping @Sendable (AuditBench) async throws -> Void
    ) {
        self.name = name
        self.findings = Set(findings)
        self.plant = plant
    }

    private static let far = "99999999999999"
    private static func hex(_ byte: UInt8) -> String {
        String(repeating: byte < 16 ? "0\(String(byte, radix: 16))" : String(byte, radix: 16), count: 16)
    }
    private static func text(_ byte: UInt8) -> String { String(decoding: AuditBench.digest(byte), as: UTF8.self) }

    static let states: [Damage] = [
        Damage("ready and scheduled", Finding(.oneSet, "ready")) {
            try await $0.redis("ZADD", ":scheduled", far, "ready")
        },
        Damage("priority and cancelled", Finding(.oneSet, "priority")) {
            try await $0.redis("ZADD", ":cancelled", far, "priority")
        },
        Damage("ready and completed", Finding(.oneSet, "ready-2")) {
            try await $0.redis("RPUSH", ":completed", "ready-2")
        },
        Damage("retained and completed", Finding(.oneSet, "retained")) {
            try await $0.redis("LPUSH", ":completed", "retained")
        },
        Damage("twice completed", Finding(.oneSet, "completed")) {
            try await $0.redis("RPUSH", ":completed", "completed")
        },
        Damage("active and ready", Finding(.oneSet, "active")) { try await $0.redis("RPUSH", ":ready", "active") },
        Damage("twice in ready", Finding(.twiceInReady, "ready")) { try await $0.redis("RPUSH", ":ready", "ready") },
        Damage("a ready job without a message", Finding(.setWithoutMessage, "ready")) {
            try await $0.redis("HDEL", ":jobs", "ready")
        },
        Damage("an active job without a message", Finding(.setWithoutMessage, "active")) {
            try await $0.redis("HDEL", ":jobs", "active")
            try await $0.redis("HDEL", ":unique", text(6))
        },
        Damage("ids that never were jobs", Finding(.setWithoutMessage, "ghost"), Finding(.setWithoutMessage, "ghost-2"))
        {
            try await $0.redis("ZADD", ":dead", "1", "ghost")
            try await $0.redis("RPUSH", ":completed", "ghost-2")
        },
        Damage("a job out of the ready list", Finding(.messageWithoutSet, "ready")) {
            try await $0.redis("LREM", ":ready", "0", "ready")
        },
        Damage("a job out of the completed list", Finding(.messageWithoutSet, "completed")) {
            try await $0.redis("LREM", ":completed", "0", "completed")
        },
        Damage(
            "jobs out of their sorted sets", Finding(.messageWithoutSet, "retrying"),
            Finding(.messageWithoutSet, "active"), Finding(.leaseWithoutActive, "active")
        ) {
            try await $0.redis("ZREM", ":retrying", "retrying")
            try await $0.redis("ZREM", ":active", "active")
        },
        Damage("an active job without a lease", Finding(.activeWithoutLease, "active")) {
            try await $0.redis("HDEL", ":leases", "active")
        },
        Damage("an active job with a lease that is none", Finding(.activeWithoutLease, "active")) {
            try await $0.redis("HSET", ":leases", "active", "mine!")
        },
        Damage("a lease of a ready job", Finding(.leaseWithoutActive, "ready")) {
            try await $0.redis("HSET", ":leases", "ready", "5-1:w")
        },
        Damage("a lease of nothing", Finding(.leaseWithoutActive, "ghost")) {
            try await $0.redis("HSET", ":leases", "ghost", "5-1:w")
        },
    ]

    static let records: [Damage] = [
        Damage("a token ahead of its counter", Finding(.tokenAhead, "active")) {
            try await $0.redis("HSET", ":leases", "active", "9000000000000000-1:w")
        },
        Damage("tokens that fall", Finding(.tokenOrder, "ready")) {
            try await $0.redis(["HSET", ":runs", "ready"], run(tokens: [7, 6]))
        },
        Damage("too many attempts", Finding(.attemptsExceeded, "ready")) {
            try await $0.redis(["HSET", ":runs", "ready"], [1, 0, 5, 0])
        },
        Damage("too many reclaims", Finding(.reclaimsExceeded, "ready")) {
            try await $0.redis(["HSET", ":runs", "ready"], [1, 0, 0, 4])
        },
        Damage("a dead letter without a reason", Finding(.deadWithoutReason, "dead")) {
            try await $0.redis("HDEL", ":runs", "dead")
        },
        Damage("a message that is none", Finding(.unreadableMessage, "ready")) {
            try await $0.redis("HSET", ":jobs", "ready", "garbage")
        },
        Damage("a run that is none", Finding(.unreadableRun, "ready")) {
            try await $0.redis("HSET", ":runs", "ready", "garbage")
        },
        Damage("a run of nothing", Finding(.orphanRun, "ghost")) {
            try await $0.redis(["HSET", ":runs", "ghost"], [1, 0, 0, 0])
        },
        Damage("cancels of what does not run", Finding(.orphanCancelling, "ready"), Finding(.orphanCancelling, "ghost"))
        {
            try await $0.redis("HSET", ":cancelling", "ready", "", "ghost", "")
        },
    ]

    static let locks: [Damage] = [
        Damage("a lock that is none", Finding(.unreadableLock, hex(77))) {
            try await $0.redis("HSET", ":unique", text(77), "garbage")
        },
        Damage("a lock of a job that is gone", Finding(.lockWithoutOwner, hex(77))) {
            try await $0.redis("HSET", ":unique", text(77), "0:ghost")
        },
        Damage("a lock of a dead job", Finding(.lockWithoutOwner, hex(1))) {
            try await $0.redis("HSET", ":unique", text(1), "0:dead-lock")
        },
        Damage("a lock of a job without locks", Finding(.lockWithoutOwner, hex(77))) {
            try await $0.redis("HSET", ":unique", text(77), "0:ready")
        },
        Damage("a lock until the start of a job that has started", Finding(.lockWithoutOwner, hex(7))) {
            try await $0.redis("HSET", ":unique", text(7), "0:active-cancelling")
        },
        Damage("a lock that was released too early", Finding(.lockMissing, "unique")) {
            try await $0.redis("HDEL", ":unique", text(9))
        },
        Damage("a lock until the start that was released too early", Finding(.lockMissing, "until-started")) {
            try await $0.redis("HDEL", ":unique", text(10))
        },
        Damage("a lock that another job has", Finding(.lockMissing, "active"), Finding(.lockWithoutOwner, hex(6))) {
            try await $0.redis("HSET", ":unique", text(6), "0:ready")
        },
        Damage("a lock that no sweep will find", Finding(.lockWithoutExpiry, hex(11))) {
            try await $0.redis("ZREM", ":unique-expiry", text(11))
        },
    ]

    static let keys: [Damage] = [
        Damage("too many enqueued", Finding(.totals, "q")) { try await $0.redis("HINCRBY", ":meta", "enqueued", "5") },
        Damage("too few enqueued", Finding(.totals, "q")) { try await $0.redis("HINCRBY", ":meta", "enqueued", "-3") },
        Damage("a total that is not a number", Finding(.totals, "q")) {
            try await $0.redis("HSET", ":meta", "completed", "some")
        },
        Damage("a total that is not a number, and too few enqueued", Finding(.totals, "q")) {
            try await $0.redis("HSET", ":meta", "removed", "some")
            try await $0.redis("HINCRBY", ":meta", "enqueued", "-5")
        },
        Damage("a total that was lost", Finding(.totals, "q")) { try await $0.redis("HDEL", ":meta", "dead") },
        Damage("a key of a wrong type", Finding(.wrongType, "spanq:{q}:wake")) {
            try await $0.redis("SET", ":wake", "1")
        },
        Damage("a list of queues of a wrong type", Finding(.wrongType, "spanq:{@}:queues")) {
            try await $0.redis("SET", "spanq:{@}:queues", "q")
        },
        Damage("unknown keys", Finding(.unknownKey, "spanq:{q}:more"), Finding(.unknownKey, "spanq:else")) {
            try await $0.redis("SET", ":more", "1")
            try await $0.redis("SET", "spanq:else", "1")
        },
        Damage("a queue that is not listed", Finding(.queueNotListed, "q")) {
            try await $0.redis("SREM", "spanq:{@}:queues", "q")
        },
        Damage("a worker forever", Finding(.workerKeyWithoutTTL, "spanq:{@}:worker:w")) {
            try await $0.redis("PERSIST", "spanq:{@}:worker:w")
        },
    ]

    static let all = states + records + locks + keys

    private static func run(tokens: [Int64]) -> [UInt8] {
        var run = RunRecord()
        for (index, token) in tokens.enumerated() {
            let at = Timestamp(milliseconds: 1000)
            run.append(
                .attempt(
                    AttemptRecord(
                        number: index + 1, token: FencingToken(value: token, nonce: 1), worker: "w", eligibleAt: at,
                        claimedAt: at, endedAt: at, outcome: .released)))
        }
        return RunPacking.pack(run)
    }
}
