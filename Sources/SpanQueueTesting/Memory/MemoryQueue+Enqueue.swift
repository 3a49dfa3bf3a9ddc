package import SpanQueue

extension MemoryQueue {
    /// Adds a job, or says why not: its id is known, or another job holds the lock that it wants.
    package mutating func enqueue(_ job: NewJob, at now: Timestamp) -> EnqueueOutcome {
        let message = job.message(acceptedAt: now)
        let id = message.id
        if let known = entries[id] {
            guard Self.isRepeat(job, of: known) else { return .conflict }
            return .accepted(enqueuedAt: known.message.enqueuedAt, runAt: known.message.runAt, isRepeat: true)
        }
        if let lock = message.unique {
            if let holder = holder(of: lock, otherThan: id, at: now) { return .duplicate(of: holder) }
            take(lock, for: id, at: now)
        }
        if let runAt = message.runAt {
            let place = Place.scheduled(due: runAt, priority: message.priority)
            add(id, Entry(submitted: job, message: message, place: place))
            // An idle worker sleeps until the earliest due time that it knows of: wake one if that has become earlier.
            if self[.scheduled].first?.id == id { wake() }
        } else {
            let place = Place.ready(priority: message.priority, turn: nextTurn())
            add(id, Entry(submitted: job, message: message, place: place))
            wake()
        }
        return .accepted(enqueuedAt: now, runAt: message.runAt, isRepeat: false)
    }

    /// A caller-given id is repeated where the content's digest is the same; one of our own only by the same job.
    private static func isRepeat(_ job: NewJob, of known: Entry) -> Bool {
        guard let digest = job.message.contentDigest else { return known.submitted == job }
        return known.message.contentDigest == digest
    }
}
