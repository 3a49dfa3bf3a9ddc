// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueRedis
import SpanQueueTesting

extension Driver {
    /// Does one step.
    mutating func perform(_ step: Step) async throws {
        var generator = SeededGenerator(seed: step.choice)
        switch step.kind {
        case .advance: return try await advance(by: pause(&generator))
        case .setBack:
            return try await setBack(by: .milliseconds(generator.pick([1, 1000, 5000, 60_000, 600_000])))
        case .crash: return crash(generator.pick(held.keys.sorted()))
        case .popWake: return try await popWakeUp()
        // It is called where wake-ups were swallowed.
        case .passWakeUp: while store.wakeUps ?? 0 > 0, !generator.once(in: 3) { try await popWakeUp() }
        case .announce: return try await announce(&generator)
        case .save:
            saved = (world, try await stage.saved())
            return
        case .lose: return try await lose()
        default: break
        }
        guard let call = call(for: step.kind, &generator) else { return }
        try await make(call, under: step.fault, choice: generator.next())
    }

    private mutating func call(for kind: Step.Kind, _ generator: inout SeededGenerator) -> Call? {
        let worker = generator.pick(held.keys.sorted())
        switch kind {
        case .enqueue: return .enqueue(newJobs(&generator))
        case .enqueueAgain: return enqueueAgain(&generator)
        case .claim:
            let lease = Duration.milliseconds(generator.pick([1, 1000, 5000, 20_000]))
            let limit = generator.pick([0, 1, 1, 2, 3, 50])
            return .claim(ClaimRequest(queue: Stage.queue, limit: limit, lease: lease, worker: worker))
        case .extend:
            let claims = held[worker, default: []].map(\.reference)
            return claims.isEmpty ? nil : .extend(claims, by: .milliseconds(generator.pick([1, 2000, 15_000])))
        case .settle: return settle(worker, &generator)
        case .update: return update(worker, &generator)
        case .staleExtend:
            if let job = forged(worker, &generator) { return .extend([job.reference], by: .seconds(10)) }
            return oldClaims.isEmpty ? nil : .extend([generator.pick(oldClaims).reference], by: .seconds(10))
        case .staleUpdate:
            if let job = forged(worker, &generator) {
                return .report(job.claimed, JobProgress(fraction: 1, note: "no"))
            }
            guard !oldClaims.isEmpty else { return nil }
            let job = generator.pick(oldClaims)
            return .report(job.claimed, JobProgress(fraction: 1, note: "too late"))
        case .staleSettle:
            if let job = forged(worker, &generator) { return .settle([job.decide(&generator)]) }
            return staleSettle(&generator)
        case .reclaim:
            let limit = generator.pick([1, 2, 100])
            return .reclaim(ReclaimRequest(queue: Stage.queue, limit: limit, maxReclaims: Self.maxReclaims))
        case .sweep: return .sweep
        case .passWakeUp: return .passWakeUp
        case .pause: return .pause
        case .resume: return .resume
        case .cancel:
            let reason = generator.pick(["", "no longer wanted"])
            // Lists of steps of Redis that are kept were made without this.
            let preferred: [JobState] = Ground.storage == .rows && generator.once(in: 2) ? [.active] : []
            return .perform(.cancel(reason: reason), anyJob(&generator, preferring: preferred))
        case .redrive: return .perform(.redrive, anyJob(&generator, preferring: [.dead, .retrying, .scheduled]))
        case .bury: return .perform(.bury(reason: "manual"), anyJob(&generator))
        case .remove: return .perform(.remove, anyJob(&generator))
        case .bulkRemove, .bulkRedrive: return bulk(kind, &generator)
        case .read: return read(&generator)
        case .search: return .search(anySearch(&generator))
        case .actOnEach: return actOnEach(&generator)
        case .advance, .setBack, .crash, .popWake, .announce, .save, .lose: return nil
        }
    }

    // MARK: Producers

    private mutating func newJobs(_ generator: inout SeededGenerator) -> [NewJob] {
        let count = generator.pick([1, 1, 1, 2, 5])
        let jobs = (0..<count).map { _ in
            jobCount += 1
            return JobMaker.make(jobCount, at: now, &generator)
        }
        offered = (offered + jobs).suffix(12)
        return jobs
    }

