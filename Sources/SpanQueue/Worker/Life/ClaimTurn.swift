// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Which queues a worker asks next, and when it waits for work instead: one call, or one wait, at a time.
///
/// The queues are asked in passes, each of which asks those that may have something, until the slots are taken or all were empty.
struct ClaimTurn {
    typealias Instant = ContinuousClock.Instant

    enum Step: Equatable {
        case claim([QueueSelector.Share])
        /// Wait for work in the open queues.
        case wait(until: Instant)
        /// Nothing to do before this moment, or, where nil, before another event.
        case sleep(until: Instant?)
        case end
    }

    /// What the worker has to give.
    struct Offer {
        var slots: Int
        /// How many of them at a time go to a queue.
        var chunk = 1
        /// Whether there is a queue that may be asked together with others.
        var hasOpenLane: Bool
        var idleWait: Duration
        /// It ends when nothing is left, and does not wait.
        var isOnce: Bool
    }

    private enum State: Equatable {
        case ready
        /// A call is under way that may give so many jobs.
        case calling(limit: Int)
        case waiting(isInterrupted: Bool)
        /// Waiting for work failed: look again later.
        case resting(until: Instant)
        /// In `once`: every open queue was empty, and nothing has happened since.
        case dry
    }

    /// How long a queue that was empty is not asked while others have work.
    static let probeInterval = Duration.milliseconds(5)
    private static let waitPauses = Pauses(base: .milliseconds(100), cap: .seconds(2))

    private var state = State.ready
    private var selector: QueueSelector
    private var isInPass = false
    /// Something may have become ready since the pass began, or since the wait.
    private(set) var wantsLook = false
    private var lastProbe: Instant
    private var dueAt: Instant?
    private var waitFailures = 0
    private var waitAgainAt: Instant?

    init(_ queues: QueueSelection, at now: Instant) {
        selector = QueueSelector(queues)
        lastProbe = now
    }

    /// How many slots the call under way may fill.
    var promised: Int {
        if case .calling(let limit) = state { limit } else { 0 }
    }
    var isCalling: Bool {
        if case .calling = state { true } else { false }
    }
    var isDry: Bool { state == .dry }
    var isWaitFailing: Bool { waitFailures > 0 }

    // MARK: What to do

    mutating func next(at now: Instant, isRunning: Bool, _ offer: Offer) -> Step {
        switch state {
        case .resting(let until) where until > now && isRunning: return .sleep(until: until)
        case .dry where isRunning: return .sleep(until: nil)
        case .calling, .waiting: return .sleep(until: nil)
        case .resting, .dry, .ready: state = .ready
        }
        while isRunning {
            guard offer.slots > 0 else { return .sleep(until: nil) }
            if !isInPass {
                guard offer.hasOpenLane else { return .sleep(until: nil) }
                beginPass(at: now)
            }
            let shares = selector.next(slots: offer.slots, chunk: offer.chunk)
            if !shares.isEmpty {
                state = .calling(limit: shares.reduce(0) { $0 + $1.limit })
                return .claim(shares)
            }
            isInPass = false
            guard offer.hasOpenLane else { return .sleep(until: nil) }
            guard selector.isAllEmpty, !wantsLook else { continue }
            if offer.isOnce {
                state = .dry
                return .sleep(until: nil)
            }
            if let wait = wait(at: now, offer.idleWait) { return wait }
        }
        return .end
    }

    private mutating func beginPass(at now: Instant) {
        let isProbing = now - lastProbe > Self.probeInterval
        if isProbing { lastProbe = now }
        selector.begin(probing: isProbing)
        isInPass = true
        wantsLook = false
        dueAt = nil
    }

    /// All were empty. Nil where something is due now.
    private mutating func wait(at now: Instant, _ idleWait: Duration) -> Step? {
        var until = now + idleWait
        if let dueAt { until = min(until, dueAt) }
        guard until > now else { return nil }
        if let waitAgainAt, waitAgainAt > now {
            state = .resting(until: min(until, waitAgainAt))
            return .sleep(until: min(until, waitAgainAt))
        }
        state = .waiting(isInterrupted: false)
        return .wait(until: until)
    }

    /// Whether the wait under way is to be cut short now.
    mutating func interruptsWait(isRunning: Bool) -> Bool {
        guard case .waiting(isInterrupted: false) = state, !isRunning || wantsLook else { return false }
        state = .waiting(isInterrupted: true)
        wantsLook = false
        return true
    }

    // MARK: What happened

    /// One queue's answer to a claim.
    mutating func answered(_ lane: Int, hasMore: Bool, dueIn: Duration?, at now: Instant) {
        selector.record(lane, hasMore: hasMore)
        guard let dueIn else { return }
        let due = now + max(.zero, dueIn)
        dueAt = dueAt.map { min($0, due) } ?? due
    }

    /// The call has been answered for all its queues.
    mutating func ended() {
        state = .ready
    }

    mutating func set(_ lane: Int, isOpen: Bool) {
        selector.set(lane, isOpen: isOpen)
    }

    /// The wait for work has returned, whatever the reason.
    mutating func waited(failed: Bool, at now: Instant, random: Double) {
        state = .ready
        // Any of them may have work now.
        lastProbe = now - .seconds(1)
        if failed {
            waitFailures += 1
            waitAgainAt = now + Self.waitPauses.pause(after: waitFailures, random: random)
        } else {
            waitFailures = 0
            waitAgainAt = nil
        }
    }

    /// Something may be ready that the present pass, or the present wait, does not know of.
    mutating func lookAgain() {
        wantsLook = true
        switch state {
        case .dry, .resting: state = .ready
        case .ready, .calling, .waiting: break
        }
    }
}

/// How quickly the slots of a worker are taken again. Where all of them were within `quick`, no queue loses by it if another gets a few
/// in a row.
struct Turnover {
    typealias Instant = ContinuousClock.Instant

    static let quick = Duration.milliseconds(20)
    /// How many in a row are dealt out then.
    static let chunk = 16

    private let slots: Int
    private var jobs = 0
    private var began: Instant
    private var isQuick = false

    init(slots: Int, at now: Instant) {
        self.slots = slots
        began = now
    }

    mutating func claimed(_ count: Int, at now: Instant) {
        jobs += count
        guard jobs >= slots else { return }
        isQuick = now - began <= Self.quick
        jobs = 0
        began = now
    }

    /// How many slots at a time a queue gets.
    func chunk(at now: Instant) -> Int { isQuick && now - began <= Self.quick ? Self.chunk : 1 }
}
