// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueRedis
import SpanQueueTesting

/// Runs steps: workers, reclaim, promotion, producers and operators, one call at a time, in one task. After each call it
/// compares all that the server holds with the model and checks the invariants.
struct Driver<Ground: ModelStage> {
    static var maxReclaims: Int { 2 }
    private static var queue: String { Stage.queue }

    let stage: Ground
    private(set) var coverage = Coverage(faults: Ground.faults, storage: Ground.storage)

    var world: World
    var store = Ground.Store()
    private var decoder = Decoder(queue: Stage.queue)
    /// What each worker believes to hold.
    var held: [String: [HeldJob]] = ["worker-0": [], "worker-1": [], "worker-2": []]
    /// Jobs and claims of earlier steps, to be used again.
    var offered: [NewJob] = []
    var oldClaims: [HeldJob] = []
    var oldSettlements: [Settlement] = []
    /// Calls on their way, with the steps that are left until they arrive.
    private var underWay: [(steps: Int, call: Call)] = []
    var saved: (world: World, contents: Ground.Saved)?
    var jobCount = 0
    /// The last token of each job; what the server forgets, this does not.
    private var lastTokens: [JobID: Int64] = [:]
    /// That of the last claim: it tells two claims apart where the values of their tokens do not.
    private var lastNonce: UInt32?
    /// Whether the last call was refused since it came too late by the server's clock.
    private var wasLate = false
    /// How far the clock may have gone since the engine last learnt the time.
    private var unlearnt = Duration.zero
    /// The latest time that there was: later than now after the clock was set back.
    private(set) var latest = ServerTime.start
    /// The last tokens that were there when the server lost its last writes.
    private var lostTokens: [JobID: Int64] = [:]
    /// An audit is made after each so many steps, and at the end.
    private static var auditInterval: Int { 20 }

    init(_ stage: Ground) {
        self.stage = stage
        var keeping = MemoryQueue.Keeping()
        keeping.standard = Stage.options.retention
        keeping.completedJobs = Stage.options.retentionCount
        keeping.dead = Stage.options.deadRetention
        world = World(queue: MemoryQueue(name: Self.queue, keeping: keeping, storage: Ground.storage))
    }

    var now: Timestamp { stage.now }
    /// Whether the clock stands behind where it once stood, or has come from there.
    private(set) var wasSetBack = false

    /// Runs steps on an emptied server, then lets everything come to an end.
    ///
    /// - Throws: a `Violation` that names the step.
    mutating func run(_ steps: [Step]) async throws {
        try await stage.reset()
        store = try await stage.read()
        for (index, step) in steps.enumerated() {
            do {
                try await perform(step)
                try await deliverLateCalls()
                if index % Self.auditInterval == 0 { try await audit() }
            } catch {
                throw Violation("step \(index + 1), \(step), at +\((now - ServerTime.start).milliseconds) ms: \(error)")
            }
            coverage.noteStep()
        }
        underWay = []
        do {
            try await audit()
            try await finish()
            try await audit()
        } catch {
            throw Violation("16, after the last step: \(error)")
        }
    }

    mutating func advance(by duration: Duration) async throws {
        try await stage.setTime(now + duration)
        unlearnt += duration
        if store.ages { store = try await stage.read() }
    }

    /// Somebody sets the server's clock back.
    mutating func setBack(by duration: Duration) async throws {
        latest = max(latest, now)
        wasSetBack = true
        try await stage.setTime(now + (.zero - duration))
        unlearnt = max(.zero, unlearnt - duration)
        // What had aged is there again, unless the server has dropped it by now.
        store = try await stage.read()
    }

    /// The server went back to an earlier state. A token may come again, if the clock is set back as well.
    mutating func noteLoss() { lostTokens = lastTokens }

    /// The audit agrees that nothing is wrong.
    private func audit() async throws {
        let found = try await stage.findings(maxReclaims: Self.maxReclaims)
        try require(found.isEmpty, "the audit found \(found.map { "\($0.rule.rawValue) of \($0.subject): \($0)" })")
    }