    /// The same job once more, or another one of the same id, alone or twice in one call.
    private func enqueueAgain(_ generator: inout SeededGenerator) -> Call? {
        guard !offered.isEmpty else { return nil }
        var job = generator.pick(offered)
        let original = job
        if generator.once(in: 3) {
            job.message.payload.append(1)
            job.message.contentDigest = job.message.contentDigest.map { $0 + 1 }
        }
        return .enqueue(generator.once(in: 3) ? [job, original] : [job])
    }

    // MARK: Workers

    private mutating func settle(_ worker: String, _ generator: inout SeededGenerator) -> Call? {
        let count = min(held[worker]?.count ?? 0, generator.pick([1, 2, 8]))
        guard count > 0 else { return nil }
        let first = generator.below((held[worker]?.count ?? 0) - count + 1)
        var settlements: [Settlement] = []
        for index in first..<(first + count) {
            guard var job = held[worker]?[index] else { continue }
            let settlement = job.settlement ?? job.decide(&generator)
            job.settlement = settlement
            held[worker]?[index] = job
            settlements.append(settlement)
        }
        // Now and then one end twice in a call, or another end of the same claim.
        if let settlement = settlements.first, settlement.job.message.retention != .none, generator.once(in: 8) {
            settlements.append(
                generator.once(in: 2) ? settlement : held[worker]?[first].settlement(.release) ?? settlement)
        }
        return .settle(settlements.inOrderOfSending(to: Ground.storage))
    }

    private mutating func update(_ worker: String, _ generator: inout SeededGenerator) -> Call? {
        guard let job = held[worker]?.first, job.settlement == nil else { return nil }
        let progress = JobProgress(fraction: Double(generator.below(4)) / 4, note: "on its way")
        change(job.reference) { $0.progress = progress }
        return .report(job.claimed, progress)
    }

    /// A worker that lost its claims, or sends what was answered once more.
    private func staleSettle(_ generator: inout SeededGenerator) -> Call? {
        if generator.once(in: 2), !oldSettlements.isEmpty { return .settle([generator.pick(oldSettlements)]) }
        guard !oldClaims.isEmpty else { return nil }
        return .settle([generator.pick(oldClaims).decide(&generator)])
    }

    /// A claim that is held, but for one thing that is wrong; nil where there is none, and on Redis, of which lists of steps are kept that
    /// were made without it.
    private func forged(_ worker: String, _ generator: inout SeededGenerator) -> HeldJob? {
        guard Ground.storage == .rows, let job = held[worker]?.first, !generator.once(in: 3) else { return nil }
        var reference = job.reference
        switch generator.below(3) {
        case 0: reference.token = FencingToken(value: reference.token.value + 1, nonce: reference.token.nonce)
        case 1: reference.token = FencingToken(value: reference.token.value, nonce: reference.token.nonce ^ 1)
        default: reference.worker += "-not"
        }
        return HeldJob(
            ClaimedJob(
                message: job.claimed.message, run: job.claimed.run ?? RunRecord(), reference: reference,
                claimedAt: job.claimed.claimedAt))
    }

    private mutating func crash(_ worker: String) {
        for job in held[worker] ?? [] { retire(job) }
        held[worker] = []
    }

    private mutating func popWakeUp() async throws {
        try await stage.swallowWakeUp()
        store = try await stage.read()
    }

    private mutating func announce(_ generator: inout SeededGenerator) async throws {
        let id = generator.pick(held.keys.sorted())
        let worker = WorkerInfo(
            id: id, host: "here", pid: 1, queues: [Stage.queue], concurrency: 1, busy: held[id]?.count ?? 0,
            startedAt: ServerTime.start, version: "test")
        if generator.once(in: 4) {
            try await stage.engine.retire(workerID: id)
        } else {
            try await stage.engine.announce(worker, lifetime: .seconds(30))
        }
        store = try await stage.read()
    }

    // MARK: Operators

    /// Any job, or one that there is not; mostly one in a state that has few.
    private func anyJob(_ generator: inout SeededGenerator, preferring states: [JobState] = []) -> JobID {
        let preferred = states.flatMap { world.queue[$0].members.map(\.id) }
        if !preferred.isEmpty, !generator.once(in: 4) { return generator.pick(preferred) }
        let state = generator.pick(JobState.known)
        let ids = world.queue[state].members.map(\.id)
        return ids.isEmpty ? "job-0" : generator.pick(ids)
    }

