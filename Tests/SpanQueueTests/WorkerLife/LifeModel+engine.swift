// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

#if !SPANQ_STANDALONE
    @testable import SpanQueue
#endif

/// The engine that a `WorkerLife` meets.
extension LifeModel {
    /// The fault of a call to a queue: that of the queue, or one of the call alone.
    mutating func draw(_ kind: CallKind, _ lane: Int) -> Fault {
        var fault = lanes[lane].fault
        if fault == .none, now < faultsEnd, random.below(40) == 0 {
            let kinds: [Fault] = [.fails, .slow, .late, .lost, .blocks]
            fault = kinds[random.below(kinds.count)]
            lanes[lane].soundSince = max(lanes[lane].soundSince, now + Self.timeout)
        }
        if kind == .extend, fault == .hangs { lanes[lane].isDeaf = true }
        cover(kind, fault)
        return fault
    }

    mutating func delay() -> Duration { .milliseconds(50 + random.below(4900)) }

    mutating func time(of fault: Fault) -> Duration {
        switch fault {
        case .none, .fails: .milliseconds(1 + random.below(20))
        case .slow, .late: delay()
        case .lost, .blocks, .hangs: Self.timeout
        }
    }

    mutating func cover(_ kind: CallKind, _ fault: Fault) {
        coverage.insert("\(kind.rawValue) \(fault.rawValue)")
        coverage.insert("\(phaseName) \(fault.rawValue)")
    }

    var phaseName: String {
        switch life.phase {
        case .running: life.terms.isOnce ? "once" : "running"
        case .draining: "draining"
        case .cancelling: "cancelling"
        case .settling: "settling"
        case .leaving: "leaving"
        case .stopped: "stopped"
        }
    }

    /// A call for several queues is answered when the last of them has been, unless each has a call of its own.
    mutating func claim(_ shares: [QueueSelector.Share], isProbe: Bool) {
        var answers: [Answer] = []
        var longest = Duration.zero
        var faults: [Fault] = []
        for share in shares { faults.append(draw(isProbe ? .probe : .claim, share.lane)) }
        let isApart = life.claimsApart && !isProbe
        let hangs = faults.contains(.hangs)
        guard isApart || !hangs else { return }
        for (share, fault) in zip(shares, faults) where fault != .hangs {
            let time = time(of: fault)
            longest = max(longest, time)
            lanes[share.lane].claims.append(now)
            switch fault {
            case .fails, .blocks, .hangs: answers.append(Answer(failed: true))
            case .lost:
                // Claimed for nobody: another worker will take them back.
                for _ in take(share).jobs { lanes[share.lane].foreign.append(now + life.terms.lease) }
                answers.append(Answer(failed: true))
            case .none, .slow, .late:
                let answer = take(share)
                for job in answer.jobs {
                    held[job.id] = Held(job: job, lane: share.lane, lapsesAt: now + life.terms.lease)
                }
                answers.append(answer)
            }
            if fault == .none || fault == .late || fault == .slow { lanes[share.lane].neglectedSince = nil }
            guard isApart, let answer = answers.popLast() else { continue }
            at(now + time, .answerClaim([share], [answer], isProbe: false, isLast: false))
        }
        guard !hangs else { return }
        at(now + longest, .answerClaim(isApart ? [] : shares, answers, isProbe: isProbe, isLast: true))
    }

    private mutating func take(_ share: QueueSelector.Share) -> Answer {
        lanes[share.lane].looked = tick()
        var lane = lanes[share.lane]
        defer { lanes[share.lane] = lane }
        let moment = now
        lane.ready += lane.due.filter { $0.at <= moment }.map(\.job)
        lane.due.removeAll { $0.at <= moment }
        var answer = Answer()
        answer.jobs = Array(lane.ready.prefix(share.limit))
        lane.ready.removeFirst(answer.jobs.count)
        answer.hasMore = !lane.ready.isEmpty
        answer.dueIn = lane.due.map { $0.at - moment }.min()
        answer.lapseIn = lane.foreign.min().map { max(.zero, $0 - moment) }
        return answer
    }

    mutating func send(_ ids: [Int], _ lane: Int) {
        let fault = draw(.settle, lane)
        guard fault != .hangs else { return }
        let isRefused = fault == .fails || fault == .blocks || fault == .lost
        // A record that the engine can't settle takes its whole batch with it.
        let isPoisoned = ids.contains { held[$0]?.job.isPoison ?? false }
        at(
            now + time(of: fault),
            .settled(lane: lane, ids: ids, refused: isRefused || isPoisoned ? ids : []))
    }

    mutating func extend(_ all: [Int], _ isShared: Bool) {
        var failed: [Bool] = []
        var longest = Duration.zero
        for lane in all {
            let fault = draw(.extend, lane)
            guard fault != .hangs else { return }
            longest = max(longest, time(of: fault))
            failed.append(fault == .fails || fault == .blocks || fault == .lost)
            guard fault != .fails, fault != .blocks else { continue }
            for (id, job) in held where job.lane == lane { held[id]?.lapsesAt = now + life.terms.lease }
        }
        at(now + longest, .extended(lanes: all, failed: failed, isShared: isShared))
    }

    mutating func reclaim(_ lane: Int) {
        let fault = draw(.reclaim, lane)
        var jobs: Int?
        // Those that find something are worth a call.
        defer { if jobs ?? 0 == 0 { lanes[lane].reclaims.append(now) } }
        guard fault != .hangs else { return }
        if fault == .none || fault == .slow || fault == .late {
            let moment = now
            let isGrace = lanes[lane].graceUntil.map { $0 > moment } ?? false
            let lapsed = isGrace ? 0 : lanes[lane].foreign.filter { $0 <= moment }.count
            if lapsed > 0 {
                lanes[lane].foreign.removeAll { $0 <= moment }
                for _ in 0..<lapsed {
                    nextJob += 1
                    lanes[lane].ready.append(Job(id: nextJob, isPoison: false))
                }
            }
            jobs = lapsed
        }
        at(now + time(of: fault), .reclaimed(lane: lane, jobs: jobs))
    }
}
