// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

@testable import SpanQueue

/// Single steps that the model test only bounds.
@Suite("A worker's life, step by step")
struct LifeStepTests {
    private static func terms(_ queues: [String: Int] = ["q": 1]) -> WorkerLife.Terms {
        WorkerConfiguration(concurrency: 10, queues: queues).terms(isOnce: false, hasKeeper: true)
    }

    @Test(
        "a worker of many slots fills half of them with a call, and the other half with the next; one of few fills all at once",
        arguments: [(1, [1]), (10, [10]), (30, [30]), (31, [16, 15]), (100, [50, 50]), (1_000, [128, 128, 128])])
    func halves(slots: Int, limits: [Int]) {
        let now = ContinuousClock.now
        let terms = WorkerConfiguration(concurrency: slots, queues: ["q": 1]).terms(isOnce: false, hasKeeper: true)
        var life = WorkerLife(terms, at: now) { 0.5 }
        for limit in limits {
            let step = life.nextClaim(at: now)
            #expect(step == .claim([QueueSelector.Share(lane: 0, limit: limit)]))
            let starts = life.claimed(0, jobs: limit, hasMore: true, dueIn: nil, lapseIn: nil, at: now)
            #expect(starts)
            life.claimEnded()
        }
        guard limits.reduce(0, +) == slots else { return }
        let full = life.nextClaim(at: now)
        #expect(full == .sleep(until: nil))
        // Four slots that are free again are filled.
        for _ in 0..<min(4, slots) { life.ended(0) }
        let few = life.nextClaim(at: now)
        #expect(few == .claim([QueueSelector.Share(lane: 0, limit: min(4, slots))]))
    }

    @Test(
        "while lapsed leases can't be reclaimed yet, an idle worker asks for them a few times a lease, and claims no more often for it"
    )
    func grace() {
        let start = ContinuousClock.now
        var life = WorkerLife(Self.terms(), at: start) { 0.5 }
        var claims = 0
        var reclaims = 0
        var waitsUntil: ContinuousClock.Instant?
        for tick in 0..<30_000 {
            let now = start + .milliseconds(tick)
            if let until = waitsUntil, until <= now {
                waitsUntil = nil
                _ = life.waited(failed: false, at: now, random: 0)
            }
            while waitsUntil == nil {
                guard case .claim = life.nextClaim(at: now) else { break }
                claims += 1
                _ = life.claimed(0, jobs: 0, hasMore: false, dueIn: nil, lapseIn: .zero, at: now)
                life.claimEnded()
                if case .wait(let until) = life.nextClaim(at: now) { waitsUntil = until }
            }
            while let action = life.nextAction(at: now) {
                switch action {
                case .reclaim:
                    reclaims += 1
                    life.reclaimed(0, jobs: 0, at: now)
                case .announce: life.announced(failed: false, at: now)
                case .sweep: life.swept(0, isFinished: true, at: now)
                default: Issue.record("unexpected: \(action)")
                }
            }
        }
        // `idleWait` is two seconds.
        #expect((14...17).contains(claims), "\(claims) claims in half a minute")
        #expect((5...12).contains(reclaims), "\(reclaims) reclaims in half a minute")
    }

    @Test("while lapsed leases can't be reclaimed yet, a full worker asks once a second, however often it claims")
    func graceOfAFullWorker() {
        let start = ContinuousClock.now
        var life = WorkerLife(Self.terms(), at: start) { 0.5 }
        _ = life.claimed(0, jobs: 10, hasMore: true, dueIn: nil, lapseIn: nil, at: start)
        var claims = 0
        var reclaims = 0
        for tick in 1...10_000 {
            let now = start + .milliseconds(tick)
            life.ended(0)
            while case .claim = life.nextClaim(at: now) {
                claims += 1
                _ = life.claimed(0, jobs: 1, hasMore: true, dueIn: nil, lapseIn: .zero, at: now)
                life.claimEnded()
            }
            while let action = life.nextAction(at: now) {
                switch action {
                case .reclaim:
                    reclaims += 1
                    life.reclaimed(0, jobs: 0, at: now)
                case .announce: life.announced(failed: false, at: now)
                case .sweep: life.swept(0, isFinished: true, at: now)
                default: break
                }
            }
        }
        #expect(claims == 10_000)
        #expect((8...16).contains(reclaims), "\(reclaims) reclaims in ten seconds")
    }

    @Test(
        "runOnce waits for what has lapsed and can't be taken back yet, for a lease and a quarter at most",
        arguments: [3_000, 29_000, nil])
    func onceWaits(graceEnds: Int?) {
        let start = ContinuousClock.now
        let terms = WorkerConfiguration(concurrency: 10, queues: ["q": 1]).terms(isOnce: true, hasKeeper: true)
        var life = WorkerLife(terms, at: start) { 0.5 }
        var isBack = false
        var end: Int?
        for tick in 0..<60_000 where end == nil {
            let now = start + .milliseconds(tick)
            while case .claim = life.nextClaim(at: now) {
                _ = life.claimed(0, jobs: 0, hasMore: false, dueIn: nil, lapseIn: isBack ? nil : .zero, at: now)
                life.claimEnded()
            }
            while let action = life.nextAction(at: now) {
                switch action {
                case .reclaim:
                    let comesBack = !isBack && graceEnds.map { $0 <= tick } ?? false
                    isBack = isBack || comesBack
                    life.reclaimed(0, jobs: comesBack ? 1 : 0, at: now)
                case .announce: life.announced(failed: false, at: now)
                case .sweep: life.swept(0, isFinished: true, at: now)
                case .signOff: end = tick
                default: Issue.record("unexpected: \(action)")
                }
            }
        }
        // The lease is 30 seconds.
        let earliest = graceEnds ?? 30_000
        #expect(isBack == (graceEnds != nil))
        #expect((earliest...earliest + 7_600).contains(end ?? 0), "it ended at \(end ?? -1)")
    }