    private func bulk(_ kind: Step.Kind, _ generator: inout SeededGenerator) -> Call {
        let isRedrive = kind == .bulkRedrive
        let states = JobState.known.filter { $0 != .active }
        var request = BulkRequest(
            queue: Stage.queue, state: isRedrive ? .dead : generator.pick(states),
            action: isRedrive ? .redrive : .remove, limit: generator.pick([1, 2, 3, 100]))
        if isRedrive { request.skip = generator.pick([0, 0, 1]) }
        if request.state == .dead || request.state == .cancelled, generator.once(in: 2) {
            request.notAfter = now + .milliseconds(generator.pick([0, -1, -1000]))
        }
        return .performAll(request)
    }

    private func read(_ generator: inout SeededGenerator) -> Call {
        switch generator.below(3) {
        case 0: .counts
        case 1: .find(anyJob(&generator))
        default: .list(anyList(&generator))
        }
    }

    /// For some of the jobs of a state, from one of its two ends.
    private func anySearch(_ generator: inout SeededGenerator) -> SearchRequest {
        let state = generator.pick(JobState.known + [.ready, .ready])
        let moment = now + .milliseconds(generator.pick([0, -1, -1000, -20_000]))
        let query = generator.pick([
            JobQuery(), JobQuery(type: "test:1"), JobQuery(type: "test:*"), JobQuery(idPrefix: "job-1"),
            JobQuery(error: "NEVER"), JobQuery(error: "refused"), JobQuery(fingerprint: 7), JobQuery(since: moment),
            JobQuery(until: moment), JobQuery(type: "test:2", tags: ["odd"]), JobQuery(tags: ["odd", "odder"]),
        ])
        let isForAction = generator.once(in: 2)
        return SearchRequest(
            queue: Stage.queue, state: state, query: query, limit: generator.pick([1, 2, 3, 100]),
            newestFirst: !isForAction && state.isNewestFirst && generator.once(in: 2), isForAction: isForAction)
    }

    /// On a few jobs of a state, of which some may have left it.
    private func actOnEach(_ generator: inout SeededGenerator) -> Call? {
        let state = generator.pick(JobState.known)
        var ids = Array(world.queue[state].members.map(\.id).prefix(4))
        if generator.once(in: 2) { ids.append(anyJob(&generator)) }
        guard !ids.isEmpty, Set(ids).count == ids.count else { return nil }
        let action = generator.pick([
            JobAction.cancel(reason: "in bulk"), .redrive, .bury(reason: "manual"), .remove,
        ])
        return .performEach(action, ids, if: state)
    }

    private func anyList(_ generator: inout SeededGenerator) -> ListRequest {
        ListRequest(queue: Stage.queue, state: generator.pick(JobState.known), limit: 1 + generator.below(4))
    }

    // MARK: Time, and the server itself

    /// How long nothing happens: often until just before, at or just after a moment at which something is due.
    private func pause(_ generator: inout SeededGenerator) -> Duration {
        let lapse = world.queue[.active].first.flatMap { world.queue.entries[$0.id]?.place.claim?.leaseExpiresAt }
        let moments = [world.queue.nextDue, lapse].compactMap(\.self) + world.lockEnds.values.sorted() + retentionEnds
        switch generator.below(10) {
        case 0...1: return .milliseconds(generator.below(4))
        case 2...6 where !moments.isEmpty:
            return max(.zero, generator.pick(moments) - now + .milliseconds(generator.below(3) - 1))
        case 9 where generator.once(in: 5): return .minutes(10)
        default: return .milliseconds(generator.pick([10, 1000, 3000, 20_000, 60_000]))
        }
    }

    private var retentionEnds: [Timestamp] {
        [JobState.completed, .cancelled, .dead].compactMap { state in
            let first = world.queue[state].first?.id
            switch first.flatMap({ world.queue.entries[$0]?.place }) {
            case .completed(let at, _): return at + Stage.options.retention
            case .retained(let until): return until
            case .cancelled(let since): return since + Stage.options.retention
            case .dead(let since): return since + (Stage.options.deadRetention ?? .zero)
            default: return nil
            }
        }
    }

    /// The server was killed, and came back with what it had on disk. That takes it a while.
    private mutating func lose() async throws {
        guard let saved else { return }
        try await stage.restore(saved.contents)
        world = saved.world
        noteLoss()
        store = try await stage.read()
        // Sessions of Postgres remember for half a minute where the line began, and here they outlive the server.
        try await advance(by: Ground.storage == .rows ? .minutes(1) : .seconds(1))
    }
}
