// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if !SPANQ_STANDALONE
    @testable import SpanQueue
#endif

/// Plays all that surrounds a `WorkerLife`, by a clock of its own: an engine whose calls fail, take long, answer late or never, for single
/// calls and for whole queues; handlers that end, fail, and ignore their cancellation; producers; other workers; signals. What is to be
/// true at every moment is checked at every moment. One seed is one run, always the same.
struct LifeModel {
    typealias Instant = ContinuousClock.Instant

    enum Fault: String, CaseIterable {
        case none
        /// Refused at once.
        case fails
        /// Done and answered after a while.
        case slow
        /// Done at once, answered after a while.
        case late
        /// Done at once, and the answer is lost.
        case lost
        /// Not done, and told so after the engine's own timeout.
        case blocks
        /// Never answered, which no engine should do; only in some runs, of which less is asked.
        case hangs
    }

    enum CallKind: String, CaseIterable {
        case claim, probe, wait, settle, extend, reclaim, sweep, announce, signOff
    }

    struct Violation: Error, CustomStringConvertible {
        let seed: UInt64
        let at: Duration
        let text: String
        var description: String { "seed \(seed), after \(at): \(text)" }
    }

    /// The engine's own timeout for a call.
    static let timeout = Duration.seconds(5)
    /// How long a sound call takes at most.
    static let latency = Duration.milliseconds(40)

    struct Job {
        let id: Int
        let isPoison: Bool
    }

    struct Held {
        let job: Job
        let lane: Int
        var lapsesAt: Instant
        var isRunning = false
        var isAbandoned = false
        var endedAt: Instant?
    }

    struct LaneState {
        var ready: [Job] = []
        var due: [(at: Instant, job: Job)] = []
        /// Jobs of workers that have died, by when their leases lapse.
        var foreign: [Instant] = []
        /// Reclaims give nothing before this.
        var graceUntil: Instant?
        var fault = Fault.none
        /// Since when it answers as it should.
        var soundSince: Instant
        /// Since when it could be claimed from and was not.
        var neglectedSince: Instant?
        var fresh: [Int] = []
        var failed: [Int] = []
        var isSettling = false
        /// When the engine last took only some of those sent, or none.
        var refusedAt: Instant?
        var reclaims: [Instant] = []
        var claims: [Instant] = []
        /// When a claim looked at it last, and when the worker learnt last that it has put a job there itself, counted.
        var looked = 0
        var putThere = 0
        /// When it is to have been swept again; nil while it is being swept.
        var sweepBy: Instant?
        /// When its latest claim failed; nil after one that did not.
        var claimFailedAt: Instant?
        /// When its next job is due, as its latest claim told.
        var toldDue: Instant?
        /// Since when its claims tell that a lease has lapsed.
        var toldLapsedAt: Instant?
        /// Since when the worker has leases in it, and when it last began to extend them.
        var holdsSince: Instant?
        var beatAt: Instant?
        /// Until when a failed heartbeat is to be repeated.
        var beatAgainBy: Instant?
        /// Whether a heartbeat of its own is under way, and whether one was never answered.
        var isBeating = false
        var isDeaf = false
        /// Whether one that it shares with others is under way, and whether the latest failed.
        var isBeatingWithOthers = false
        var hasMissed = false
    }

    enum Event {
        case turn
        /// The last one ends the call.
        case answerClaim([QueueSelector.Share], [Answer], isProbe: Bool, isLast: Bool)
        case endWait(epoch: Int, failed: Bool)
        case settled(lane: Int, ids: [Int], refused: [Int])
        case extended(lanes: [Int], failed: [Bool], isShared: Bool)
        case reclaimed(lane: Int, jobs: Int?)
        case swept(lane: Int, isFinished: Bool)
        case announced(failed: Bool)
        case signedOff
        case handlerEnds(job: Int)
        case enqueue
        case orphan
        case changeFault(lane: Int)
        case drain, cutShort
    }

