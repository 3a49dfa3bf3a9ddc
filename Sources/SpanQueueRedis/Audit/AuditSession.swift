// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import HiredisClient
import SpanQueue

/// The calls of one audit: each is one short step, and what they cost is kept for the report. One task owns it.
final class AuditSession {
    let engine: RedisEngine
    let maxReclaims: Int
    private let progress: (AuditProgress) -> Void
    var report = AuditReport()

    init(engine: RedisEngine, maxReclaims: Int, progress: @escaping (AuditProgress) -> Void) {
        self.engine = engine
        self.maxReclaims = maxReclaims
        self.progress = progress
    }

    /// What a call of `audit.lua` is to read.
    enum Place {
        case messages, totals, locks
        case jobs([String])
        case namedLocks([[UInt8]])
        case members(QueueKey)
        case list(QueueKey)

        var entries: AuditPage.Entries {
            switch self {
            case .messages, .members, .jobs: .none
            case .totals: .numbers
            case .locks, .namedLocks: .locks
            case .list: .ids
            }
        }
    }

    /// - Parameter messageBytes: how much of each message is wanted.
    func read(
        _ place: Place, of keys: RedisKeys, cursor: String = "0", count: Int = 0, messageBytes: Int = 1024
    ) async throws -> (page: AuditPage, took: Duration) {
        let reply = try await measure {
            try await engine.call(
                RedisScriptCall(engine.scripts.audit, keys: keys.all) { arguments in
                    let (word, key): (String, QueueKey?) =
                        switch place {
                        case .messages: ("messages", nil)
                        case .totals: ("totals", nil)
                        case .locks: ("locks", nil)
                        case .jobs: ("jobs", nil)
                        case .namedLocks: ("named locks", nil)
                        case .members(let key): ("members", key)
                        case .list(let key): ("list", key)
                        }
                    arguments.append(word)
                    arguments.append(key?.rawValue ?? 0)
                    arguments.append(cursor)
                    arguments.append(count)
                    arguments.append(messageBytes)
                    switch place {
                    case .jobs(let ids): for id in ids { arguments.append(id) }
                    case .namedLocks(let digests): for digest in digests { arguments.append(digest) }
                    default: break
                    }
                })
        }
        return (try AuditPage(reply.result, entries: place.entries), reply.took)
    }

    /// Runs one call of Redis and notes what it cost.
    func measure<Result>(_ call: () async throws -> Result) async throws -> (result: Result, took: Duration) {
        let start = ContinuousClock.now
        let result = try await call()
        let took = ContinuousClock.now - start
        report.steps += 1
        report.longestStep = max(report.longestStep, took)
        return (result, took)
    }

    func tell(_ queue: String?, _ fraction: Double) {
        progress(AuditProgress(queue: queue, fraction: max(0, min(1, fraction))))
    }
}

/// What `audit.lua` tells in one call.
struct AuditPage {
    /// The server's time.
    let now: Timestamp
    let lastToken: Int64?
    /// "0" after the last page.
    let next: String
    /// Ids of a list, those nearer to the tail first.
    private(set) var ids: [String] = []
    private(set) var locks: [(digest: [UInt8], value: [UInt8], hasExpiry: Bool)] = []
    private(set) var numbers: [Int64?] = []
    let jobs: [JobFacts]

    enum Entries {
        case none, ids, locks, numbers
    }

    init(_ reply: RESPReply, entries: Entries) throws {
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 5)
            now = Timestamp(milliseconds: try cursor.nextDecimal())
            lastToken = Int64(try cursor.nextString())
            next = try cursor.nextString()
            let count = try cursor.nextArrayCount()
            switch entries {
            case .none: break
            case .ids:
                ids.reserveCapacity(count)
                for _ in 0..<count { ids.append(try cursor.nextString()) }
            case .locks:
                for _ in 0..<count / 3 {
                    let (digest, value) = (try cursor.nextBytes(), try cursor.nextBytes())
                    locks.append((digest, value, try cursor.nextOptionalBytes() != nil))
                }
            case .numbers:
                for _ in 0..<count {
                    // What was planted in a total may be anything.
                    let isText = cursor.nextKind != .integer
                    numbers.append(isText ? Int64(try cursor.nextString()) : try cursor.nextInteger())
                }
            }
            jobs = try JobFacts.read(&cursor)
        } catch {
            throw SpanQueueError.unexpectedReply("audit", error)
        }
    }

    /// The locks with their owners, which come in the same order.
    var lockFacts: [LockFacts] {
        zip(locks, jobs).map {
            LockFacts(digest: $0.digest, value: $0.value, hasExpiry: $0.hasExpiry, owner: $1)
        }
    }
}

