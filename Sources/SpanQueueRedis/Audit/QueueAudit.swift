// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

/// Audits one queue while it is at work.
///
/// A scan in pages is not a snapshot, so nothing is concluded from comparing pages. What is read of a job in one call was so in one
/// moment, and is judged by itself. Only the two lists can't be asked for an id; they are walked first, and what is then in
/// no sorted set and was in no list is a suspect. ``confirm()`` looks at every suspect again.
struct QueueAudit {
    let session: AuditSession
    let queue: String
    let keys: RedisKeys
    /// The part of the whole audit that this queue is: where it begins and how much it is, of 1.
    let share: (start: Double, size: Double)

    /// Jobs and locks that seemed to be wrong.
    private(set) var suspects: Set<String> = []
    private(set) var suspectLocks: Set<[UInt8]> = []
    /// What is wrong with ids that are no text, and so none of ours. Redis can't be asked for them by name.
    private(set) var foreign: [AuditViolation] = []
    private(set) var isCut = false
    private var totalsAreSuspect = false
    /// Fingerprints of the ids in the lists: eight bytes for each of what may be a million.
    private var ready: Set<UInt64> = []
    private var completed: Set<UInt64> = []
    private var expected = 1
    private var seen = 0

    init(session: AuditSession, queue: String, share: (start: Double, size: Double)) {
        self.session = session
        self.queue = queue
        self.share = share
        keys = RedisKeys(queue: queue)
    }

    /// Reads everything, then confirms what seemed wrong.
    mutating func run() async throws -> [AuditViolation] {
        let (totals, _) = try await session.read(.totals, of: keys)
        totalsAreSuspect = !TotalsJudge.violations(totals.numbers, queue: queue).isEmpty
        expected = max(1, totals.numbers.prefix(13).reduce(0) { $0 + Int($1 ?? 0) })
        try await readLists()
        for key in QueueKey.members {
            try await scan(.members(key), most: 256) { audit, page in
                for job in page.jobs { audit.suspect(job) }
                // Only what is wrong comes back, so progress is guessed by pages.
                audit.seen += 64
            }
        }
        let start = totals.now
        try await scan(.messages, most: 128) { audit, page in audit.judge(page, startedAt: start) }
        ready = []
        completed = []
        try await scan(.locks, most: 128) { audit, page in
            for lock in page.lockFacts where !lock.violations(queue: audit.queue).isEmpty { audit.suspect(lock.digest) }
        }
        return try await confirm()
    }

    // MARK: Reading

    private mutating func readLists() async throws {
        for key in [QueueKey.ready, .completed] {
            var seenHere: Set<UInt64> = []
            try await walk(key) { audit, page, fresh in
                for job in page.jobs { audit.suspect(job, in: key) }
                audit.seen += fresh.count
                for id in fresh {
                    let fingerprint = JobID(unchecked: id).fingerprint
                    if !seenHere.insert(fingerprint).inserted || audit.ready.contains(fingerprint) { audit.suspect(id) }
                }
            }
            if key == .ready { ready = seenHere } else { completed = seenHere }
        }
    }

    private mutating func judge(_ page: AuditPage, startedAt start: Timestamp) {
        let judge = JobJudge(queue: queue, maxReclaims: session.maxReclaims, lastToken: page.lastToken)
        session.report.jobs += page.jobs.count
        seen += page.jobs.count
        for job in page.jobs {
            if job.sets.isEmpty, job.messageBytes != nil {
                let fingerprint = JobID(unchecked: job.id).fingerprint
                let isListed = ready.contains(fingerprint) || completed.contains(fingerprint)
                // A job that was enqueued after the lists were read need not have been in them.
                if !isListed, Self.enqueuedAt(job).map({ $0 <= start }) ?? true { suspect(job.id) }
            }
            if !judge.violations(job).isEmpty { suspect(job) }
        }
    }

    private static func enqueuedAt(_ job: JobFacts) -> Timestamp? {
        var reader = PackedReader(job.stamp)
        return try? reader.stamp("the enqueue time")
    }

    private mutating func suspect(_ job: JobFacts, in list: QueueKey? = nil) {
        guard job.id.contains("\u{FFFD}") else { return suspect(job.id) }
        guard foreign.count < RedisAudit.maximumViolations else { return isCut = true }
        let judge = JobJudge(queue: queue, maxReclaims: session.maxReclaims, lastToken: .max)
        foreign += judge.violations(job, ready: list == .ready ? 1 : 0, completed: list == .completed ? 1 : 0)
    }

    private mutating func suspect(_ id: String) {
        guard suspects.count < RedisAudit.maximumSuspects else { return isCut = true }
        suspects.insert(id)
    }

    private mutating func suspect(_ digest: [UInt8]) {
        guard suspectLocks.count < RedisAudit.maximumSuspects else { return isCut = true }
        suspectLocks.insert(digest)
    }

