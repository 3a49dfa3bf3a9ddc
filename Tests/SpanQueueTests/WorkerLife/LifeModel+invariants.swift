// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if !SPANQ_STANDALONE
    @testable import SpanQueue
#endif

/// What is true of a worker, whatever happens round it.
extension LifeModel {
    /// Before an event: what should have happened by now.
    func checkBefore() throws {
        if let mayEndAt, now > mayEndAt {
            throw violation("told to stop, it is still \(life.phase) past the bound")
        }
        for (id, job) in held where job.lapsesAt < now {
            guard beats else { break }
            // In this time it was to be extended three times; the engine answers for this queue throughout.
            guard lanes[job.lane].fault == .none else { continue }
            // A short one does not outlive a heartbeat of its own that is still under way from before, or was never answered.
            guard !life.claimsApart || !lanes[job.lane].isDeaf else { continue }
            let sound = lanes[job.lane].soundSince + (life.claimsApart ? Self.timeout : .zero)
            guard sound <= job.lapsesAt - life.terms.lease else { continue }
            throw violation("the lease of job \(id) in \(job.lane) has lapsed, and its queue answers")
        }
        for (lane, state) in lanes.enumerated() where life.isRunning && life.terms.hasKeeper {
            guard let sweepBy = state.sweepBy, sweepBy < now else { continue }
            throw violation("queue \(lane) is not swept, \(now - sweepBy) after it was due")
        }
    }

    /// A claim fills the slots that are free; where there are enough for two groups that are worth a call, half of all at most, so that
    /// handlers run in the others meanwhile.
    func checkClaim(of total: Int) throws {
        guard total <= life.freeSlots else {
            throw violation("it asks for \(total), and \(life.freeSlots) are free")
        }
        let slots = life.terms.concurrency
        let group = slots > 30 ? slots - slots / 2 : slots
        guard total <= group else { throw violation("it asks for \(total) of \(slots) slots at once") }
        guard total == min(group, life.freeSlots) else {
            throw violation("it asks for \(total), and \(life.freeSlots) of \(slots) slots are free")
        }
    }

    /// A wait has an end by the next due time that it knows of, and is not repeated at once where it failed.
    func checkWait(_ until: Instant) throws {
        if let waitFailedAt, now - waitFailedAt < Pauses.least { throw violation("it waits again at once") }
        guard until <= now + life.terms.idleWait else { throw violation("it waits for longer than it may") }
        for lane in lanes.indices where life.isOpen(lane) {
            guard let due = lanes[lane].toldDue, due < until else { continue }
            throw violation("it waits past a job of queue \(lane) that is due \(until - due) earlier")
        }
    }

    private var beats: Bool {
        switch life.phase {
        case .running, .draining, .cancelling, .settling: true
        case .leaving, .stopped: false
        }
    }

    /// After an event and all that it led to.
    mutating func check() throws {
        guard stoppedAt == nil else { return }
        guard life.taken <= life.terms.concurrency else {
            throw violation("\(life.taken) slots of \(life.terms.concurrency) are taken")
        }
        let running = held.values.count { $0.isRunning && !$0.isAbandoned }
        guard life.taken == running + abandonedSlots.count else {
            throw violation("it counts \(life.taken) slots, and \(running) + \(abandonedSlots.count) are taken")
        }
        try checkBeats()
        for lane in lanes.indices {
            try checkNeglect(lane)
            try checkSettling(lane)
            let bound = life.terms.maximumUnsettled + 2 * life.terms.concurrency
            guard life.unsettled(in: lane) <= bound else {
                throw violation("\(life.unsettled(in: lane)) attempts of queue \(lane) wait to be settled")
            }
            try checkRate(&lanes[lane].reclaims, perLease: 12, "reclaims that found nothing")
        }
        if waitEpoch != nil, !waitIsHung, !life.isRunning {
            guard
                events.contains(where: {
                    if case .endWait(waitEpoch, _) = $0.event { $0.at <= now + .milliseconds(3) } else { false }
                })
            else { throw violation("it waits for work on in \(life.phase)") }
        }
    }

