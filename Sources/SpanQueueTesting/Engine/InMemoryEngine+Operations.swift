// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension InMemoryEngine {
    /// Stops claims from a queue.
    package func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        guard try isKnown(queue) else { return false }
        let now = clock.now
        try step(queue) { queue throws(SpanQueueError) in
            queue.isPaused = true
            queue.pause = PauseNote(at: now, note: note)
        }
        return true
    }

    /// Lets claims go on, and wakes those who wait for the queue.
    package func resume(_ queue: String) async throws -> Bool {
        guard try isKnown(queue) else { return false }
        try step(queue) { queue throws(SpanQueueError) in
            queue.isPaused = false
            queue.wake()
        }
        return true
    }

    /// Acts on one job.
    package func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome {
        let now = clock.now
        return try step(queue) { queue throws(SpanQueueError) in queue.perform(action, on: id, by: by, at: now) }
    }

    /// Removes or redrives jobs of one state, oldest first.
    ///
    /// - Throws: `.invalidArgument` for a state that the action does not take.
    package func performAll(_ request: BulkRequest) async throws -> BulkReply {
        let now = clock.now
        return try step(request.queue) { queue throws(SpanQueueError) in
            try queue.performAll(request, at: now)
        }
    }

    /// Forgets a queue without jobs.
    package func delete(_ queue: String) async throws -> Bool {
        try look { state throws(SpanQueueError) in
            guard let known = state.queues[queue] else { return false }
            guard known.entries.isEmpty else {
                throw SpanQueueError(.invalidState, "queue \(queue) has jobs: purge them, finished ones included")
            }
            state.queues[queue] = nil
            state.errors[queue] = nil
            state.histories[queue] = nil
            return true
        }
    }

    private func isKnown(_ queue: String) throws(SpanQueueError) -> Bool {
        try look { $0.queues[queue] != nil }
    }
}

extension InMemoryEngine {
    /// The queues that have had a job, by name.
    package func queues() async throws -> [String] { try look { $0.queues.keys.sorted() } }

    /// Finds a job, in all queues where none is named.
    package func job(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        try look { state in
            if let queue { return state.queues[queue]?.record(of: id) }
            return state.queues.values.sorted { $0.name < $1.name }.lazy.compactMap { $0.record(of: id) }.first
        }
    }

    /// A page of the jobs of a queue in one state.
    package func list(_ request: ListRequest) async throws -> ListPage {
        try look { state throws(SpanQueueError) in try state.queue(named: request.queue).list(request) }
    }

    /// A step of a search.
    package func search(_ request: SearchRequest) async throws -> SearchPage {
        try look { state throws(SpanQueueError) in try state.queue(named: request.queue).search(request) }
    }

    /// A step that only counts.
    package func types(_ request: SearchRequest) async throws -> TypePage {
        let page = try await search(request)
        let counts = Dictionary(page.jobs.map { ($0.message.type, 1) }, uniquingKeysWith: +)
        return TypePage(counts: counts, cursor: page.cursor, scanned: page.scanned)
    }

    /// Acts on some jobs of one state.
    package func perform(
        _ action: JobAction, on ids: [JobID], in queue: String, if state: JobState, by: String?
    ) async throws -> [ActionOutcome] {
        let now = clock.now
        return try step(queue) { queue throws(SpanQueueError) in
            ids.map { queue.perform(action, on: $0, if: state, by: by, at: now) }
        }
    }

    /// Adds to the counts of errors. They are not bounded: a test has few.
    package func add(_ errors: [ErrorCount], to queue: String, version: String) async throws {
        let now = clock.now
        try look { state in
            for error in errors {
                var group =
                    state.errors[queue]?[error.fingerprint]
                    ?? ErrorGroup(
                        queue: queue, fingerprint: error.fingerprint, jobType: error.jobType,
                        errorType: error.errorType, masked: error.masked, count: 0, firstSeen: now, lastSeen: now,
                        version: version)
                group.count += error.count
                group.lastSeen = now
                group.version = version
                state.errors[queue, default: [:]][error.fingerprint] = group
            }
        }
    }

    /// The groups of errors of a queue.
    package func errors(in queue: String) async throws -> [ErrorGroup] {
        try look { Array($0.errors[queue, default: [:]].values) }
    }

    /// Adds to the history of a queue.
    package func add(_ tallies: [AttemptTally], to queue: String) async throws {
        let now = clock.now
        try look { state in
            let ready = state.queue(named: queue).counts(at: now)[.ready]
            state.histories[queue, default: HistoryRing()].add(tallies, ready: ready, at: now)
        }
    }

    /// The last slots of the history of each of the queues.
    package func history(
        of queues: [String], _ resolution: HistoryResolution, last count: Int, namesTypes: Bool
    ) async throws -> [[HistorySlot]] {
        let now = clock.now
        return try look { state in
            queues.map {
                state.histories[$0, default: HistoryRing()].last(count, resolution, at: now, namesTypes: namesTypes)
            }
        }
    }

    /// Counts of the named queues, by name.
    package func counts(of queues: [String]) async throws -> [QueueCounts] {
        let now = clock.now
        return try look { state in queues.map { state.queue(named: $0).counts(at: now) } }
    }
}

extension InMemoryEngine {
    /// For each of the queues how many jobs are ready at level 0, 1 … 9.
    package func readyByPriority(of queues: [String]) async throws -> [[Int]] {
        try look { state in queues.map { state.queue(named: $0).readyByPriority } }
    }
}

extension InMemoryEngine {
    /// Reclaims jobs whose lease has run out.
    package func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob] {
        let now = clock.now
        return try step(request.queue) { queue throws(SpanQueueError) in queue.reclaim(request, at: now) }
    }

    /// Drops finished jobs whose retention is over and locks that have run out, at most 100 of a kind in a step.
    package func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply {
        let end = ContinuousClock.now + budget
        var dropped = 0
        while true {
            let step = try step(queue) { queue throws(SpanQueueError) in queue.sweep(at: clock.now) }
            dropped += step
            guard step > 0, end > .now else { return SweepReply(dropped: dropped, isFinished: step == 0) }
        }
    }

    /// Makes a worker known until `lifetime` has passed.
    package func announce(_ worker: WorkerInfo, lifetime: Duration) async throws {
        let until = clock.now + lifetime
        try look { $0.known[worker.id] = (worker, until) }
    }

    /// Forgets a worker.
    package func retire(workerID: String) async throws {
        try look { $0.known[workerID] = nil }
    }

    /// The workers that are known and have not lapsed, by id.
    package func workers() async throws -> [WorkerInfo] {
        let now = clock.now
        return try look { state in
            state.known = state.known.filter { $0.value.until > now }
            return state.known.values.map(\.worker).sorted { $0.id < $1.id }
        }
    }
}