    @Test("one call extends the leases of all queues, and a queue that failed is asked alone until it answers")
    func heartbeats() {
        let start = ContinuousClock.now
        var life = WorkerLife(Self.terms(["a": 1, "b": 1, "c": 1]), at: start) { 0.5 }
        for lane in 0..<3 { _ = life.claimed(lane, jobs: 1, hasMore: false, dueIn: nil, lapseIn: nil, at: start) }
        func extensions(at now: ContinuousClock.Instant) -> [WorkerLife.Action] {
            var found: [WorkerLife.Action] = []
            while let action = life.nextAction(at: now) { if case .extend = action { found.append(action) } }
            return found
        }
        _ = extensions(at: start)
        var now = start + .seconds(10)
        #expect(extensions(at: now) == [.extend(lanes: [0, 1, 2], isShared: true)])
        for lane in 0..<3 { life.extended(lane, isShared: true, failed: lane == 1, at: now) }
        now = now + .milliseconds(500)
        #expect(extensions(at: now) == [.extend(lanes: [1], isShared: false)], "soon again, and alone")
        now = start + .seconds(20)
        #expect(extensions(at: now) == [.extend(lanes: [0, 2], isShared: true)], "its own call is not answered yet")
        // Of the shared call there is no answer by the next beat.
        now = start + .seconds(30)
        #expect(
            extensions(at: now) == [.extend(lanes: [0], isShared: false), .extend(lanes: [2], isShared: false)])
    }

    @Test("claims from a queue stop while too much of it waits to be settled, and go on afterwards")
    func bound() {
        let now = ContinuousClock.now
        var terms = Self.terms(["bad": 1, "good": 1])
        terms.maximumUnsettled = 3
        var life = WorkerLife(terms, at: now) { 0.5 }
        func lanes() -> [Int] {
            guard case .claim(let shares) = life.nextClaim(at: now + .seconds(1)) else { return [] }
            for share in shares {
                _ = life.claimed(share.lane, jobs: 0, hasMore: false, dueIn: nil, lapseIn: nil, at: now)
            }
            life.claimEnded()
            return shares.map(\.lane)
        }
        #expect(lanes() == [0, 1])
        for _ in 0..<3 { _ = life.mustSettle(0) }
        #expect(!life.isOpen(0))
        _ = life.nextClaim(at: now)
        _ = life.waited(failed: false, at: now, random: 0)
        #expect(lanes() == [1])
        life.sends(0, .fresh, 3)
        _ = life.settled(0, refused: 1, at: now, random: 0)
        #expect(life.isOpen(0))
    }

    @Test(
        "a queue whose sweep did not get to its end is swept again a second later, and else after a quarter of a minute"
    )
    func sweeps() {
        let start = ContinuousClock.now
        var life = WorkerLife(Self.terms(), at: start) { 0 }
        var sweeps: [Duration] = []
        for tick in 0..<400 {
            let now = start + .milliseconds(100 * tick)
            while let action = life.nextAction(at: now) {
                switch action {
                case .sweep:
                    sweeps.append(now - start)
                    life.swept(0, isFinished: sweeps.count % 3 == 0, at: now)
                case .reclaim: life.reclaimed(0, jobs: 0, at: now)
                case .announce: life.announced(failed: false, at: now)
                default: Issue.record("unexpected: \(action)")
                }
            }
        }
        // The first comes within fifteen seconds, by chance.
        #expect(sweeps == [3, 4, 5, 20, 21, 22, 37, 38, 39].map { .seconds($0) })
    }

    @Test("one settlement that the engine cannot take ends up alone, and all others are taken")
    func poison() {
        var lane = SettlingLane()
        var now = ContinuousClock.now
        var fresh = Array(0..<300)
        var failed: [Int] = []
        for _ in fresh { lane.add() }
        var calls = 0
        while fresh.count + failed.count > 1, calls < 500 {
            calls += 1
            switch lane.next(at: now) {
            case .sleep(let until):
                now = until ?? now
            case .send(let kind, let most):
                let batch = Array((kind == .fresh ? fresh : failed).prefix(most))
                if kind == .fresh { fresh.removeFirst(batch.count) } else { failed.removeFirst(batch.count) }
                lane.send(kind, batch.count)
                let refused = batch.contains(17) ? batch : []
                failed += refused
                _ = lane.answered(refused: refused.count, at: now, random: 0.5)
            }
        }
        #expect(failed == [17])
        #expect(calls < 200, "\(calls) calls")
    }
}
