// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A worker's queues, each a lane by its place in the worker's selection, and what is to be done for them besides claiming and settling:
/// extending leases, looking after queues, and asking those that failed.
///
/// A lane that fails or hangs is asked alone (`ClaimHealth`, `LeaseBeat`), or never together with others (`SettlingLane`, `QueueUpkeep`).
struct WorkerLanes {
    typealias Instant = ContinuousClock.Instant

    struct Lane {
        /// Attempts whose handlers run, and those that were settled without their handler, which takes up its slot still.
        var running = 0
        var abandoned = 0
        var health = ClaimHealth()
        var settling = SettlingLane()
        var beat: LeaseBeat
        var upkeep: QueueUpkeep

        var isHolding: Bool { running > 0 || settling.count > 0 }
    }

    /// What a worker does for its queues now.
    struct Duties {
        /// It claims where it has slots, sweeps, and asks queues that failed.
        var isRunning: Bool
        var hasFreeSlots: Bool
        var beats: Bool
        /// It reclaims, and sweeps while it runs.
        var keeps: Bool

        func claims(_ lane: Lane) -> Bool { isRunning && hasFreeSlots && lane.health.isOpen }
    }

    /// Numbers of attempts may be changed at will; what may bring the next thing to do nearer is a `change`.
    var all: [Lane]
    /// No lane has anything to do before this moment; nil where none will have. It is found anew once it has come, and only comes nearer in
    /// between, so that an event costs the same with one queue and with a hundred.
    private(set) var alarm: Instant?
    /// What it would be if no lane were claimed from.
    private var blindAlarm: Instant

    /// - Parameter random: from 0 to 1.
    init(_ count: Int, lease: Duration, at now: Instant, random: () -> Double) {
        all = (0..<count).map { _ in
            Lane(beat: LeaseBeat(lease: lease, at: now), upkeep: QueueUpkeep(lease: lease, at: now, random: random()))
        }
        alarm = now
        blindAlarm = now
    }

    var unsettled: Int { all.reduce(0) { $0 + $1.settling.count } }
    var hasOpen: Bool { all.contains { $0.health.isOpen } }
    var hasRunning: Bool { all.contains { $0.running > 0 } }

    mutating func change<Answer>(_ lane: Int, _ duties: Duties, _ change: (inout Lane) -> Answer) -> Answer {
        let answer = change(&all[lane])
        if let deadline = deadline(of: all[lane], duties) { bringAlarmNearer(to: deadline) }
        return answer
    }

    /// No lane is claimed from any more, for want of slots: no claim tells when a lease lapses.
    mutating func noSlotIsFree() {
        bringAlarmNearer(to: blindAlarm)
    }

    /// What any of them has to do is found by `next`.
    mutating func lookAtAll(at now: Instant) {
        alarm = now
    }

    /// What is to be done for a lane now; ask until it is nil.
    mutating func next(at now: Instant, _ duties: Duties) -> WorkerLife.Action? {
        guard let alarm, alarm <= now else { return nil }
        if let action = nextBeat(at: now, duties) ?? nextUpkeep(at: now, duties) { return action }
        self.alarm = all.compactMap { deadline(of: $0, duties) }.min()
        blindAlarm = all.map(\.upkeep.blindAt).min() ?? now
        return nil
    }

    private mutating func bringAlarmNearer(to moment: Instant) {
        alarm = min(alarm ?? moment, moment)
    }

    private func deadline(of lane: Lane, _ duties: Duties) -> Instant? {
        var deadline =
            duties.keeps ? lane.upkeep.deadline(isBlind: !duties.claims(lane), sweeps: duties.isRunning) : nil
        func consider(_ moment: Instant) { deadline = min(deadline ?? moment, moment) }
        if duties.isRunning, let probeAt = lane.health.probeAt { consider(probeAt) }
        if duties.beats { consider(lane.beat.next) }
        return deadline
    }

    private mutating func nextBeat(at now: Instant, _ duties: Duties) -> WorkerLife.Action? {
        guard duties.beats else { return nil }
        var isSharedDue = false
        for lane in all.indices where all[lane].beat.next <= now {
            let isHolding = all[lane].isHolding
            if all[lane].beat.startsOwnCall(at: now, isHolding: isHolding) {
                return .extend(lanes: [lane], isShared: false)
            }
            if all[lane].beat.fitsSharedCall(isHolding: isHolding) {
                isSharedDue = true
            } else {
                all[lane].beat.skip(at: now)
            }
        }
        guard isSharedDue else { return nil }
        let shared = all.indices.filter { all[$0].beat.fitsSharedCall(isHolding: all[$0].isHolding) }
        for lane in shared { all[lane].beat.startSharedCall(at: now) }
        return .extend(lanes: shared, isShared: true)
    }

    private mutating func nextUpkeep(at now: Instant, _ duties: Duties) -> WorkerLife.Action? {
        for lane in all.indices {
            if duties.isRunning, let probeAt = all[lane].health.probeAt, probeAt <= now {
                all[lane].health.startProbe()
                return .probe(lane: lane)
            }
            guard duties.keeps else { continue }
            if all[lane].upkeep.startsReclaim(at: now, isBlind: !duties.claims(all[lane])) {
                return .reclaim(lane: lane)
            }
            if duties.isRunning, all[lane].upkeep.startsSweep(at: now) { return .sweep(lane: lane) }
        }
        return nil
    }
}
