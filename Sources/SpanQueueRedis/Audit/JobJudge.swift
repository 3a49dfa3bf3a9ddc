// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

/// Says what is wrong with a job by what Redis holds of it. Pure: facts in, violations out.
struct JobJudge {
    let queue: String
    let maxReclaims: Int
    /// The last token that the queue gave out, in the moment of the facts.
    let lastToken: Int64?

    /// - Parameters:
    ///   - ready: how often the job stands in the list of ready jobs, as far as is known.
    ///   - completed: the same of the list of completed ones.
    ///   - isStray: whether it is known to be in neither list.
    func violations(
        _ facts: JobFacts, ready: Int = 0, completed: Int = 0, isStray: Bool = false
    ) -> [AuditViolation] {
        let lists = (ready > 0 ? ["ready"] : []) + (completed > 0 ? ["completed"] : [])
        let places = facts.sets.names + lists
        guard facts.messageBytes != nil else { return withoutMessage(facts, places) }
        var found: [AuditViolation] = []
        func add(_ rule: AuditRule, _ detail: String, value: [UInt8] = []) {
            found.append(violation(rule, facts, detail, value: value))
        }
        if places.count > 1 {
            add(.oneSet, "is in \(places.joined(separator: " and "))")
        } else if completed > 1 {
            add(.oneSet, "is \(completed) times in completed")
        }
        if ready > 1 { add(.twiceInReady, "is \(ready) times in ready") }
        if places.isEmpty, isStray { add(.messageWithoutSet, "is in no state") }
        if facts.sets.contains(.active) {
            if facts.lease == nil {
                add(.activeWithoutLease, "is active, and has no lease")
            } else if let lease = facts.lease, (try? Lease(lease)) == nil {
                add(
                    .activeWithoutLease, "has a lease that can't be read: \(Excerpt.printable(lease, limit: 40))",
                    value: Array(lease.utf8))
            }
        } else {
            if let lease = facts.lease {
                add(
                    .leaseWithoutActive,
                    "is not active, and \((try? Lease(lease))?.worker ?? "nobody") has a lease of it")
            }
            if facts.isCancelling { add(.orphanCancelling, "is not active, and has a cancel that was asked for") }
        }
        return found + recordViolations(facts)
    }

    private func withoutMessage(_ facts: JobFacts, _ places: [String]) -> [AuditViolation] {
        if !places.isEmpty {
            return [
                violation(.setWithoutMessage, facts, "is in \(places.joined(separator: " and ")), and has no message")
            ]
        }
        var found: [AuditViolation] = []
        if facts.lease != nil { found.append(violation(.leaseWithoutActive, facts, "has a lease, and is not a job")) }
        if facts.run != nil { found.append(violation(.orphanRun, facts, "has a record of runs, and is not a job")) }
        if facts.isCancelling {
            found.append(violation(.orphanCancelling, facts, "has a cancel that was asked for, and is not a job"))
        }
        return found
    }

    private func violation(
        _ rule: AuditRule, _ facts: JobFacts, _ detail: String, value: [UInt8] = []
    ) -> AuditViolation {
        AuditViolation(
            rule, queue: queue, subject: facts.id, detail,
            evidence: .init(id: facts.id, stamp: facts.stamp, run: facts.run ?? [], value: value))
    }

    // MARK: What the message and the run say

    private func recordViolations(_ facts: JobFacts) -> [AuditViolation] {
        let message: JobMessage
        let run: RunRecord
        do throws(PackingError) {
            message = try MessagePacking.unpack(facts.messageStart, id: JobID(unchecked: facts.id), queue: queue)
        } catch {
            // What a later version wrote is not damaged.
            return error.isNewer ? [] : [violation(.unreadableMessage, facts, error.description)]
        }
        do throws(PackingError) {
            run =
                try facts.run.map { bytes throws(PackingError) in
                    try RunPacking.unpack(bytes, eligibleAt: message.eligibleAt)
                } ?? RunRecord()
        } catch {
            return error.isNewer ? [] : [violation(.unreadableRun, facts, error.description)]
        }
        var found: [AuditViolation] = []
        if run.attempts > message.maxAttempts {
            found.append(
                violation(.attemptsExceeded, facts, "had \(run.attempts) attempts of \(message.maxAttempts)"))
        }
        if run.reclaims > maxReclaims {
            found.append(violation(.reclaimsExceeded, facts, "was reclaimed \(run.reclaims) times of \(maxReclaims)"))
        }
        if facts.sets.contains(.dead), run.endReason == nil {
            found.append(violation(.deadWithoutReason, facts, "is dead, and nothing says why"))
        }
        return found + tokenViolations(facts, run) + lockViolations(facts, message, run)
    }

