// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A job as engines store it: its record moves from one store to another byte by byte. All moments in it are absolute, or relative to its
/// enqueue, so that the clocks of the two stores need not agree.
package struct PackedJob: Sendable, Hashable {
    package var id: JobID
    package var state: JobState
    /// Of the message.
    package var type: String
    package var priority: Int
    package var enqueuedAt: Timestamp
    /// The packed message, without the enqueue time in front and the payload at its end.
    package var head: [UInt8]
    package var payload: [UInt8]
    /// The packed record of runs; nil where nothing has happened.
    package var run: [UInt8]?
    /// When a scheduled or retrying job is due.
    package var dueAt: Timestamp?
    /// When a completed, dead or cancelled job ended.
    package var endedAt: Timestamp?
    /// Until when a completed job is kept that has a retention of its own.
    package var keptUntil: Timestamp?
    /// The highest token of its claims, as far as that is known; 0 before the first.
    package var token: Int64
    /// That of the latest claim, where the engine keeps it.
    package var nonce: UInt32?
    /// The lock that it holds.
    package var lock: HeldLock?
    /// How many events its record tells of, those that were dropped from it included: it only grows.
    package var events: Int

    /// Takes a stored record apart.
    ///
    /// - Parameters:
    ///   - message: as Redis stores it: the enqueue time, the head, the payload.
    ///   - token: the highest that the engine knows of; those of its record count as well.
    package init(
        id: JobID, queue: String, state: JobState, message: [UInt8], run: [UInt8]?, token: Int64 = 0
    ) throws(PackingError) {
        let read = try MessagePacking.unpack(message, id: id, queue: queue)
        self.id = id
        self.state = state
        type = read.type
        priority = read.priority
        enqueuedAt = read.enqueuedAt
        head = Array(message.dropFirst(13).dropLast(read.payload.count))
        payload = read.payload
        self.run = run
        self.token = token
        events = 0
        if state.isTerminal { endedAt = enqueuedAt }
        guard let run else { return }
        let record = try RunPacking.unpack(run, eligibleAt: read.eligibleAt)
        events = Self.events(record)
        self.token = max(token, record.attemptRecords.map(\.token.value).max() ?? 0)
        if state.isTerminal, let changedAt = record.changedAt { endedAt = changedAt }
    }

    /// How many events a packed record of runs tells of; 0 for one that can't be read.
    package static func events(_ run: [UInt8]?) -> Int {
        guard let run, let record = try? RunPacking.unpack(run, eligibleAt: Timestamp(milliseconds: 0)) else {
            return 0
        }
        return events(record)
    }

    private static func events(_ record: RunRecord) -> Int { record.history.count + record.droppedEvents }

    /// The message as Redis stores it.
    package var message: [UInt8] {
        var writer = PackedWriter(capacity: 13 + head.count + payload.count)
        writer.stamp(enqueuedAt)
        writer.raw(head)
        writer.raw(payload)
        return writer.bytes
    }

    /// The digest of the lock that its message names, whether or not it holds it.
    package var digest: [UInt8]? {
        guard head.count >= 3 + UniqueLock.digestBytes, head[1] & 1 == 1 else { return nil }
        return Array(head[3..<3 + UniqueLock.digestBytes])
    }
}

/// A unique lock that somebody holds.
package struct HeldLock: Sendable, Hashable {
    package var digest: [UInt8]
    /// The job that took it, which may be gone if the lock ends by time.
    package var owner: JobID
    /// Nil for one that ends with its job, or with the job's start.
    package var until: Timestamp?

    package init(digest: [UInt8], owner: JobID, until: Timestamp?) {
        self.digest = digest
        self.owner = owner
        self.until = until
    }
}

/// A page of packed jobs.
package struct PackedPage: Sendable, Hashable {
    /// In the order in which they will run or have ended.
    package var jobs: [PackedJob]
    /// Jobs of the page whose records this version can't read.
    package var unreadable: [JobID]
    /// What to pass for the next page, which may turn out empty; nil at the end.
    package var cursor: String?

    package init(jobs: [PackedJob] = [], unreadable: [JobID] = [], cursor: String? = nil) {
        self.jobs = jobs
        self.unreadable = unreadable
        self.cursor = cursor
    }
}