    private mutating func deliverLateCalls() async throws {
        for index in underWay.indices { underWay[index].steps -= 1 }
        let due = underWay.filter { $0.steps <= 0 }
        underWay.removeAll { $0.steps <= 0 }
        for late in due { _ = try await execute(late.call) }
    }

    // MARK: One call

    /// Makes a call under a fault, and gives the answer to its caller where the fault lets it through.
    mutating func make(_ call: Call, under fault: Fault, choice: UInt64) async throws {
        var predicted = world
        _ = try call.apply(to: &predicted, at: now, nonce: 0)
        coverage.note(call.name, fault, from: world.states, to: predicted.states)
        switch fault {
        case .none: try await deliver(execute(call), of: call)
        case .notSent: break
        case .replyLost: _ = try await execute(call)
        case .late: underWay.append((1 + Int(choice % 6), call))
        case .duplicate: try await makeTwice(call)
        case .noScript, .outOfMemory, .readOnly, .deadlock, .serialization, .cut:
            let trouble = try await stage.bring(fault, on: call, choice: choice)
            let result: Answer?
            do {
                result = try await execute(call, mayRefuse: trouble.refusal, mayRunTwice: trouble.mayRunTwice)
            } catch {
                _ = try await trouble.end()
                throw error
            }
            // One that came too late has gone no further.
            if let isRefused = try await trouble.end(), !wasLate {
                try require((result == nil) == isRefused, "\(call.name) under \(fault.rawValue): \(result == nil)")
            }
            if let result { deliver(result, of: call) }
        }
    }

    private mutating func makeTwice(_ call: Call) async throws {
        let first = try await execute(call)
        let between = store
        guard let second = try await execute(call) else { return }
        if call.isIdempotent, let first {
            try require(store == between, "14: \(call.name) twice is not \(call.name) once")
            var forgets = false
            // One whose record is gone cannot be recognised; docs/delivery-semantics.md says so.
            if case .settle(let settlements) = call {
                forgets = settlements.contains { !store.ids.contains($0.reference.id) }
            }
            if !forgets { try same("14: the answer to a repeated \(call.name)", second.sameClass, first.sameClass) }
        }
        deliver(second, of: call)
    }

    /// Sends a call, applies it to the model, and compares answers and states.
    ///
    /// - Returns: the answer; nil where the call was refused, as it may be, and changed nothing.
    mutating func execute(
        _ call: Call, mayRefuse code: SpanQueueError.Code? = nil, mayRunTwice: Bool = false
    ) async throws -> Answer? {
        let before = store
        let answer: Answer
        wasLate = false
        do {
            answer = try await call.send(to: stage.engine, queue: Self.queue)
        } catch let error as SpanQueueError {
            store = try await stage.read()
            try require(
                store == before,
                "15: \(call.name) failed and changed \(store.differences(from: before)): \(error.message)")
            // The engine's idea of the time is off after a jump, and it says until when a claim may run.
            wasLate = stage.isLate(error) && unlearnt > .minutes(4)
            try require(error.code == code || wasLate, "\(call.name): \(error.code.rawValue), \(error.message)")
            if wasLate { unlearnt = .zero }
            return nil
        }
        var nonce: UInt32 = 0
        if case .claimed(let reply) = answer {
            unlearnt = .zero
            nonce = reply.jobs.first?.reference.token.nonce ?? 0
            try check(reply)
            if stage.clockCreeps { learnMicroseconds(from: reply) }
        }
        let (states, wakeUps) = (world.states, world.queue.wakeUps)
        let ended = Ground.comparesEnds ? [] : ends(in: call)
        var expected = try call.apply(to: &world, at: now, nonce: nonce)
        if mayRunTwice, comparable(answer, of: call) != comparable(expected, of: call) {
            var again = world
            expected = try call.apply(to: &again, at: now, nonce: nonce)
        }
        try same(
            "the answer to \(call.name)", comparable(answer, of: call).without(ended),
            comparable(expected, of: call).without(ended))
        store = try await stage.read()
        try store.checkInvariants(
            queue: Self.queue, maxReclaims: Self.maxReclaims, clockBehind: max(.zero, latest - now), &decoder)
        try store.compare(with: world, &decoder)
        try checkMoves(of: call, from: states, to: world.states)
        // The next job of that id is another one.
        if Ground.storage == .rows { lastTokens = lastTokens.filter { store.ids.contains($0.key) } }
        if answer.isAllLost || call.isReading {
            try require(store == before, "5: \(call.name) was lost and changed something")
        }
        if world.queue.wakeUps != wakeUps || call.wakesAnyway(world) {
            try require(store.wakeUps != 0, "\(call.name) wakes nobody")
        }
        if case .claimed(let reply) = answer, !reply.isPaused, !reply.hasMore, reply.nextDueIn == nil {
            try require(store.wakeUps ?? 0 == 0, "a wake-up is left in an empty queue")
        }
        return answer
    }