    private func tokenViolations(_ facts: JobFacts, _ run: RunRecord) -> [AuditViolation] {
        let lease = facts.lease.flatMap { try? Lease($0) }
        let tokens = run.attemptRecords.map(\.token) + (lease.map { [$0.token] } ?? [])
        var found: [AuditViolation] = []
        if let (earlier, later) = zip(tokens, tokens.dropFirst()).first(where: { !($0 < $1) }) {
            found.append(violation(.tokenOrder, facts, "had token \(later) after \(earlier)"))
        }
        if let highest = tokens.map(\.value).max(), highest > lastToken ?? 0 {
            let counter = lastToken.map { "\($0)" } ?? "absent"
            found.append(
                violation(
                    .tokenAhead, facts, "had token \(highest), and the counter is \(counter)",
                    value: Array("\(highest)".utf8)))
        }
        return found
    }

    private func lockViolations(_ facts: JobFacts, _ message: JobMessage, _ run: RunRecord) -> [AuditViolation] {
        guard let unique = message.unique, Self.mustHold(unique.span, facts, run) else { return [] }
        guard facts.lock != Array("0:\(facts.id)".utf8) else { return [] }
        let holder = facts.lock.map {
            "\"\(Excerpt.printable(String(decoding: $0, as: UTF8.self), limit: 150))\" has it"
        }
        return [violation(.lockMissing, facts, "does not hold its unique lock: \(holder ?? "it is free")")]
    }

    /// A lock for a time does not concern the job once it is taken. One until the start is released by the first claim, which leaves
    /// no trace in the run before that claim ends.
    private static func mustHold(_ span: UniqueSpan, _ facts: JobFacts, _ run: RunRecord) -> Bool {
        switch span.kind {
        case .untilFinished: !hasEnded(facts, run)
        case .untilStarted: !hasEnded(facts, run) && facts.run == nil && !facts.sets.contains(.active)
        case .duration: false
        }
    }

    /// In no sorted set a job is ready or completed, and the completed ones say so in their run.
    static func hasEnded(_ facts: JobFacts, _ run: RunRecord) -> Bool {
        if facts.sets.isDisjoint(with: [.dead, .cancelled, .retained]) {
            return facts.sets.isEmpty && run.history.last?.attempt?.outcome == .completed
        }
        return facts.sets.isDisjoint(with: [.scheduled, .retrying, .active, .priority])
    }
}

/// The sorted sets that an id is in.
struct AuditSets: OptionSet, Sendable, Hashable {
    let rawValue: Int
    static let scheduled = AuditSets(rawValue: 1)
    static let retrying = AuditSets(rawValue: 2)
    static let active = AuditSets(rawValue: 4)
    static let priority = AuditSets(rawValue: 8)
    static let dead = AuditSets(rawValue: 16)
    static let cancelled = AuditSets(rawValue: 32)
    static let retained = AuditSets(rawValue: 64)

    private static let names = ["scheduled", "retrying", "active", "priority", "dead", "cancelled", "retained"]

    var names: [String] { Self.names.indices.filter { rawValue & 1 << $0 != 0 }.map { Self.names[$0] } }
}

/// All that Redis holds of one job, read in one moment, but for its places in the two lists.
struct JobFacts: Sendable, Hashable {
    let id: String
    /// The length of its message; nil if it has none.
    let messageBytes: Int?
    /// The start of its message.
    let messageStart: [UInt8]
    let run: [UInt8]?
    let lease: String?
    let isCancelling: Bool
    let sets: AuditSets
    /// What the lock that its message names has for its value.
    let lock: [UInt8]?

    /// How much Redis copied to tell.
    var bytes: Int { (messageBytes ?? 0) + (run?.count ?? 0) }

    var stamp: [UInt8] { Array(messageStart.prefix(13)) }

    /// The same in two looks if the job has stood still between them: it is in the same sets, and nothing was written of it. What
    /// moves a job through several sets and back leaves its trace in the run. A number, because there may be many to remember.
    var standing: Int {
        var hasher = Hasher()
        hasher.combine(messageBytes)
        hasher.combine(stamp)
        hasher.combine(run)
        hasher.combine(lease)
        hasher.combine(isCancelling)
        hasher.combine(sets)
        return hasher.finalize()
    }