    struct Answer {
        var jobs: [Job] = []
        var hasMore = false
        var dueIn: Duration?
        var lapseIn: Duration?
        var failed = false
    }

    let seed: UInt64
    var random: SplitMix
    let start: Instant
    var now: Instant
    var life: WorkerLife
    let allowsHang: Bool
    let isWide: Bool
    var events: [(at: Instant, order: Int, event: Event)] = []
    private var order = 0
    var lanes: [LaneState]
    var held: [Int: Held] = [:]
    var nextJob = 0
    /// What the claiming loop does: in a call, in a wait, or asleep until then.
    var isClaiming = false
    var waitEpoch: Int?
    var epochs = 0
    var waitLanes: [Int] = []
    var waitIsHung = false
    /// When the latest wait failed; nil after one that did not.
    var waitFailedAt: Instant?
    var sleepsUntil: Instant?
    private var wakeAt: Instant?
    var claimLoopEnded = false
    var mayEndAt: Instant?
    var stoppedAt: Instant?
    var cancelledHandlers = false
    var isSignalled = false
    var faultsEnd: Instant
    var coverage: Set<String> = []
    var steps = 0
    private var count = 0

    init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        start = Self.origin
        now = start
        allowsHang = random.below(3) == 0
        let count = 1 + random.below(4)
        let names = (0..<count).map { "q\($0)" }
        let queues: QueueSelection =
            random.below(4) == 0 ? .strict(names) : .weighted(names.map { ($0, 1 + random.below(5)) })
        // Some runs are calm: nothing fails but what can't be settled, and leases may be as short as they are allowed to be.
        let isCalm = random.below(6) == 0
        let isShort = isCalm || random.below(4) == 0
        let lease = isShort ? Duration.milliseconds(1000 + random.below(3000)) : .seconds(16 + random.below(15))
        // Most have few slots, which are soon taken; some have so many that they claim for half of them at a time.
        isWide = random.below(6) == 0
        let concurrency = isWide ? 28 + random.below(20) : 1 + random.below(6)
        var terms = WorkerLife.Terms(
            queues: queues, concurrency: concurrency, lease: lease,
            drainTimeout: .milliseconds(random.below(12_000)), cancellationGrace: .milliseconds(random.below(5000)),
            idleWait: .milliseconds(100 + random.below(3000)),
            maximumUnsettled: (isWide ? concurrency : 4) + random.below(12))
        terms.isOnce = random.below(3) == 0
        terms.hasKeeper = random.below(8) > 0
        let begin = start
        lanes = names.map { _ in LaneState(soundSince: begin, sweepBy: begin + QueueUpkeep.sweepInterval) }
        var draws = random
        life = WorkerLife(terms, at: now) { draws.fraction() }
        self.random = draws
        faultsEnd = isCalm ? now : now + .seconds(50)
    }

    /// Any moment will do.
    private static let origin = ContinuousClock.now

    // MARK: Running

    mutating func run() throws {
        for lane in lanes.indices { at(now + .milliseconds(random.below(10_000)), .changeFault(lane: lane)) }
        if life.terms.isOnce { for _ in 0..<random.below(isWide ? 100 : 20) { add(to: random.below(lanes.count)) } }
        at(now, .enqueue)
        at(now + .milliseconds(random.below(8000)), .orphan)
        if !life.terms.isOnce || allowsHang || random.below(3) == 0 {
            at(now + .milliseconds(random.below(70_000)), .drain)
            if random.below(3) == 0 { at(now + .milliseconds(random.below(70_000)), .cutShort) }
        }
        try turn()
        while stoppedAt == nil {
            guard !events.isEmpty else {
                throw violation("nothing will happen any more, and the worker has not stopped")
            }
            let next = events.removeLast()
            now = max(now, next.at)
            try checkBefore()
            try handle(next.event)
            try turn()
            try check()
            steps += 1
            guard steps < 400_000 else { throw violation("it does not come to an end: \(life)") }
        }
        try checkEnd()
    }

    func violation(_ text: String) -> Violation { Violation(seed: seed, at: now - start, text: text) }

    mutating func at(_ moment: Instant, _ event: Event) {
        order += 1
        let entry = (at: moment, order: order, event: event)
        // The earliest is last.
        var low = 0
        var high = events.count
        while low < high {
            let middle = (low + high) / 2
            if (events[middle].at, events[middle].order) > (moment, order) { low = middle + 1 } else { high = middle }
        }
        events.insert(entry, at: low)
    }

    // MARK: The shell

    /// What `WorkerCore` does after each event.
    private mutating func turn() throws {
        for round in 0... {
            guard round < 200 else { throw violation("it goes on giving things to do") }
            let before = order
            let didClaim = try claimNext()
            let didSettle = try settleNext()
            while let action = life.nextAction(at: now) {
                try perform(action)
                guard order - before < 500 else { throw violation("it goes on giving actions") }
            }
            guard stoppedAt == nil else { return }
            if !didClaim, !didSettle, order == before { break }
        }
        var attentive = life
        attentive.lookAtAllLanes(at: now)
        if let missed = attentive.nextAction(at: now) {
            throw violation("it does not see what a queue needs: \(missed)")
        }
        if let exact = attentive.deadline(at: now), life.deadline(at: now).map({ $0 > exact }) ?? true {
            throw violation("it is to be asked at \(exact), and would be later")
        }
        if let deadline = life.deadline(at: now) {
            guard deadline > now else {
                throw violation("it has something to do now and does not give it: \(now - deadline) \(life)")
            }
            wake(at: deadline)
        }
    }

    /// One timer is enough: an early one finds nothing to do.
    private mutating func wake(at moment: Instant) {
        if let wakeAt, wakeAt > now, wakeAt <= moment { return }
        wakeAt = moment
        at(moment, .turn)
    }

    private mutating func claimNext() throws -> Bool {
        guard !isClaiming, waitEpoch == nil, !claimLoopEnded else { return false }
        sleepsUntil = nil
        switch life.nextClaim(at: now) {
        case .claim(let shares):
            guard life.isRunning else { throw violation("it claims in \(life.phase)") }
            let total = shares.reduce(0) { $0 + $1.limit }
            try checkClaim(of: total)
            if let closed = shares.first(where: { !life.isOpen($0.lane) }) {
                throw violation("queue \(closed.lane), which is closed, is asked as the others are")
            }
            isClaiming = true
            claim(shares, isProbe: false)
        case .wait(let until):
            try checkWait(until)
            epochs += 1
            waitEpoch = epochs
            waitLanes = lanes.indices.filter { life.isOpen($0) }
            let fault = draw(.wait, waitLanes[random.below(waitLanes.count)])
            waitIsHung = fault == .hangs
            switch fault {
            case .hangs: break
            case .fails, .blocks:
                at(now + (fault == .fails ? .milliseconds(1) : Self.timeout), .endWait(epoch: epochs, failed: true))
            case .none, .slow, .late, .lost:
                at(until + (fault == .none ? .milliseconds(1) : delay()), .endWait(epoch: epochs, failed: false))
            }
        case .sleep(let until):
            sleepsUntil = until
            if let until {
                guard until > now else { throw violation("it sleeps until a moment that has passed") }
                wake(at: until)
            }
            return false
        case .end:
            guard !life.isRunning else { throw violation("it stops claiming while it runs") }
            claimLoopEnded = true
            return false
        }
        return true
    }

    private mutating func settleNext() throws -> Bool {
        var did = false
        for lane in lanes.indices where !lanes[lane].isSettling {
            guard case .send(let kind, let most)? = life.nextSettlement(lane, at: now) else {
                if case .sleep(let until?)? = life.nextSettlement(lane, at: now) { wake(at: until) }
                continue
            }
            let count = max(1, most - random.below(2))
            life.sends(lane, kind, count)
            let ids: [Int]
            switch kind {
            case .fresh:
                ids = Array(lanes[lane].fresh.prefix(count))
                lanes[lane].fresh.removeFirst(count)
            case .failed:
                if let refusedAt = lanes[lane].refusedAt, now - refusedAt < Pauses.least {
                    throw violation("what the engine did not take in queue \(lane) is sent again at once")
                }
                ids = Array(lanes[lane].failed.prefix(count))
                lanes[lane].failed.removeFirst(count)
            }
            lanes[lane].isSettling = true
            send(ids, lane)
            did = true
        }
        return did
    }

    private mutating func perform(_ action: WorkerLife.Action) throws {
        switch action {
        case .probe(let lane):
            if let failedAt = lanes[lane].claimFailedAt, now - failedAt < Pauses.least {
                throw violation("queue \(lane) is asked again at once")
            }
            claim([.init(lane: lane, limit: 1)], isProbe: true)
        case .extend(let all, let isShared):
            for lane in all {
                lanes[lane].beatAt = now
                lanes[lane].beatAgainBy = nil
                if isShared {
                    lanes[lane].isBeatingWithOthers = true
                } else {
                    guard lanes[lane].isBeatingWithOthers || lanes[lane].hasMissed else {
                        throw violation("queue \(lane) gets a heartbeat of its own and is in no trouble")
                    }
                    lanes[lane].isBeating = true
                }
            }
            extend(all, isShared)
        case .reclaim(let lane):
            reclaim(lane)
        case .sweep(let lane):
            lanes[lane].sweepBy = nil
            let fault = draw(.sweep, lane)
            guard fault != .hangs else { return }
            at(now + time(of: fault), .swept(lane: lane, isFinished: random.below(2) == 0))
        case .announce:
            let fault = draw(.announce, 0)
            guard fault != .hangs else { return }
            at(now + time(of: fault), .announced(failed: fault == .fails || fault == .blocks || fault == .lost))
        case .interruptWait:
            guard let epoch = waitEpoch else { throw violation("it interrupts a wait that is over") }
            if !waitIsHung {
                at(now + (random.below(2) == 0 ? .zero : .milliseconds(3)), .endWait(epoch: epoch, failed: false))
            }
        case .cancelHandlers:
            guard isSignalled else { throw violation("it cancels handlers, and nobody told it to stop") }
            cancelledHandlers = true
            for (id, job) in held where job.isRunning && !job.isAbandoned {
                switch random.below(4) {
                case 0: break
                case 1: at(now + .milliseconds(random.below(3000)), .handlerEnds(job: id))
                default: at(now + .milliseconds(random.below(20)), .handlerEnds(job: id))
                }
            }
        case .abandonHandlers:
            guard isSignalled else { throw violation("it abandons handlers, and nobody told it to stop") }
            for (id, job) in held where job.isRunning && !job.isAbandoned { abandon(id) }
        case .signOff:
            let fault = draw(.signOff, 0)
            guard fault != .hangs else { return }
            at(now + time(of: fault), .signedOff)
        case .stop:
            stoppedAt = now
        }
    }

    // MARK: Events

    private mutating func handle(_ event: Event) throws {
        switch event {
        case .turn: break
        case .answerClaim(let shares, let answers, let isProbe, let isLast):
            try answer(shares, answers, isProbe)
            if isProbe {
                life.probeEnded()
            } else if isLast {
                isClaiming = false
                life.claimEnded()
            }
        case .endWait(let epoch, let failed):
            guard waitEpoch == epoch else { return }
            waitEpoch = nil
            waitFailedAt = failed ? now : nil
            let handsOn = life.waited(failed: failed, at: now, random: random.fraction())
            cover(.wait, failed ? .fails : .none)
            guard handsOn == !life.isRunning else {
                throw violation(
                    "a wake-up that it may have taken is \(handsOn ? "handed on while it claims" : "swallowed")")
            }
        case .settled(let lane, let ids, let refused):
            lanes[lane].isSettling = false
            let again = Set(refused)
            for id in ids where !again.contains(id) {
                // Given back, or to be tried again at once.
                if random.below(12) == 0, let job = held[id]?.job { putBack(job, in: lane) }
                held[id] = nil
            }
            lanes[lane].failed += refused
            if !refused.isEmpty { lanes[lane].refusedAt = now }
            _ = life.settled(lane, refused: refused.count, at: now, random: random.fraction())
        case .extended(let all, let failed, let isShared):
            for (lane, failed) in zip(all, failed) {
                if isShared { lanes[lane].isBeatingWithOthers = false } else { lanes[lane].isBeating = false }
                if failed { lanes[lane].hasMissed = true }
                if !failed, !lanes[lane].isBeating { lanes[lane].hasMissed = false }
                let retry = min(life.terms.lease / 3, LeaseBeat.longestRetry)
                if failed, !lanes[lane].isBeating { lanes[lane].beatAgainBy = now + retry }
                life.extended(lane, isShared: isShared, failed: failed, at: now)
            }
        case .reclaimed(let lane, let jobs):
            if jobs ?? 0 > 0 { lanes[lane].putThere = tick() }
            if let jobs { life.reclaimed(lane, jobs: jobs, at: now) } else { life.reclaimFailed(lane, at: now) }
        case .swept(let lane, let isFinished):
            lanes[lane].sweepBy = now + (isFinished ? QueueUpkeep.sweepInterval : QueueUpkeep.sweepPause)
            life.swept(lane, isFinished: isFinished, at: now)
        case .announced(let failed): life.announced(failed: failed, at: now)
        case .signedOff: life.signedOff()
        case .handlerEnds(let id): end(id)
        case .enqueue:
            let lane = random.below(lanes.count)
            for _ in 0..<(isWide ? 1 + random.below(20) : 1) { add(to: lane) }
            let isOver = life.terms.isOnce && now - start > .seconds(20)
            if !isOver { at(now + .milliseconds(random.below(random.below(3) == 0 ? 6000 : 500)), .enqueue) }
        case .orphan:
            let lane = random.below(lanes.count)
            lanes[lane].foreign.append(now + .milliseconds(random.below(5000)))
            if random.below(3) == 0 { lanes[lane].graceUntil = now + life.terms.lease }
            if now - start < .seconds(40) { at(now + .milliseconds(random.below(15_000)), .orphan) }
        case .changeFault(let lane): changeFault(lane)
        case .drain:
            signal(within: life.terms.drainTimeout)
            life.drain(at: now)
        case .cutShort:
            signal(within: .zero)
            life.cutShort(at: now)
        }
    }

    private mutating func signal(within timeout: Duration) {
        isSignalled = true
        let end = now + timeout + .seconds(6)
        mayEndAt = min(mayEndAt ?? end, end)
    }

    private mutating func changeFault(_ lane: Int) {
        if lanes[lane].fault == .none, now < faultsEnd {
            let kinds: [Fault] =
                allowsHang ? [.fails, .slow, .late, .lost, .blocks, .hangs] : [.fails, .slow, .late, .lost, .blocks]
            lanes[lane].fault = kinds[random.below(kinds.count)]
            at(now + .milliseconds(100 + random.below(20_000)), .changeFault(lane: lane))
        } else {
            lanes[lane].fault = .none
            lanes[lane].soundSince = now
            if now < faultsEnd { at(now + .milliseconds(1000 + random.below(20_000)), .changeFault(lane: lane)) }
        }
    }

    private mutating func answer(
        _ shares: [QueueSelector.Share], _ answers: [Answer], _ isProbe: Bool
    ) throws {
        for (share, answer) in zip(shares, answers) {
            let lane = share.lane
            guard !answer.failed else {
                lanes[lane].claimFailedAt = now
                _ = life.claimFailed(lane, at: now, isFinal: false, random: random.fraction())
                continue
            }
            lanes[lane].claimFailedAt = nil
            _ = life.claimWorked(lane, at: now)
            lanes[lane].toldDue = answer.dueIn.map { now + $0 }
            lanes[lane].toldLapsedAt = answer.lapseIn == .zero ? lanes[lane].toldLapsedAt ?? now : nil
            let wasRunning = life.isRunning
            let mayStart = life.claimed(
                lane, jobs: answer.jobs.count, hasMore: answer.hasMore, dueIn: answer.dueIn, lapseIn: answer.lapseIn,
                isProbe: isProbe, at: now)
            guard wasRunning || !mayStart else { throw violation("jobs that came in \(life.phase) are started") }
            for job in answer.jobs {
                if mayStart {
                    startHandler(of: job.id)
                } else {
                    mustSettle(job.id)
                }
            }
        }
    }

    private mutating func startHandler(of id: Int) {
        held[id]?.isRunning = true
        let length = random.below(4) == 0 ? random.below(20_000) : random.below(400)
        at(now + .milliseconds(length), .handlerEnds(job: id))
        // Timed out and deaf: settled without it, the slot stays taken.
        if random.below(25) == 0 { abandonLater(id) }
    }

    private mutating func abandonLater(_ id: Int) {
        guard let job = held[id], job.isRunning, !job.isAbandoned else { return }
        abandon(id)
    }

    private mutating func abandon(_ id: Int) {
        guard var job = held[id] else { return }
        job.isAbandoned = true
        held[id] = job
        life.abandoned(job.lane)
        abandonedSlots[id] = job.lane
        mustSettle(id)
    }

    /// Slots of handlers that go on, by job.
    var abandonedSlots: [Int: Int] = [:]

    private mutating func end(_ id: Int) {
        if let lane = abandonedSlots.removeValue(forKey: id) {
            life.returned(lane)
            held[id]?.isRunning = false
            return
        }
        guard let job = held[id], job.isRunning else { return }
        held[id]?.isRunning = false
        life.ended(job.lane)
        // Its follow-up.
        if random.below(6) == 0 {
            add(to: job.lane)
            lanes[job.lane].putThere = tick()
        }
        mustSettle(id)
    }

    /// A moment, counted: many events have the same time.
    mutating func tick() -> Int {
        count += 1
        return count
    }

    private mutating func putBack(_ job: Job, in lane: Int) {
        lanes[lane].ready.append(Job(id: nextID(), isPoison: job.isPoison))
        lanes[lane].putThere = tick()
    }

    mutating func nextID() -> Int {
        nextJob += 1
        return nextJob
    }

    private mutating func mustSettle(_ id: Int) {
        guard let lane = held[id]?.lane else { return }
        held[id]?.endedAt = now
        lanes[lane].fresh.append(id)
        _ = life.mustSettle(lane)
    }

    private mutating func add(to lane: Int) {
        nextJob += 1
        let job = Job(id: nextJob, isPoison: random.below(60) == 0)
        if random.below(5) == 0 {
            lanes[lane].due.append((now + .milliseconds(random.below(6000)), job))
        } else {
            lanes[lane].ready.append(job)
            // One in ten wake-ups is lost.
            if let epoch = waitEpoch, !waitIsHung, waitLanes.contains(lane), lanes[lane].fault == .none,
                random.below(10) > 0
            {
                at(now + .milliseconds(1), .endWait(epoch: epoch, failed: false))
            }
        }
    }
}

/// Vigna's splitmix64.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func below(_ bound: Int) -> Int { bound <= 0 ? 0 : Int(next() % UInt64(bound)) }
    mutating func fraction() -> Double { Double(next() >> 11) / Double(1 << 53) }
}