    /// Goes through a hash or sorted set, page by page.
    private mutating func scan(
        _ place: AuditSession.Place, most: Int, _ body: (inout QueueAudit, AuditPage) -> Void
    ) async throws {
        var size = StepSize(most: most)
        var cursor = "0"
        repeat {
            let (page, took) = try await session.read(place, of: keys, cursor: cursor, count: size.count)
            size.record(took, entries: page.jobs.count, bytes: page.jobs.reduce(0) { $0 + $1.bytes })
            body(&self, page)
            cursor = page.next
            tell()
        } while cursor != "0"
    }

    /// Goes through a list from its tail; `body` gets each page with the ids that were not on an earlier one.
    mutating func walk(
        _ key: QueueKey, _ body: (inout QueueAudit, AuditPage, ArraySlice<String>) -> Void
    ) async throws {
        var walk = ListWalk()
        var size = StepSize.list
        while !walk.isFinished {
            let asked = size.count
            let (page, took) = try await session.read(.list(key), of: keys, cursor: "\(walk.passed)", count: asked)
            size.record(took, entries: page.ids.count, bytes: page.jobs.reduce(0) { $0 + $1.bytes })
            let fresh = walk.take(page.ids, askedFor: asked)
            body(&self, page, fresh)
            tell()
        }
    }

    private func tell() {
        session.tell(queue, share.start + share.size * min(1, Double(seen) / Double(expected)))
    }

    /// The totals again, if they were suspect.
    func confirmTotals() async throws -> [AuditViolation] {
        guard totalsAreSuspect else { return [] }
        return TotalsJudge.violations(try await session.read(.totals, of: keys).page.numbers, queue: queue)
    }
}

extension QueueAudit {
    /// How often a job that keeps moving is looked at until it is let go: one that moves is being worked on.
    private static let rounds = 4
    /// Enough for every field of a message: only the payload may be longer.
    private static let wholeHead = 140_000

    /// Looks at what seemed wrong once more, and gives what still is.
    ///
    /// A job is looked at, then the lists are walked, then it is looked at again. If nothing was written of it in between, it was in
    /// the same place all the while, and the walk has met it there as often as it is there.
    func confirm() async throws -> [AuditViolation] {
        var violations = try await confirmTotals() + foreign
        for digests in Array(suspectLocks).slices(of: 32) {
            let (page, _) = try await session.read(
                .namedLocks(digests), of: keys, messageBytes: Self.wholeHead)
            violations += page.lockFacts.flatMap { $0.violations(queue: queue) }
        }
        var left = suspects
        for _ in 0..<Self.rounds where !left.isEmpty && violations.count <= RedisAudit.maximumViolations {
            var before: [String: Int] = [:]
            try await look(at: left, messageBytes: 64) { job, _ in before[job.id] = job.standing }
            let (ready, completed) = try await sightings(of: left)
            try await look(at: left, messageBytes: Self.wholeHead) { job, lastToken in
                guard before[job.id] == job.standing else { return }
                left.remove(job.id)
                let inReady = ready[job.id] ?? 0
                let inCompleted = completed[job.id] ?? 0
                let judge = JobJudge(queue: queue, maxReclaims: session.maxReclaims, lastToken: lastToken)
                violations += judge.violations(
                    job, ready: inReady, completed: inCompleted, isStray: inReady + inCompleted == 0)
            }
        }
        return violations
    }

    /// Reads jobs by their ids; `body` gets each with the last token of that moment.
    private func look(at ids: Set<String>, messageBytes: Int, _ body: (JobFacts, Int64?) -> Void) async throws {
        var size = StepSize(most: 128, fewest: 8)
        var rest = Array(ids)[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(size.count))
            rest = rest.dropFirst(batch.count)
            let (page, took) = try await session.read(.jobs(batch), of: keys, messageBytes: messageBytes)
            size.record(took, entries: page.jobs.count, bytes: page.jobs.reduce(0) { $0 + $1.bytes })
            for job in page.jobs { body(job, page.lastToken) }
        }
    }

    /// How often each id stands in the lists.
    private func sightings(of ids: Set<String>) async throws -> (ready: [String: Int], completed: [String: Int]) {
        var counts: [QueueKey: [String: Int]] = [:]
        for key in [QueueKey.ready, .completed] {
            var audit = self
            try await audit.walk(key) { _, _, fresh in
                for id in fresh where ids.contains(id) { counts[key, default: [:]][id, default: 0] += 1 }
            }
        }
        return (counts[.ready] ?? [:], counts[.completed] ?? [:])
    }
}

extension Array {
    func slices(of length: Int) -> [[Element]] {
        stride(from: 0, to: count, by: length).map { Array(self[$0..<Swift.min($0 + length, count)]) }
    }
}
