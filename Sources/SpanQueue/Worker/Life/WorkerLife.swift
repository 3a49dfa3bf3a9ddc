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
/// Every phase after `running` has an end in time that no call can put off. A queue is a lane: its place in the worker's selection. A lane
/// that fails or hangs is asked alone (`ClaimHealth`, `LeaseBeat`), or never together with others (`SettlingLane`, `QueueUpkeep`). Whose
/// turn it is to be asked, and when to wait, is decided by `ClaimTurn`.
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

    private struct Lane {
        /// Attempts whose handlers run, and those that were settled without their handler, which takes up its slot still.
        var running = 0
        var abandoned = 0
        var health = ClaimHealth()
        var settling = SettlingLane()
        var beat: LeaseBeat
        var upkeep: QueueUpkeep

        var isHolding: Bool { running > 0 || settling.count > 0 }
    }

    let terms: Terms
    private(set) var phase = Phase.running
    /// When the phase is over at the latest; says nothing of `running` and `stopped`.
    private var phaseEnd: Instant
    /// No lane has anything to do before this moment; nil where none will have. It is found anew once it has come, and only comes nearer in
    /// between, so that an event costs the same with one queue and with a hundred.
    private var laneAlarm: Instant?
    /// What it would be if no lane were claimed from.
    private var blindAlarm: Instant
    /// `runOnce` ended because calls went on failing.
    private(set) var gaveUp = false
    private var lanes: [Lane]
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
        laneAlarm = now
        blindAlarm = now
        lanes = terms.queues.lanes.map { _ in
            Lane(
                beat: LeaseBeat(lease: terms.lease, at: now),
                upkeep: QueueUpkeep(lease: terms.lease, at: now, random: random()))
        }
    }

    var isRunning: Bool { phase == .running }
    var freeSlots: Int { terms.concurrency - taken }
    var unsettled: Int { lanes.reduce(0) { $0 + $1.settling.count } }
    /// Whether there may be something that the latest pass over the queues, or the present wait, does not know of.
    var wantsClaim: Bool { claiming.wantsLook }
    func unsettled(in lane: Int) -> Int { lanes[lane].settling.count }
    func isOpen(_ lane: Int) -> Bool { lanes[lane].health.isOpen }

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
        lookAtAllLanes(at: now)
    }

    // MARK: Claiming

    /// Whether each queue of a claim has a call of its own, whose jobs start as soon as it is answered.
    var claimsApart: Bool { terms.lease < Self.patientLease }

    mutating func nextClaim(at now: Instant) -> ClaimTurn.Step {
        let offer = ClaimTurn.Offer(
            slots: freeSlots, chunk: turnover.chunk(at: now), hasOpenLane: hasOpenLane, idleWait: terms.idleWait,
            isOnce: terms.isOnce)
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
        lanes[lane].upkeep.noted(lapseIn: lapseIn, at: now)
        defer { bringAlarmNearer(for: lane) }
        guard isRunning else { return false }
        if isProbe {
            // A probe asks without a slot set aside for it: a queue that fails must not take one from the others.
            guard freeSlots - claiming.promised >= jobs else { return false }
        }
        lanes[lane].running += jobs
        taken += jobs
        turnover.claimed(jobs, at: now)
        if freeSlots <= 0 { bringAlarmNearer(to: blindAlarm) }
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
        guard lanes[lane].health.failingSince != nil else { return nil }
        let outage = lanes[lane].health.answered(at: now)
        reopen(lane)
        return outage
    }

    /// - Returns: whether it had worked before.
    mutating func claimFailed(_ lane: Int, at now: Instant, isFinal: Bool, random: Double) -> Bool {
        let isNew = lanes[lane].health.failed(at: now, isFinal: isFinal, random: random)
        claiming.set(lane, isOpen: false)
        bringAlarmNearer(for: lane)
        return isNew
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
        guard lanes[lane].health.isOpen else { return }
        claiming.set(lane, isOpen: true)
        claiming.lookAgain()
    }

    // MARK: Attempts

    /// An attempt has ended, and its slot is free.
    mutating func ended(_ lane: Int) {
        lanes[lane].running -= 1
        taken -= 1
        if terms.isOnce { claiming.lookAgain() }
    }

    /// A handler goes on although it was cancelled: its attempt has ended, its slot is taken still.
    mutating func abandoned(_ lane: Int) {
        lanes[lane].running -= 1
        lanes[lane].abandoned += 1
    }

    /// The handler of an abandoned attempt has returned.
    mutating func returned(_ lane: Int) {
        lanes[lane].abandoned -= 1
        taken -= 1
        if terms.isOnce { claiming.lookAgain() }
    }

    // MARK: Settling

    /// - Returns: whether claims from the queue stop, because too much of it waits.
    mutating func mustSettle(_ lane: Int) -> Bool {
        lanes[lane].settling.add()
        guard lanes[lane].settling.count >= terms.maximumUnsettled, !lanes[lane].health.isHeldBack else { return false }
        lanes[lane].health.isHeldBack = true
        claiming.set(lane, isOpen: false)
        bringAlarmNearer(for: lane)
        return lanes[lane].settling.failingSince != nil
    }

    /// - Returns: nil when the worker has stopped.
    mutating func nextSettlement(_ lane: Int, at now: Instant) -> SettlingLane.Step? {
        phase == .stopped ? nil : lanes[lane].settling.next(at: now)
    }

    mutating func sends(_ lane: Int, _ kind: SettlingLane.Kind, _ count: Int) {
        lanes[lane].settling.send(kind, count)
    }

    /// - Returns: whether settling began to fail with this call.
    mutating func settled(_ lane: Int, refused: Int, at now: Instant, random: Double) -> Bool {
        let isNew = lanes[lane].settling.answered(refused: refused, at: now, random: random)
        if lanes[lane].health.isHeldBack, lanes[lane].settling.count < terms.maximumUnsettled {
            lanes[lane].health.isHeldBack = false
            reopen(lane)
            bringAlarmNearer(for: lane)
        }
        // A job that was released may be there now.
        if terms.isOnce { claiming.lookAgain() }
        return isNew
    }

    // MARK: Heartbeats and upkeep

    mutating func extended(_ lane: Int, isShared: Bool, failed: Bool, at now: Instant) {
        lanes[lane].beat.answered(shared: isShared, failed: failed, at: now)
        bringAlarmNearer(for: lane)
    }

    mutating func reclaimed(_ lane: Int, jobs: Int, at now: Instant) {
        lanes[lane].upkeep.reclaimed(jobs, isBlind: !claims(lanes[lane]), at: now)
        bringAlarmNearer(for: lane)
        // Where nothing came, `runOnce` asks whether something is to be waited for still.
        if jobs > 0 || terms.isOnce { claiming.lookAgain() }
    }

    mutating func reclaimFailed(_ lane: Int, at now: Instant) {
        lanes[lane].upkeep.reclaimFailed(at: now)
        bringAlarmNearer(for: lane)
    }

    mutating func swept(_ lane: Int, isFinished: Bool, at now: Instant) {
        lanes[lane].upkeep.swept(isFinished: isFinished, at: now)
        bringAlarmNearer(for: lane)
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
        if let action = nextOfLanes(at: now) { return action }
        if announces, !isAnnouncing, announceAt <= now {
            isAnnouncing = true
            return .announce
        }
        return nil
    }

    /// The next moment at which `nextAction` may have something, unless an event comes first.
    func deadline(at now: Instant) -> Instant? {
        var deadline = laneAlarm
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

    private var hasOpenLane: Bool { lanes.contains { $0.health.isOpen } }

    private var isClaimUnderWay: Bool { claiming.isCalling || probes > 0 }

    private var runs: Bool { lanes.contains { $0.running > 0 } }

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
                if !runs {
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
        let isDone = lanes.allSatisfy {
            $0.health.isOpen && $0.settling.count == 0 && !(terms.hasKeeper && $0.upkeep.isDue(at: now))
        }
        gaveUp = !isDone && giveUpAt.map { $0 <= now } ?? false
        if isDone || gaveUp { enter(.settling, for: Self.settleBound, at: now) }
    }

    /// Nothing runs, and nothing is there to be claimed where claiming works.
    private var isIdle: Bool { taken == 0 && !isClaimUnderWay && (claiming.isDry || !hasOpenLane) }

    /// When `runOnce` stops trying; nil where all goes well, or something is to be done still.
    private var giveUpAt: Instant? {
        guard terms.isOnce, isIdle else { return nil }
        var moment: Instant?
        for lane in lanes {
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

    private var keeps: Bool { terms.hasKeeper && announces }

    private var announces: Bool {
        switch phase {
        case .running, .draining: true
        case .cancelling, .settling, .leaving, .stopped: false
        }
    }

    private func claims(_ lane: Lane) -> Bool { isRunning && freeSlots > 0 && lane.health.isOpen }

    // MARK: The lanes' deadlines

    private mutating func nextOfLanes(at now: Instant) -> Action? {
        guard let alarm = laneAlarm, alarm <= now else { return nil }
        if let action = nextBeat(at: now) ?? nextUpkeep(at: now) { return action }
        laneAlarm = lanes.compactMap { deadline(of: $0) }.min()
        blindAlarm = lanes.map(\.upkeep.blindAt).min() ?? now
        return nil
    }

    /// What any of them has to do is found by the next `nextAction`.
    mutating func lookAtAllLanes(at now: Instant) {
        laneAlarm = now
    }

    private mutating func bringAlarmNearer(for lane: Int) {
        if let deadline = deadline(of: lanes[lane]) { bringAlarmNearer(to: deadline) }
    }

    private mutating func bringAlarmNearer(to moment: Instant) {
        laneAlarm = min(laneAlarm ?? moment, moment)
    }

    private func deadline(of lane: Lane) -> Instant? {
        var deadline = keeps ? lane.upkeep.deadline(isBlind: !claims(lane), sweeps: isRunning) : nil
        func consider(_ moment: Instant) { deadline = min(deadline ?? moment, moment) }
        if isRunning, let probeAt = lane.health.probeAt { consider(probeAt) }
        if beats { consider(lane.beat.next) }
        return deadline
    }

    private mutating func nextBeat(at now: Instant) -> Action? {
        guard beats else { return nil }
        var isSharedDue = false
        for lane in lanes.indices where lanes[lane].beat.next <= now {
            let isHolding = lanes[lane].isHolding
            if lanes[lane].beat.startsOwnCall(at: now, isHolding: isHolding) {
                return .extend(lanes: [lane], isShared: false)
            }
            if lanes[lane].beat.fitsSharedCall(isHolding: isHolding) {
                isSharedDue = true
            } else {
                lanes[lane].beat.skip(at: now)
            }
        }
        guard isSharedDue else { return nil }
        let shared = lanes.indices.filter { lanes[$0].beat.fitsSharedCall(isHolding: lanes[$0].isHolding) }
        for lane in shared { lanes[lane].beat.startSharedCall(at: now) }
        return .extend(lanes: shared, isShared: true)
    }

    private mutating func nextUpkeep(at now: Instant) -> Action? {
        guard announces else { return nil }
        for lane in lanes.indices {
            if isRunning, let probeAt = lanes[lane].health.probeAt, probeAt <= now {
                lanes[lane].health.startProbe()
                probes += 1
                return .probe(lane: lane)
            }
            guard keeps else { continue }
            if lanes[lane].upkeep.startsReclaim(at: now, isBlind: !claims(lanes[lane])) { return .reclaim(lane: lane) }
            if isRunning, lanes[lane].upkeep.startsSweep(at: now) { return .sweep(lane: lane) }
        }
        return nil
    }
}
