// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What a worker does next, as a value that does no I/O. Events go in; what to do comes out of `nextClaim`, `nextSettlement` and
/// `nextAction`, each asked after every event and every wait, so that no answer can be acted on in a phase that is over.
///
/// ```
/// running ─drain, cut short─▶ draining ─time is up─▶ cancelling ─▶ settling ─▶ leaving ─▶ stopped
///    │                           └──── nothing runs any more ─────────▲
///    └─ once: nothing is left, or it has failed for too long ─────────┘
/// ```
///
/// Every phase after `running` has an end in time that no call can put off. A queue is a lane: its place in the worker's selection. What is
/// to be done for each is decided by `WorkerLanes`; whose turn it is to be asked, and when to wait, by `ClaimTurn`.
struct WorkerLife {
    typealias Instant = ContinuousClock.Instant

    /// How long a drain waits for handlers after it has cancelled them, at most.
    static let cancelBound = Duration.seconds(1)
    /// How long it waits for the last settlements.
    static let settleBound = Duration.seconds(4)
    /// How long it tries to sign off. With the two above: a drain ends within `drainTimeout` and six seconds.
    static let leaveBound = Duration.seconds(1)
    /// How long `runOnce` goes on with calls that fail, while nothing else is left to do.
    static let onceBound = Duration.seconds(10)
    static let announceInterval = Duration.seconds(10)
    /// Leases that are at least so long outlive a call that the engine leaves unanswered for a command timeout (5 s), and the heartbeat
    /// after it. Jobs with shorter ones must not wait for the answer of another queue.
    static let patientLease = Duration.seconds(15)
    static let announcePause = Duration.seconds(1)

    struct Terms {
        var queues: QueueSelection
        var concurrency: Int
        var lease: Duration
        var drainTimeout: Duration
        var cancellationGrace: Duration
        var idleWait: Duration
        /// Ends by itself when nothing is left.
        var isOnce = false
        /// Whether the engine lets workers reclaim and sweep.
        var hasKeeper = true

        /// Claims from a queue stop while so many of its attempts wait to be settled.
        var maximumUnsettled: Int
    }

    enum Phase {
        case running
        case draining
        case cancelling
        case settling
        case leaving
        case stopped
    }

    enum Action: Equatable {
        /// Claim one job of a queue that failed, apart from the others.
        case probe(lane: Int)
        case extend(lanes: [Int], isShared: Bool)
        case reclaim(lane: Int)
        case sweep(lane: Int)
        case announce
        case interruptWait
        case cancelHandlers
        case abandonHandlers
        case signOff
        case stop
    }

    let terms: Terms
    private(set) var phase = Phase.running
    /// When the phase is over at the latest; says nothing of `running` and `stopped`.
    private var phaseEnd: Instant
    /// `runOnce` ended because calls went on failing.
    private(set) var gaveUp = false
    private var lanes: WorkerLanes
    private var claiming: ClaimTurn
    private var turnover: Turnover
    private var probes = 0
    private var announceAt: Instant
    private var isAnnouncing = false
    private var hasSignedOff = false
    private(set) var taken = 0

    /// - Parameter random: from 0 to 1.
    init(_ terms: Terms, at now: Instant, random: () -> Double) {
        self.terms = terms
        claiming = ClaimTurn(terms.queues, at: now)
        turnover = Turnover(slots: terms.concurrency, at: now)
        announceAt = now
        phaseEnd = now
        lanes = WorkerLanes(terms.queues.lanes.count, lease: terms.lease, at: now, random: random)
    }

    var isRunning: Bool { phase == .running }
    var freeSlots: Int { terms.concurrency - taken }
    var unsettled: Int { lanes.unsettled }
    /// Whether there may be something that the latest pass over the queues, or the present wait, does not know of.
    var wantsClaim: Bool { claiming.wantsLook }
    func unsettled(in lane: Int) -> Int { lanes.all[lane].settling.count }
    func isOpen(_ lane: Int) -> Bool { lanes.all[lane].health.isOpen }

