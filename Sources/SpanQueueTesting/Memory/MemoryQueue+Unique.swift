import SpanQueue

extension MemoryQueue {
    /// The job that keeps `id` from having this lock; nil where it may take it.
    func holder(of lock: UniqueLock, otherThan id: JobID, at now: Timestamp) -> JobID? {
        guard let held = locks[lock.digest], held.owner != id, held.isHeld(at: now) else { return nil }
        return held.owner
    }

    mutating func take(_ lock: UniqueLock, for id: JobID, at now: Timestamp) {
        let expiry = lock.span.duration.map { now + $0 }
        locks[lock.digest] = Lock(owner: id, expiresAt: expiry)
    }

    /// Releases a lock that `id` itself holds until its start or end. One that is held for a duration stays.
    mutating func release(_ lock: UniqueLock?, of id: JobID) {
        guard let lock, locks[lock.digest] == Lock(owner: id, expiresAt: nil) else { return }
        locks[lock.digest] = nil
    }
}