    /// The places of ends of claims that do not hold.
    private func ends(in call: Call) -> Set<Int> {
        guard case .settle(let settlements) = call else { return [] }
        return Set(
            settlements.indices.filter { place in
                let reference = settlements[place].reference
                let claim = world.queue.entries[reference.id]?.place.claim
                return claim?.token != reference.token || claim?.worker != reference.worker
            })
    }

    /// An answer, in which what has no order is sorted: where the clock was set back, rows list what ended as it ended, not by its time.
    private func comparable(_ answer: Answer, of call: Call) -> Answer {
        guard Ground.storage == .rows, wasSetBack, case .listed(let jobs) = answer, case .list(let request) = call,
            request.state == .dead || request.state == .cancelled
        else { return answer }
        return .listed(jobs.sorted { $0.message.id.description < $1.message.id.description })
    }

    /// A token is the time in microseconds, or one more than the last. Where only Redis knows them, the model takes them from the first of
    /// a claim, if they are within the millisecond that was set.
    private mutating func learnMicroseconds(from reply: ClaimReply) {
        guard let first = reply.jobs.first?.reference.token.value, first / 1000 == now.milliseconds else { return }
        world.queue.lastToken = max(world.queue.lastToken, first - 1)
    }

    /// Invariants of a claim: 4, 9, 13.
    private mutating func check(_ reply: ClaimReply) throws {
        for job in reply.jobs {
            let (id, token) = (job.reference.id, job.reference.token.value)
            if let last = lastTokens[id], last >= token {
                let isExcused = lostTokens[id] == last && now.milliseconds * 1000 <= last
                try require(isExcused, "4: the token of \(id) does not rise: \(token) after \(last)")
            }
            lastTokens[id] = token
            // What was due before the clock was set back is ready still.
            try require(
                job.eligibleAt <= max(now, latest), "9: \(id) was claimed \(job.eligibleAt - now) before its time")
        }
        if let nonce = reply.jobs.first?.reference.token.nonce {
            try require(nonce != lastNonce, "4: two claims in a row have the nonce \(nonce)")
            lastNonce = nonce
        }
        if world.queue.isPaused { try require(reply.jobs.isEmpty, "13: a claim from a paused queue") }
    }

    /// Invariant 10, and that nothing moves but as the contract allows.
    private func checkMoves(of call: Call, from before: [JobID: JobState], to after: [JobID: JobState]) throws {
        for (id, state) in before where after[id] != state && state.isTerminal {
            let isRedrive = state == .dead && after[id] == .ready && call.isRedrive
            try require(after[id] == nil || isRedrive, "10: \(call.name) took \(id) out of \(state.rawValue)")
        }
    }
}

extension Call {
    fileprivate var isRedrive: Bool {
        switch self {
        case .perform(.redrive, _), .performEach(.redrive, _, _): true
        case .performAll(let request): request.action == .redrive
        default: false
        }
    }

    /// Calls that give a wake-up without a change of the model.
    fileprivate func wakesAnyway(_ world: World) -> Bool {
        switch self {
        case .resume: world.queue.totals.enqueued > 0
        case .passWakeUp: world.queue[.ready].count > 0
        default: false
        }
    }
}