    // MARK: Being told to stop

    mutating func drain(at now: Instant) {
        guard isRunning else { return }
        enter(.draining, for: terms.drainTimeout, at: now)
    }

    mutating func cutShort(at now: Instant) {
        switch phase {
        case .running, .draining: enter(.draining, for: .zero, at: now)
        case .cancelling, .settling, .leaving, .stopped: break
        }
    }

    private mutating func enter(_ phase: Phase, for longest: Duration, at now: Instant) {
        self.phase = phase
        phaseEnd = now + longest
        lanes.lookAtAll(at: now)
    }

    // MARK: Claiming

    /// Whether each queue of a claim has a call of its own, whose jobs start as soon as it is answered.
    var claimsApart: Bool { terms.lease < Self.patientLease }

    /// How many slots one call fills at most: half of them, where that is a group that is worth a call. While the engine settles and claims
    /// for one half, the handlers have the other. A worker that fills all at once has no handler running while it waits for the answer.
    var claimedAtOnce: Int {
        let half = (terms.concurrency + 1) / 2
        return half < Self.leastHalf ? terms.concurrency : half
    }

    /// So many jobs are worth a call, whatever else there is to claim.
    private static let leastHalf = 16

    mutating func nextClaim(at now: Instant) -> ClaimTurn.Step {
        let offer = ClaimTurn.Offer(
            slots: min(freeSlots, claimedAtOnce), chunk: turnover.chunk(at: now), hasOpenLane: lanes.hasOpen,
            idleWait: terms.idleWait, isOnce: terms.isOnce)
        return claiming.next(at: now, isRunning: isRunning, offer)
    }

    /// One queue's answer to a claim.
    ///
    /// - Returns: whether its jobs may start; if not, they are to be settled as released.
    mutating func claimed(
        _ lane: Int, jobs: Int, hasMore: Bool, dueIn: Duration?, lapseIn: Duration?, isProbe: Bool = false,
        at now: Instant
    ) -> Bool {
        claiming.answered(lane, hasMore: hasMore, dueIn: dueIn, at: now)
        lanes.change(lane, duties) { $0.upkeep.noted(lapseIn: lapseIn, at: now) }
        guard isRunning else { return false }
        if isProbe {
            // A probe asks without a slot set aside for it: a queue that fails must not take one from the others.
            guard freeSlots - claiming.promised >= jobs else { return false }
        }
        lanes.all[lane].running += jobs
        taken += jobs
        turnover.claimed(jobs, at: now)
        if freeSlots <= 0 { lanes.noSlotIsFree() }
        return true
    }

    /// A call has been answered for all its queues, each of which was told before.
    mutating func claimEnded() {
        claiming.ended()
    }

    /// A queue answered after a failure.
    ///
    /// - Returns: for how long it had failed; nil where it had not.
    mutating func claimWorked(_ lane: Int, at now: Instant) -> Duration? {
        guard lanes.all[lane].health.failingSince != nil else { return nil }
        let outage = lanes.change(lane, duties) { $0.health.answered(at: now) }
        reopen(lane)
        return outage
    }

    /// - Returns: whether it had worked before.
    mutating func claimFailed(_ lane: Int, at now: Instant, isFinal: Bool, random: Double) -> Bool {
        claiming.set(lane, isOpen: false)
        return lanes.change(lane, duties) { $0.health.failed(at: now, isFinal: isFinal, random: random) }
    }

    mutating func probeEnded() {
        probes -= 1
        claiming.lookAgain()
    }

    /// The wait for work has returned, whatever the reason.
    ///
    /// - Returns: whether a wake-up that it may have taken is to be handed on, because this worker claims nothing any more.
    mutating func waited(failed: Bool, at now: Instant, random: Double) -> Bool {
        claiming.waited(failed: failed, at: now, random: random)
        return !isRunning
    }

    var isWaitFailing: Bool { claiming.isWaitFailing }

