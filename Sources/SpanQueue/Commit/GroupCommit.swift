// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueLoop
import Synchronization

/// Lets concurrent callers share round trips: while a commit is under way, further jobs gather and leave together. Nobody waits for a
/// timer, and a lone caller pays for nothing but its own call. `CommitLine` decides who leaves when; this is the shell round it.
///
/// Each call ends by its own deadline. It throws `CancellationError`, or an error without `mayHaveRun`, only where its job was not
/// added and never will be: what waits is taken out of the line, and what has left carries its earliest caller's deadline with it.
package final class GroupCommit: Sendable {
    /// A caller that waits.
    private struct Caller: Sendable {
        let job: NewJob
        let continuation: UnsafeContinuation<EnqueueOutcome, any Error>
    }

    private struct State: Sendable {
        var line: CommitLine<Caller>
        /// When those whose time is up are looked for next.
        var alarm: ContinuousClock.Instant?
        /// What the last commit ended with, if it failed.
        var lastFailure: SpanQueueError?
    }

    /// A caller's place in the line, for its cancellation. Read and changed under the lock of `state` alone.
    private final class Place: @unchecked Sendable {
        var ticket: CommitLine<Caller>.Ticket?
        var isCancelled = false
    }

    private typealias Waiting = CommitLine<Caller>.Waiting

    /// Commits jobs until a deadline; gives one outcome for each, in order.
    package typealias Commit = @Sendable ([NewJob], ContinuousClock.Instant) async throws -> [EnqueueOutcome]

    /// About what a job takes beside its payload, on its way and here.
    private static let overheadBytes = 512
    /// Callers whose time is up within this end together.
    private static let grain = Duration.milliseconds(50)

    private let state: Mutex<State>
    private let loop: LoopThread
    private let server: String

    /// - Parameters:
    ///   - server: what it is called in errors: `Redis`.
    ///   - mostJobs: of one commit.
    package init(loop: LoopThread, server: String, mostJobs: Int = 512) {
        self.loop = loop
        self.server = server
        state = Mutex(State(line: CommitLine(limits: .init(items: mostJobs))))
    }

    /// Adds a job. `commit` must be the same for every call.
    package func submit(
        _ job: NewJob, until deadline: ContinuousClock.Instant, _ commit: @escaping Commit
    ) async throws -> EnqueueOutcome {
        let bytes = job.message.payload.count + Self.overheadBytes
        switch state.withLock({ $0.line.arrive(bytes: bytes) }) {
        case .overloaded: throw overloaded
        case .wait: return try await wait(job, bytes, deadline, commit)
        case .alone:
            do {
                let outcome = try await commit([job], deadline)[0]
                ended(items: 1, bytes: bytes, commit)
                return outcome
            } catch {
                ended(items: 1, bytes: bytes, failure: error as? SpanQueueError, commit)
                throw error
            }
        }
    }

    private func wait(
        _ job: NewJob, _ bytes: Int, _ deadline: ContinuousClock.Instant, _ commit: @escaping Commit
    ) async throws -> EnqueueOutcome {
        let place = Place()
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let hasJoined = state.withLock { state in
                    guard !place.isCancelled else {
                        state.line.giveUp(bytes: bytes)
                        return false
                    }
                    let caller = Caller(job: job, continuation: continuation)
                    place.ticket = state.line.join(caller, bytes: bytes, deadline: deadline)
                    return true
                }
                guard hasJoined else { return continuation.resume(throwing: CancellationError()) }
                depart(commit)
            }
        } onCancel: {
            let waiting = state.withLock { state in
                place.isCancelled = true
                return place.ticket.flatMap { state.line.leave($0) }
            }
            waiting?.item.continuation.resume(throwing: CancellationError())
        }
    }

    /// Sends those on their way who may leave, and has the clock watch over the others.
    private func depart(_ commit: @escaping Commit) {
        let (batches, alarm) = state.withLock { state -> ([[Waiting]], ContinuousClock.Instant?) in
            var batches: [[Waiting]] = []
            while let batch = state.line.depart() { batches.append(batch) }
            return (batches, Self.nextAlarm(&state))
        }
        // A task of its own: the batch belongs to many callers, and must not die with one of them.
        for batch in batches { Task { await self.run(batch, commit) } }
        if let alarm { setAlarm(alarm) }
    }

    private func ended(items: Int, bytes: Int, failure: SpanQueueError? = nil, _ commit: @escaping Commit) {
        let isAnyoneWaiting = state.withLock { state in
            state.line.ended(items: items, bytes: bytes)
            state.lastFailure = failure
            return state.line.waitingItems > 0
        }
        if isAnyoneWaiting { depart(commit) }
    }

    /// Commits a batch. What did not run because the time of its earliest caller was up goes out again for those who have time left.
    private func run(_ batch: [Waiting], _ commit: @escaping Commit) async {
        var rest = batch[...]
        var failure: SpanQueueError?
        while let deadline = rest.lazy.map(\.deadline).min() {
            do {
                let outcomes = try await commit(rest.map(\.item.job), deadline)
                for (waiting, outcome) in zip(rest, outcomes) { waiting.item.continuation.resume(returning: outcome) }
                failure = nil
                break
            } catch {
                failure = error as? SpanQueueError
                let now = ContinuousClock.now
                let isOver = failure?.mayHaveRun != false || now < deadline
                let end = now + Self.grain
                for waiting in rest where isOver || waiting.deadline <= end {
                    waiting.item.continuation.resume(throwing: error)
                }
                rest = isOver ? [] : rest.filter { $0.deadline > end }[...]
            }
        }
        ended(items: batch.count, bytes: batch.reduce(0) { $0 + $1.bytes }, failure: failure, commit)
    }

    // MARK: Time

    /// When to look for those whose time is up, where that is not set yet.
    private static func nextAlarm(_ state: inout State) -> ContinuousClock.Instant? {
        guard let next = state.line.nextDeadline, next < state.alarm ?? next + .nanoseconds(1) else { return nil }
        state.alarm = next
        return next
    }

    private func setAlarm(_ time: ContinuousClock.Instant) {
        loop.execute { [weak self, loop] in
            loop.schedule(at: time) { self?.ring() }
        }
    }

    private func ring() {
        let now = ContinuousClock.now
        let (expired, failure, alarm) = state.withLock { state in
            state.alarm = nil
            let expired = state.line.expire(at: now + Self.grain)
            return (expired, state.lastFailure, Self.nextAlarm(&state))
        }
        if let alarm { setAlarm(alarm) }
        guard !expired.isEmpty else { return }
        let cause = failure.map { ": \($0.message)" } ?? ": many calls are before it"
        let error = SpanQueueError(
            .unavailable, "the job waited for \(server) until its time was up, and was not added\(cause)")
        for waiting in expired { waiting.item.continuation.resume(throwing: error) }
    }

    private var overloaded: SpanQueueError {
        SpanQueueError(
            .overloaded,
            "too many enqueues are waiting for \(server), which is down or too slow: this job was not added, try again later"
        )
    }
}

