// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

/// What the server must hold, by the model. A value: it can be put back like a server that lost its last writes.
struct World {
    var queue: MemoryQueue
    /// Digests of locks that end by time, as the index of their ends has them: an entry stays until a sweep comes by.
    var lockEnds: [[UInt8]: Timestamp] = [:]

    /// Whether somebody has acted on jobs, or looked for some to act on, for which ready jobs are moved from the list into the set.
    var mayBeLifted = false

    mutating func enqueue(_ job: NewJob, at now: Timestamp) -> EnqueueOutcome {
        let outcome = queue.enqueue(job, at: now)
        if case .accepted(_, _, isRepeat: false) = outcome, let lock = job.message.unique,
            let span = lock.span.duration
        {
            lockEnds[lock.digest] = now + span
        }
        return outcome
    }

    /// The count is the real one: that of the records, and on Redis of the entries in the index of locks' ends.
    mutating func sweep(at now: Timestamp) -> Int {
        let ended = lockEnds.filter { $0.value <= now }.keys
        let locks = ended.count { digest in queue.locks[digest].map { !$0.isHeld(at: now) } ?? false }
        let dropped = queue.sweep(at: now)
        for digest in ended { lockEnds[digest] = nil }
        return queue.storage == .rows ? dropped : dropped - locks + ended.count
    }

    /// Where each job stands.
    var states: [JobID: JobState] { queue.entries.mapValues(\.place.state) }
}

extension MemoryQueue.Lock {
    func isHeld(at now: Timestamp) -> Bool { expiresAt.map { $0 > now } ?? true }
}
