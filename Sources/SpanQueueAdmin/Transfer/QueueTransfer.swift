// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Moves, or copies, the jobs of one queue from one store to another: between engines, or between two stores of one.
///
/// Claims are stopped on both sides. Then each job is read, added there, and forgotten here if it is still what was read; where it is not,
/// what was added is taken back. So at each moment a job is in one store, or in both and may run in neither, and a transfer that is killed is
/// gone on with by another one. Nothing is kept beside the two stores: that a pause is ours is in its note.
package struct QueueTransfer: Sendable {
    /// The name under which a transfer stops claims.
    package static let actor = "transfer"
    /// In which order jobs go: first those that wait the longest for nothing but a worker.
    package static let states: [JobState] = [.ready, .scheduled, .retrying, .dead, .cancelled, .completed]
    /// How often the queue is gone through, while others go on adding jobs to it.
    private static let mostPasses = 20

    private let source: any Mover
    private let target: any Mover
    private let queue: String
    private let isCopy: Bool
    /// Stands at the end of the notes of this transfer's pauses. No two have the same.
    private let mark: String
    private let progress: @Sendable (TransferProgress) -> Void
    /// Called before each step that reads or changes a store; for tests, which end a transfer there as a kill would.
    private let step: @Sendable () async throws -> Void

    package typealias Mover = JobMover & JobInspector & JobOperator

    package init(
        _ queue: String, from source: any Mover, to target: any Mover, isCopy: Bool = false,
        progress: @escaping @Sendable (TransferProgress) -> Void = { _ in },
        step: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.queue = queue
        self.source = source
        self.target = target
        self.isCopy = isCopy
        self.progress = progress
        self.step = step
        mark = " (transfer \(String(UInt64.random(in: .min ... .max), radix: 36)))"
    }

    /// Moves what there is.
    ///
    /// - Parameter patience: how long to wait for jobs that run.
    /// - Throws: `.notFound` where the source has no such queue; `.invalidArgument` where both are one store; `.invalidState` where jobs
    ///   still run, or somebody has resumed a queue meanwhile; what the engines throw. Where it throws in the midst of it, both queues
    ///   stay paused, and another transfer goes on.
    package func run(patience: Duration) async throws -> TransferReport {
        guard try await source.queues().contains(queue) else {
            throw SpanQueueError(.notFound, "no queue \(queue) in the store that jobs are to come from")
        }
        let here = try await halt(source)
        // Two URLs may lead to one place: what was written here is not to be there.
        if try await counts(of: target).pause == here.pause {
            if !here.wasPaused { _ = try await source.resume(queue) }
            throw SpanQueueError(
                .invalidArgument, "both URLs lead to the same store: jobs of \(queue) can't go where they are")
        }
        try await waitForEnds(patience, resuming: !here.wasPaused)
        let there = try await halt(target)
        do {
            return try await go(here, there)
        } catch var error as SpanQueueError {
            error.message += "; \(queue) stays paused on both sides: transfer it again to go on"
            throw error
        }
    }

    private func go(_ here: Hold, _ there: Hold) async throws -> TransferReport {
        var report = TransferReport(queue: queue, isCopy: isCopy)
        var seen = Seen()
        for pass in 1...Self.mostPasses {
            let moved = try await goThrough(&report, &seen, here.pause, there.pause)
            if isCopy || moved == 0 { break }
            report.isUnfinished = pass == Self.mostPasses
        }
        try await takeAlong()
        try await finish(&report, here, there)
        return report
    }

    // MARK: Before

    /// How a queue is paused for a transfer.
    private struct Hold {
        let pause: PauseNote
        /// Whether it was paused before, by a person or by a transfer.
        let wasPaused: Bool
        /// Whether somebody else had paused it: then it stays paused.
        let isTheirs: Bool
    }

    private func counts(of store: any Mover) async throws -> QueueCounts {
        try await step()
        guard let counts = try await store.counts(of: [queue]).first else {
            throw SpanQueueError(.engine, "the \(store.name) engine gave no counts of \(queue)")
        }
        return counts
    }

    /// Stops claims. The note has a mark that no other transfer has, so a transfer that was overtaken notices it.
    private func halt(_ store: any Mover) async throws -> Hold {
        let before = try await counts(of: store)
        let isTheirs = before.isPaused && before.pause?.note.by != Self.actor
        let words = isCopy ? "its jobs are being copied to another store" : "its jobs are moving to another store"
        var note = OperatorNote(reason: words, by: Self.actor)
        if isTheirs { note = Self.unmarked(before.pause?.note ?? OperatorNote(reason: "it was paused before")) }
        note.reason += mark
        try await step()
        try await store.halt(queue, note: note)
        guard let pause = try await counts(of: store).pause, pause.note == note else {
            throw SpanQueueError(.invalidState, "somebody else pauses or resumes \(queue) at the same time: try again")
        }
        return Hold(pause: pause, wasPaused: before.isPaused, isTheirs: isTheirs)
    }

    /// A note without the mark of a transfer.
    private static func unmarked(_ note: OperatorNote) -> OperatorNote {
        OperatorNote(reason: note.reason.replacing(#/ \(transfer [0-9a-z]+\)$/#, with: ""), by: note.by)
    }

    /// Waits until no job of the source runs.
    ///
    /// - Parameter isResuming: whether claims go on where it gives up.
    private func waitForEnds(_ patience: Duration, resuming isResuming: Bool) async throws {
        let deadline = ContinuousClock.now + patience
        while true {
            let active = try await counts(of: source)[.active]
            guard active > 0 else { return }
            progress(TransferProgress(queue: queue, state: .active, done: 0, total: active))
            // Those of workers that have died. How often that may happen is a worker's setting: so none is buried here.
            if let keeper = source as? any JobKeeper {
                _ = try await keeper.reclaim(ReclaimRequest(queue: queue, maxReclaims: Int(UInt8.max)))
            }
            guard ContinuousClock.now < deadline else {
                let workers = try await source.workers().filter { $0.queues.contains(queue) && $0.busy > 0 }.map(\.id)
                if isResuming { _ = try await source.resume(queue) }
                let names = workers.isEmpty ? "" : ", of \(workers.sorted().prefix(5).joined(separator: ", "))"
                throw SpanQueueError(
                    .invalidState,
                    "\(active) job\(active == 1 ? "" : "s") of \(queue) still run\(active == 1 ? "s" : "")\(names): wait longer, "
                        + "or stop the workers")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    // MARK: Jobs

    /// What was met that did not go.
    private struct Seen {
        var conflicts: Set<JobID> = []
        var locked: Set<JobID> = []
        var unreadable: Set<JobID> = []
    }

    /// - Returns: how many jobs went, or were found to have gone.
    private func goThrough(
        _ report: inout TransferReport, _ seen: inout Seen, _ here: PauseNote, _ there: PauseNote
    ) async throws -> Int {
        var moved = 0
        for state in Self.states {
            let total = try await counts(of: source)[state]
            var done = 0
            var request = ListRequest(queue: queue, state: state, limit: 10)
            repeat {
                try await step()
                let page = try await source.packed(request, isForRemoval: !isCopy)
                seen.unreadable.formUnion(page.unreadable)
                let gone = try await take(page.jobs, &seen, here, there)
                report.moved[state, default: 0] += gone
                moved += gone
                done += page.jobs.count + page.unreadable.count
                if !page.jobs.isEmpty {
                    progress(TransferProgress(queue: queue, state: state, done: done, total: max(total, done)))
                }
                // Payloads may be large: as many as make a few megabytes.
                let bytes = page.jobs.reduce(0) { $0 + $1.payload.count + ($1.run?.count ?? 0) }
                request.limit = bytes > 4 << 20 ? max(1, request.limit / 4) : min(100, request.limit * 2)
                request.cursor = page.cursor
                // What others add meanwhile is for the next pass: this one might not end.
            } while request.cursor != nil && done <= total
        }
        report.conflicts = seen.conflicts.count
        report.locked = seen.locked.count
        report.unreadable = seen.unreadable.count
        return moved
    }

    /// Takes some jobs over.
    ///
    /// - Returns: how many went.
    private func take(
        _ jobs: [PackedJob], _ seen: inout Seen, _ here: PauseNote, _ there: PauseNote
    ) async throws -> Int {
        guard !jobs.isEmpty else { return 0 }
        var arrived: [PackedJob] = []
        for (job, outcome) in zip(jobs, try await adopt(jobs, under: there)) {
            var outcome = outcome
            if case .there(let state, let run) = outcome, state != .active,
                job.events > PackedJob.events(run)
            {
                // What is there is from before something happened here: an earlier transfer ended in between.
                var old = job
                (old.state, old.run) = (state, run)
                try await step()
                if try await target.drop([old], from: queue, under: there) == [.dropped] {
                    outcome = try await adopt([job], under: there).first ?? .conflict
                }
            }
            switch outcome {
            case .adopted, .there: arrived.append(job)
            case .conflict: seen.conflicts.insert(job.id)
            case .locked: seen.locked.insert(job.id)
            }
        }
        guard !isCopy, !arrived.isEmpty else { return arrived.count }
        try await step()
        let outcomes: [DropOutcome]
        do {
            outcomes = try await source.drop(arrived, from: queue, under: here)
        } catch let error as SpanQueueError where error.code == .invalidState {
            // Somebody lets them run here, or another transfer goes on with them: nothing was dropped. Where it is another transfer this is
            // refused, too.
            _ = try? await target.drop(arrived, from: queue, under: there)
            throw error
        }
        var gone = 0
        for (job, outcome) in zip(arrived, outcomes) {
            if outcome == .dropped {
                gone += 1
            } else {
                // It runs, has run or was acted on here since it was read: here is where it is.
                try await step()
                _ = try await target.drop([job], from: queue, under: there)
            }
        }
        return gone
    }

    private func adopt(_ jobs: [PackedJob], under pause: PauseNote) async throws -> [AdoptOutcome] {
        try await step()
        return try await target.adopt(jobs, into: queue, under: pause)
    }

    // MARK: After

    /// Locks that outlive their jobs, and the counts of errors.
    private func takeAlong() async throws {
        var cursor: String?
        repeat {
            try await step()
            let page = try await source.timedLocks(of: queue, after: cursor)
            try await target.adopt(page.locks, into: queue)
            cursor = page.cursor
        } while cursor != nil
        guard let errors = source as? any ErrorStore else { return }
        let groups = try await errors.errors(in: queue)
        for start in stride(from: 0, to: groups.count, by: 100) {
            try await step()
            try await target.adopt(Array(groups[start..<min(start + 100, groups.count)]), into: queue)
        }
    }

    /// Lets claims go on, where they were stopped by transfers alone. A pause that is not as it was left is somebody else's by now.
    private func finish(_ report: inout TransferReport, _ here: Hold, _ there: Hold) async throws {
        let source = try await counts(of: source)
        report.left = QueueTransfer.states.reduce(source[.active]) { $0 + source[$1] }
        if try await counts(of: target).pause == there.pause {
            var note: OperatorNote?
            if there.isTheirs {
                note = Self.unmarked(there.pause.note)
            } else if isCopy {
                note = OperatorNote(
                    reason: "these are copies: resume it when the originals will not run", by: Self.actor)
            } else if here.isTheirs {
                // A person has paused these jobs, and means them in either store.
                note = Self.unmarked(here.pause.note)
            }
            try await end(target, with: note)
        }
        if source.pause == here.pause {
            // What could not go is not to run before somebody has looked at it.
            let staysPaused = here.isTheirs || !isCopy && report.skipped > 0
            try await end(self.source, with: staysPaused ? Self.unmarked(here.pause.note) : nil)
        }
        report.isSourcePaused = try await counts(of: self.source).isPaused
        report.isTargetPaused = try await counts(of: target).isPaused
    }

    /// Lets claims go on; or, with a note, leaves them stopped for that.
    private func end(_ store: any Mover, with note: OperatorNote?) async throws {
        try await step()
        if let note { _ = try await store.pause(queue, note: note) } else { _ = try await store.resume(queue) }
    }
}

/// How far a transfer has come.
package struct TransferProgress: Sendable, Hashable {
    package let queue: String
    /// Which jobs go now; `active` where it waits for those that run.
    package let state: JobState
    package let done: Int
    package let total: Int
}

/// What a transfer of one queue did.
package struct TransferReport: Sendable, Hashable {
    package let queue: String
    package let isCopy: Bool
    /// How many jobs went, by state; of a copy, how many are there now.
    package var moved: [JobState: Int] = [:]
    /// Jobs that stayed, since another job of the target has their id.
    package var conflicts = 0
    /// Jobs that stayed, since another job of the target holds their lock.
    package var locked = 0
    /// Jobs that stayed, since this version can't read their records.
    package var unreadable = 0
    /// How many jobs the source has afterwards.
    package var left = 0
    /// Whether others added jobs to the source faster than they went.
    package var isUnfinished = false
    package var isSourcePaused = false
    package var isTargetPaused = false

    package init(queue: String, isCopy: Bool) {
        self.queue = queue
        self.isCopy = isCopy
    }

    /// How many went.
    package var total: Int { moved.values.reduce(0, +) }
    /// How many stayed, for whatever reason.
    package var skipped: Int { conflicts + locked + unreadable }
}