/// Lets callers who wait for word of the same kind share it: who comes while two questions are under way is answered by the next
/// one. A question that is asked after a caller came answers that caller, too.
package final class SharedWait: Sendable {
    private struct Caller: Sendable {
        let deadline: ContinuousClock.Instant
        let continuation: UnsafeContinuation<Void, any Error>
    }

    private struct State: Sendable {
        var waiting: [Caller] = []
        var underWay = 0
    }

    /// How many questions are under way at most.
    private static let most = 2
    /// Callers whose time is up within this end together.
    private static let grain = Duration.milliseconds(50)
    private let state = Mutex(State())

    package init() {}

    /// - Parameter ask: asks until a deadline; throws where the answer is no, or did not come in time.
    package func wait(
        until deadline: ContinuousClock.Instant,
        _ ask: @escaping @Sendable (ContinuousClock.Instant) async throws -> Void
    ) async throws {
        // No cancellation handler: the caller's jobs are in, and it must be told how they stand. It waits until its deadline at most.
        try await withUnsafeThrowingContinuation { continuation in
            state.withLock { $0.waiting.append(Caller(deadline: deadline, continuation: continuation)) }
            askForThoseWhoWait(ask)
        }
    }

    private func askForThoseWhoWait(_ ask: @escaping @Sendable (ContinuousClock.Instant) async throws -> Void) {
        let callers = state.withLock { state -> [Caller] in
            guard state.underWay < Self.most, !state.waiting.isEmpty else { return [] }
            state.underWay += 1
            defer { state.waiting = [] }
            return state.waiting
        }
        guard let deadline = callers.lazy.map(\.deadline).min() else { return }
        Task {
            var left: [Caller] = []
            do {
                try await ask(deadline)
                for caller in callers { caller.continuation.resume() }
            } catch {
                // Where that was for want of time, those who have some left ask again.
                let end = ContinuousClock.now + Self.grain
                let isOver = end < deadline
                for caller in callers {
                    if isOver || caller.deadline <= end {
                        caller.continuation.resume(throwing: error)
                    } else {
                        left.append(caller)
                    }
                }
            }
            state.withLock { state in
                state.underWay -= 1
                state.waiting += left
            }
            askForThoseWhoWait(ask)
        }
    }
}