/// Walks a list from its tail to its head, page by page, while others push and pop: tells which entries of a page have not been
/// given before, so that none is missed and none is counted twice.
///
/// Pages are asked for by their distance from the tail, so what is taken from the head moves nothing. What is pushed at the tail
/// moves the entries away from it, and what is removed in the middle moves them towards it; so each page begins a little before the
/// end of the last one, and the last entries that were given are looked for in it.
struct ListWalk {
    /// Entries of the last page that are asked for again. Removing more of them than this, less `anchorCount`, between two steps
    /// would make the walk miss some.
    static let overlap = 48
    private static let anchorCount = 16

    /// How many entries to pass over, from the tail.
    private(set) var passed = 0
    private(set) var isFinished = false
    /// The last entries that were given, the last one last.
    private var anchors: [String] = []

    /// Takes what was found behind `passed` entries.
    ///
    /// - Parameters:
    ///   - page: entries, those nearer to the tail first.
    ///   - count: how many were asked for; a page with fewer reaches the head.
    /// - Returns: the entries that have not been given before.
    mutating func take(_ page: [String], askedFor count: Int) -> ArraySlice<String> {
        isFinished = page.count < count
        // Without a trace of what was given, this page is of entries that were given, or pushed since: what follows is farther on.
        // If nothing follows, the rest was taken from the head.
        let fresh = startOfFresh(page).map { page[$0...] } ?? []
        anchors = (anchors + fresh.suffix(Self.anchorCount)).suffix(Self.anchorCount)
        passed = max(0, passed + page.count - Self.overlap)
        return fresh
    }

    /// Behind the last of the anchors that is still there. An id may stand in a damaged list more than once, so of several places the one
    /// that has the most other anchors shortly before it is right.
    private func startOfFresh(_ page: [String]) -> Int? {
        guard !anchors.isEmpty else { return 0 }
        let known = Set(anchors)
        func company(_ index: Int) -> Int {
            page[max(0, index - Self.overlap / 2)..<index].count { known.contains($0) }
        }
        for anchor in anchors.reversed() {
            let places = page.indices.filter { page[$0] == anchor }
            if let best = places.max(by: { company($0) < company($1) }) { return best + 1 }
        }
        return nil
    }
}

/// How much to ask for in the next step of a scan, so that Redis is never held up for long: it shrinks when a step took too long
/// or had large records, and grows again slowly.
struct StepSize {
    /// Entries to ask for.
    private(set) var count: Int
    private let most: Int
    /// Below this many entries a step is short whatever the clock says; only large records make it smaller.
    private let fewest: Int
    /// What one step may copy, in bytes: about half a millisecond's work.
    private static let maximumBytes = 512 * 1024

    init(most: Int, fewest: Int = 16, first: Int = 1) {
        self.most = most
        self.fewest = fewest
        count = min(first, most)
    }

    /// For lists, whose entries are short, and whose pages must be longer than the part that they share.
    static var list: StepSize { StepSize(most: 256, fewest: 128, first: 128) }

    mutating func record(_ duration: Duration, entries: Int, bytes: Int) {
        if duration > .milliseconds(2) {
            count = max(fewest, count / 2)
        } else if duration < .milliseconds(1) {
            count *= 2
        }
        if entries > 0, bytes > 0 { count = min(count, Self.maximumBytes / max(1, bytes / entries)) }
        count = max(1, min(count, most))
    }
}