    private mutating func reopen(_ lane: Int) {
        guard isOpen(lane) else { return }
        claiming.set(lane, isOpen: true)
        claiming.lookAgain()
    }

    // MARK: Attempts

    /// An attempt has ended, and its slot is free.
    mutating func ended(_ lane: Int) {
        lanes.all[lane].running -= 1
        taken -= 1
        if terms.isOnce { claiming.lookAgain() }
    }

    /// A handler goes on although it was cancelled: its attempt has ended, its slot is taken still.
    mutating func abandoned(_ lane: Int) {
        lanes.all[lane].running -= 1
        lanes.all[lane].abandoned += 1
    }

    /// The handler of an abandoned attempt has returned.
    mutating func returned(_ lane: Int) {
        lanes.all[lane].abandoned -= 1
        taken -= 1
        if terms.isOnce { claiming.lookAgain() }
    }

    // MARK: Settling

    /// - Returns: whether claims from the queue stop, because too much of it waits.
    mutating func mustSettle(_ lane: Int) -> Bool {
        lanes.all[lane].settling.add()
        guard unsettled(in: lane) >= terms.maximumUnsettled, !lanes.all[lane].health.isHeldBack else { return false }
        claiming.set(lane, isOpen: false)
        lanes.change(lane, duties) { $0.health.isHeldBack = true }
        return lanes.all[lane].settling.failingSince != nil
    }

    /// - Returns: nil when the worker has stopped.
    mutating func nextSettlement(_ lane: Int, at now: Instant) -> SettlingLane.Step? {
        phase == .stopped ? nil : lanes.all[lane].settling.next(at: now)
    }

    mutating func sends(_ lane: Int, _ kind: SettlingLane.Kind, _ count: Int) {
        lanes.all[lane].settling.send(kind, count)
    }

    /// - Returns: whether settling began to fail with this call.
    mutating func settled(_ lane: Int, refused: Int, at now: Instant, random: Double) -> Bool {
        let isNew = lanes.all[lane].settling.answered(refused: refused, at: now, random: random)
        if lanes.all[lane].health.isHeldBack, unsettled(in: lane) < terms.maximumUnsettled {
            lanes.change(lane, duties) { $0.health.isHeldBack = false }
            reopen(lane)
        }
        // A job that was released may be there now.
        if terms.isOnce { claiming.lookAgain() }
        return isNew
    }

    // MARK: Heartbeats and upkeep

    mutating func extended(_ lane: Int, isShared: Bool, failed: Bool, at now: Instant) {
        lanes.change(lane, duties) { $0.beat.answered(shared: isShared, failed: failed, at: now) }
    }

    mutating func reclaimed(_ lane: Int, jobs: Int, at now: Instant) {
        let duties = self.duties
        lanes.change(lane, duties) { $0.upkeep.reclaimed(jobs, isBlind: !duties.claims($0), at: now) }
        // Where nothing came, `runOnce` asks whether something is to be waited for still.
        if jobs > 0 || terms.isOnce { claiming.lookAgain() }
    }

    mutating func reclaimFailed(_ lane: Int, at now: Instant) {
        lanes.change(lane, duties) { $0.upkeep.reclaimFailed(at: now) }
    }

    mutating func swept(_ lane: Int, isFinished: Bool, at now: Instant) {
        lanes.change(lane, duties) { $0.upkeep.swept(isFinished: isFinished, at: now) }
    }

    mutating func announced(failed: Bool, at now: Instant) {
        isAnnouncing = false
        announceAt = now + (failed ? Self.announcePause : Self.announceInterval)
    }

    mutating func signedOff() {
        hasSignedOff = true
    }

    // MARK: What to do

    /// What is to be done now besides claiming and settling; ask until it is nil.
    mutating func nextAction(at now: Instant) -> Action? {
        if let action = advance(at: now) { return action }
        if claiming.interruptsWait(isRunning: isRunning) { return .interruptWait }
        if let action = lanes.next(at: now, duties) {
            if case .probe = action { probes += 1 }
            return action
        }
        if announces, !isAnnouncing, announceAt <= now {
            isAnnouncing = true
            return .announce
        }
        return nil
    }