    static func read(_ cursor: inout RESPCursor) throws -> [JobFacts] {
        let count = try cursor.nextArrayCount() / 8
        var facts: [JobFacts] = []
        facts.reserveCapacity(count)
        for _ in 0..<count {
            let id = try cursor.nextString()
            let length = Int(try cursor.nextInteger())
            let start = try cursor.nextBytes()
            facts.append(
                JobFacts(
                    id: id, messageBytes: length < 0 ? nil : length, messageStart: start,
                    run: try cursor.nextOptionalBytes(), lease: try cursor.nextOptionalString(),
                    isCancelling: try cursor.nextOptionalBytes() != nil,
                    sets: AuditSets(rawValue: Int(try cursor.nextInteger())), lock: try cursor.nextOptionalBytes()))
        }
        return facts
    }
}

/// A unique lock and its owner, read in one moment.
struct LockFacts: Sendable, Hashable {
    let digest: [UInt8]
    let value: [UInt8]
    /// Whether the sweep knows of it.
    let hasExpiry: Bool
    let owner: JobFacts

    /// Says what is wrong with it.
    func violations(queue: String) -> [AuditViolation] {
        func violation(_ rule: AuditRule, _ detail: String) -> [AuditViolation] {
            [
                AuditViolation(
                    rule, queue: queue, subject: digest.hexadecimal, detail,
                    evidence: .init(
                        id: owner.id, stamp: owner.stamp, run: owner.run ?? [], digest: digest, value: value))
            ]
        }
        let text = String(decoding: value, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":"), let expiry = UInt64(text[..<colon]) else {
            return violation(.unreadableLock, "\"\(Excerpt.printable(text, limit: 150))\" is not a lock")
        }
        if expiry > 0 {
            return hasExpiry
                ? [] : violation(.lockWithoutExpiry, "of \(owner.id) ends by time, and is not in unique-expiry")
        }
        guard owner.messageBytes != nil else { return violation(.lockWithoutOwner, "its owner \(owner.id) is gone") }
        // Of a message that can't be read nothing is known.
        guard
            let message = try? MessagePacking.unpack(owner.messageStart, id: JobID(unchecked: owner.id), queue: queue),
            let run = try? owner.run.map({ try RunPacking.unpack($0, eligibleAt: message.eligibleAt) }) ?? RunRecord()
        else { return [] }
        guard let unique = message.unique, unique.digest == digest else {
            return violation(.lockWithoutOwner, "its owner \(owner.id) has no such lock")
        }
        if JobJudge.hasEnded(owner, run) { return violation(.lockWithoutOwner, "its owner \(owner.id) has ended") }
        if unique.span == .untilStarted, owner.sets == .active {
            return violation(.lockWithoutOwner, "its owner \(owner.id) has started")
        }
        return []
    }
}

/// Says whether a queue's totals agree with what is in its keys.
enum TotalsJudge {
    /// - Parameter numbers: the lengths of the first 13 keys of ``QueueKey``, then the totals enqueued, completed, dead, cancelled and
    ///   removed; nil for what is not a number.
    static func violations(_ numbers: [Int64?], queue: String) -> [AuditViolation] {
        func violation(_ detail: String) -> [AuditViolation] {
            [AuditViolation(.totals, queue: queue, subject: queue, detail)]
        }
        let known = numbers.compactMap(\.self)
        guard known.count == 18 else { return violation("one of its totals is not a number") }
        func length(_ key: QueueKey) -> Int64 { known[key.rawValue - 1] }
        let messages = length(.jobs)
        let states: [QueueKey] = [
            .ready, .priority, .scheduled, .retrying, .active, .completed, .retained, .dead, .cancelled,
        ]
        let inStates = states.reduce(0) { $0 + length($1) }
        let (enqueued, removed) = (known[13], known[17])
        // Where jobs and states differ, an id is in too few or too many of them, which has a rule of its own.
        let expected = enqueued &- removed
        if expected != messages, expected != inStates {
            return violation("\(enqueued) enqueued less \(removed) removed are not the \(messages) jobs that there are")
        }
        guard messages == inStates else { return [] }
        let ended: [(String, Int64, Int64)] = [
            ("completed", known[14], length(.completed) + length(.retained)), ("dead", known[15], length(.dead)),
            ("cancelled", known[16], length(.cancelled)),
        ]
        return ended.first { $1 < $2 }.map { violation("\($2) jobs are \($0), and its total is \($1)") } ?? []
    }
}