    /// Three times a lease all leases of a queue that answers are extended, whatever happens to others, and soon again where that failed.
    private mutating func checkBeats() throws {
        var isHolding = lanes.map { _ in false }
        for job in held.values where job.isRunning && !job.isAbandoned || job.endedAt != nil {
            isHolding[job.lane] = true
        }
        for lane in lanes.indices {
            if !isHolding[lane] || !beats { lanes[lane].beatAgainBy = nil }
            if let by = lanes[lane].beatAgainBy, by < now {
                throw violation("a heartbeat of queue \(lane) failed and is not repeated")
            }
            guard isHolding[lane], beats, !lanes[lane].isDeaf, lanes[lane].fault == .none else {
                lanes[lane].holdsSince = nil
                continue
            }
            let since = lanes[lane].holdsSince ?? now
            lanes[lane].holdsSince = since
            let latest = max(since, lanes[lane].beatAt ?? since, lanes[lane].soundSince + Self.timeout)
            guard now - latest <= life.terms.lease / 3 + .milliseconds(50) else {
                throw violation("leases of queue \(lane) are not extended for \(now - latest)")
            }
        }
    }

    /// A queue that answers, has work, and meets free slots is claimed from, whatever the others do.
    private mutating func checkNeglect(_ lane: Int) throws {
        let hasWork = !lanes[lane].ready.isEmpty && lanes[lane].fault == .none && lanes[lane].soundSince <= now
        guard hasWork, life.isRunning, life.freeSlots > 0, !allowsHang,
            life.unsettled(in: lane) < life.terms.maximumUnsettled,
            // `runOnce` looks again when an attempt ends.
            !life.terms.isOnce || life.taken == 0
        else {
            lanes[lane].neglectedSince = nil
            return
        }
        let since = lanes[lane].neglectedSince ?? now
        lanes[lane].neglectedSince = since
        // With fewer slots than weights they take turns, by their weights, and each turn may be a slow one.
        let weights = life.terms.queues.lanes.reduce(0) { $0 + $1.weight }
        let turns = life.terms.concurrency < weights ? weights : lanes.count
        guard now - since <= Self.timeout * (turns + 1) + life.terms.idleWait + .seconds(3) else {
            throw violation(
                "queue \(lane) has work and free slots and is not claimed from; its latest claims: \(lanes[lane].claims.suffix(5).map { $0 - start })"
            )
        }
    }

    /// What has ended is settled soon where the queue answers, also beside what the engine can't settle.
    private func checkSettling(_ lane: Int) throws {
        guard lanes[lane].fault == .none, !allowsHang else { return }
        let patience = Duration.seconds(20)
        for job in held.values where job.lane == lane && !job.job.isPoison {
            guard let ended = job.endedAt, now - max(ended, lanes[lane].soundSince) > patience else { continue }
            throw violation("job \(job.job.id) of queue \(lane) ended long ago and is not settled")
        }
    }

    /// No busy loop while leases have lapsed that can't be reclaimed yet: a few calls a lease, and one a second where nothing is known.
    private func checkRate(_ calls: inout [Instant], perLease count: Int, _ what: String) throws {
        let begin = now - life.terms.lease
        calls.removeAll { $0 < begin }
        let blind = Int(life.terms.lease / .seconds(1))
        guard calls.count <= count + 2 * blind else { throw violation("\(calls.count) \(what) within a lease") }
    }

    func checkEnd() throws {
        if isSignalled { return }
        guard life.terms.isOnce else { throw violation("it stopped, and nobody told it to") }
        if life.gaveUp {
            guard now - start >= WorkerLife.onceBound else { throw violation("it gave up at once") }
            return
        }
        guard held.values.allSatisfy({ !$0.isRunning || $0.isAbandoned }), abandonedSlots.isEmpty else {
            throw violation("it stopped, and handlers run")
        }
        guard life.unsettled == 0 else { throw violation("it stopped, and attempts are not settled") }
        for lane in lanes.indices where life.terms.hasKeeper {
            guard let told = lanes[lane].toldLapsedAt, now - told < life.terms.lease else { continue }
            guard !lanes[lane].foreign.contains(where: { $0 <= told }) else {
                throw violation("it stopped, and what has lapsed in queue \(lane) may be taken back soon")
            }
        }
        for lane in lanes.indices where !lanes[lane].ready.isEmpty {
            // What came after the last claim had looked is for the next run.
            guard lanes[lane].looked > lanes[lane].putThere else {
                throw violation("it stopped without a look at what it had put into queue \(lane) itself")
            }
            let last = lanes[lane].claims.last ?? start
            guard now - last <= .seconds(12) else { throw violation("it stopped, and queue \(lane) has work") }
        }
    }
}