    /// The next moment at which `nextAction` may have something, unless an event comes first.
    func deadline(at now: Instant) -> Instant? {
        var deadline = lanes.alarm
        func consider(_ moment: Instant?) {
            if let moment { deadline = min(deadline ?? moment, moment) }
        }
        switch phase {
        case .running: consider(giveUpAt)
        case .draining, .cancelling, .settling, .leaving: consider(phaseEnd)
        case .stopped: return nil
        }
        if announces, !isAnnouncing { consider(announceAt) }
        return deadline
    }

    /// The deadlines of all lanes are found anew by the next `nextAction`.
    mutating func lookAtAllLanes(at now: Instant) {
        lanes.lookAtAll(at: now)
    }

    private var isClaimUnderWay: Bool { claiming.isCalling || probes > 0 }

    private mutating func advance(at now: Instant) -> Action? {
        if isRunning, terms.isOnce { endOnce(at: now) }
        while true {
            let isPhaseOver = phaseEnd <= now
            switch phase {
            case .running, .stopped:
                return nil
            case .draining:
                if taken == 0, !isClaimUnderWay || isPhaseOver {
                    enter(.settling, for: Self.settleBound, at: now)
                } else if isPhaseOver {
                    enter(.cancelling, for: min(terms.cancellationGrace, Self.cancelBound), at: now)
                    return .cancelHandlers
                } else {
                    return nil
                }
            case .cancelling:
                if !lanes.hasRunning {
                    enter(.settling, for: Self.settleBound, at: now)
                } else if isPhaseOver {
                    enter(.settling, for: Self.settleBound, at: now)
                    return .abandonHandlers
                } else {
                    return nil
                }
            case .settling:
                // An announcement that came after the sign-off would leave a ghost.
                guard unsettled == 0 && !isClaimUnderWay && !isAnnouncing || isPhaseOver else { return nil }
                enter(.leaving, for: Self.leaveBound, at: now)
                return .signOff
            case .leaving:
                guard hasSignedOff || isPhaseOver else { return nil }
                enter(.stopped, for: .zero, at: now)
                return .stop
            }
        }
    }

    private mutating func endOnce(at now: Instant) {
        guard isIdle else { return }
        let isDone = lanes.all.allSatisfy {
            $0.health.isOpen && $0.settling.count == 0 && !(terms.hasKeeper && $0.upkeep.isDue(at: now))
        }
        gaveUp = !isDone && giveUpAt.map { $0 <= now } ?? false
        if isDone || gaveUp { enter(.settling, for: Self.settleBound, at: now) }
    }

    /// Nothing runs, and nothing is there to be claimed where claiming works.
    private var isIdle: Bool { taken == 0 && !isClaimUnderWay && (claiming.isDry || !lanes.hasOpen) }

    /// When `runOnce` stops trying; nil where all goes well, or something is to be done still.
    private var giveUpAt: Instant? {
        guard terms.isOnce, isIdle else { return nil }
        var moment: Instant?
        for lane in lanes.all {
            guard let since = lane.health.failingSince ?? lane.settling.failingSince else { continue }
            let end = lane.health.isRefused ? since : since + Self.onceBound
            moment = min(moment ?? end, end)
        }
        return moment
    }

    private var beats: Bool {
        switch phase {
        case .running, .draining, .cancelling, .settling: true
        case .leaving, .stopped: false
        }
    }

    private var announces: Bool {
        switch phase {
        case .running, .draining: true
        case .cancelling, .settling, .leaving, .stopped: false
        }
    }

    private var duties: WorkerLanes.Duties {
        WorkerLanes.Duties(
            isRunning: isRunning, hasFreeSlots: freeSlots > 0, beats: beats, keeps: terms.hasKeeper && announces)
    }
}
