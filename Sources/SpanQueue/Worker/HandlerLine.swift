// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import DequeModule

/// Jobs on their way from a worker's thread to those of their handlers, and ended attempts on their way back, as a value that does no
/// I/O. Both go in groups: to wake a thread costs more than an attempt that does nothing (ADR 33).
///
/// Jobs are started by *starters*, tasks of the pool each of which starts one job after the other. As long as starts are quick one starter
/// is enough for a group; where they take long there are as many as the pool has threads. Where none comes back, because handlers block
/// their threads, each job that waits gets a starter of its own, and so waits for a thread of the pool and nothing else.
///
/// While jobs wait to be started, what has ended waits for more that ends: until it is half of the slots, `HandlerTimes.group` at least, for
/// `patience` at most. Nobody loses by that: all threads are busy, and a job that took a free slot would have to wait as well.
struct HandlerLine<Job: Sendable, End: Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A starter, as it knows itself.
    struct Starter: Sendable {
        fileprivate var began: Instant?
        fileprivate var started = 0
    }

    enum Step: Sendable {
        /// Start it, and send so many further starters to the pool.
        case start(Job, starters: Int)
        /// Let other tasks of the pool have the thread: send another starter and end.
        case yield
        case end
    }

    private let threads: Int
    /// How many attempts are taken back together, where more are coming.
    private let group: Int
    private var waiting = Deque<Job>()
    private var ended: [End] = []
    /// Starters that wait for a thread, and those that have one.
    private var queued = 0
    private var active = 0
    /// How long a start takes until the handler returns or is suspended, about.
    private var cost = Duration.zero
    /// When the latest job was taken by a starter.
    private var latestStart: Instant?
    /// The worker knows that something has ended.
    private var isTold = false
    /// The worker looks again within `patience`.
    private var isWatched = false

    /// - Parameters:
    ///   - slots: how many jobs the worker runs at once.
    ///   - threads: how many threads the pool has.
    init(slots: Int, threads: Int) {
        self.threads = max(1, threads)
        group = max(HandlerTimes.group, slots / 2)
    }

    /// Whether nothing is on its way.
    var isEmpty: Bool { waiting.isEmpty && ended.isEmpty && queued == 0 && active == 0 }

    // MARK: There

    /// Jobs are to be started.
    ///
    /// - Returns: how many starters to send to the pool, and whether to `look` after `HandlerTimes.patience`.
    mutating func add(_ jobs: some Collection<Job>, at now: Instant) -> (starters: Int, looks: Bool) {
        waiting.append(contentsOf: jobs)
        let isComing = latestStart.map { now - $0 < HandlerTimes.worth } ?? false
        let worth = Int(cost * waiting.count / HandlerTimes.worth)
        let wanted = min(threads, waiting.count, max(1, worth))
        let starters = max(0, wanted - queued - (isComing ? active : 0))
        queued += starters
        guard waiting.count > queued, !isWatched else { return (starters, false) }
        isWatched = true
        return (starters, true)
    }

    /// A starter asks what to do.
    mutating func next(_ starter: inout Starter, at now: Instant) -> Step {
        if starter.began == nil {
            starter.began = now
            queued -= 1
            active += 1
        }
        let elapsed = now - (starter.began ?? now)
        guard elapsed < HandlerTimes.turn, let job = waiting.popFirst() else {
            active -= 1
            if starter.started > 0 {
                cost = (cost * 3 + min(elapsed / starter.started, HandlerTimes.patience)) / 4
            }
            guard !waiting.isEmpty else { return .end }
            queued += 1
            return .yield
        }
        starter.started += 1
        latestStart = now
        let helps = elapsed > HandlerTimes.worth && !waiting.isEmpty && queued == 0 && active < threads
        if helps { queued += 1 }
        return .start(job, starters: helps ? 1 : 0)
    }

    /// Looks after those that wait, `HandlerTimes.patience` after `add` has asked for it, or this.
    ///
    /// - Returns: how many starters to send to the pool, whether something has ended that the worker was not told of, and whether to
    ///   look again.
    mutating func look(at now: Instant) -> (starters: Int, tells: Bool, looks: Bool) {
        let isMoving = latestStart.map { now - $0 < HandlerTimes.patience / 2 } ?? false
        let starters = isMoving ? 0 : max(0, waiting.count - queued)
        queued += starters
        isWatched = waiting.count > queued
        let tells = !ended.isEmpty && !isTold
        if tells { isTold = true }
        return (starters, tells, isWatched)
    }

    // MARK: And back

    /// An attempt has ended.
    ///
    /// - Returns: whether the worker is to be told, so that it takes what has ended.
    mutating func add(ended end: End) -> Bool {
        ended.append(end)
        guard !isTold, !isWatched || waiting.isEmpty || ended.count >= group else { return false }
        isTold = true
        return true
    }

    /// All that has ended.
    mutating func takeEnded() -> [End] {
        isTold = false
        defer {
            let count = ended.count
            ended = []
            ended.reserveCapacity(count)
        }
        return ended
    }
}

/// What a `HandlerLine` goes by.
enum HandlerTimes {
    /// So many attempts are worth waking the worker, whatever is to come.
    static let group = 16
    /// How long something waits at most for company, or for a starter that does not come back.
    static let patience = Duration.milliseconds(1)
    /// So much work is worth another thread.
    static let worth = Duration.microseconds(50)
    /// How long a starter goes on before other tasks of the pool get its thread.
    static let turn = Duration.microseconds(500)
}
