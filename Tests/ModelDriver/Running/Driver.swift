// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueRedis
import SpanQueueTesting

/// Runs steps: workers, reclaim, promotion, producers and operators, one call at a time, in one task. After each call it
/// compares all that Redis holds with the model and checks the invariants.
package struct Driver {
    static let maxReclaims = 2
    private static let queue = Stage.queue

    let stage: Stage
    package private(set) var coverage = Coverage()

    var world: World
    var keyspace = Keyspace()
    private var decoder = Decoder(queue: Driver.queue)
    /// What each worker believes to hold.
    var held: [String: [HeldJob]] = ["worker-0": [], "worker-1": [], "worker-2": []]
    /// Jobs and claims of earlier steps, to be used again.
    var offered: [NewJob] = []
    var oldClaims: [HeldJob] = []
    var oldSettlements: [Settlement] = []
    /// Calls on their way, with the steps that are left until they arrive.
    private var underWay: [(steps: Int, call: Call)] = []
    var saved: (world: World, keys: [(key: String, value: [UInt8])])?
    var jobCount = 0
    /// The last token of each job; what Redis forgets, this does not.
    private var lastTokens: [JobID: Int64] = [:]
    /// That of the last claim: it tells two claims apart where the values of their tokens do not.
    private var lastNonce: UInt32?
    /// How far the clock may have gone since the engine last learnt the time.
    private var unlearnt = Duration.zero
    /// The latest time that there was: later than now after the clock was set back.
    private(set) var latest = ServerTime.start
    /// The last tokens that were there when Redis lost its last writes.
    private var lostTokens: [JobID: Int64] = [:]
    /// An audit is made after each so many steps, and at the end.
    private static let auditInterval = 20

    package init(_ stage: Stage) {
        self.stage = stage
        var keeping = MemoryQueue.Keeping()
        keeping.standard = Stage.options.retention
        keeping.completedJobs = Stage.options.retentionCount
        keeping.dead = Stage.options.deadRetention
        world = World(queue: MemoryQueue(name: Self.queue, keeping: keeping))
    }

    var now: Timestamp { stage.time.now }

    /// Runs steps on an emptied server, then lets everything come to an end.
    ///
    /// - Throws: a `Violation` that names the step.
    package mutating func run(_ steps: [Step]) async throws {
        try await stage.reset()
        keyspace = try await stage.read()
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
        // The keys of workers age, and go, by themselves.
        if !keyspace.lifetimes.isEmpty { keyspace = try await stage.read() }
    }

    /// Somebody sets the server's clock back.
    mutating func setBack(by duration: Duration) async throws {
        latest = max(latest, now)
        try await stage.setTime(now + (.zero - duration))
        unlearnt = max(.zero, unlearnt - duration)
        // A worker's key that had lapsed is there again, unless Redis has dropped it by now.
        keyspace = try await stage.read()
    }

    /// Redis went back to an earlier state. A token may come again, if the clock is set back as well.
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
        case .noScript:
            try await stage.send(["SCRIPT", "FLUSH"])
            try await deliver(execute(call), of: call)
        case .outOfMemory: try await makeOutOfMemory(call)
        // A node of a cluster has no REPLICAOF.
        case .readOnly where stage.isCluster: try await deliver(execute(call), of: call)
        case .readOnly: try await makeReadOnly(call)
        case .duplicate: try await makeTwice(call)
        }
    }

    private mutating func makeOutOfMemory(_ call: Call) async throws {
        try await stage.send(["CONFIG", "SET", "maxmemory", "1"])
        let result: Answer?
        do {
            result = try await execute(call, mayRefuse: .outOfMemory)
        } catch {
            try await stage.send(["CONFIG", "SET", "maxmemory", "0"])
            throw error
        }
        try await stage.send(["CONFIG", "SET", "maxmemory", "0"])
        try require((result == nil) == call.isRefusedWhenFull, "\(call.name) on a full Redis: \(result == nil)")
        if let result { deliver(result, of: call) }
    }

    private mutating func makeReadOnly(_ call: Call) async throws {
        try await stage.send(["REPLICAOF", "127.0.0.1", "1"])
        let stage = stage
        let promotion = Task {
            try await Task.sleep(for: .milliseconds(3))
            try await stage.send(["REPLICAOF", "NO", "ONE"])
        }
        let result: Answer?
        if call.isIdempotent {
            result = try await execute(call)
            try await promotion.value
        } else {
            result = try await execute(call, mayRefuse: .unavailable)
            try await promotion.value
        }
        if let result { deliver(result, of: call) }
    }

    private mutating func makeTwice(_ call: Call) async throws {
        let first = try await execute(call)
        let between = keyspace
        guard let second = try await execute(call) else { return }
        if call.isIdempotent, let first {
            try require(keyspace == between, "14: \(call.name) twice is not \(call.name) once")
            var forgets = false
            // One whose record is gone cannot be recognised; docs/delivery-semantics.md says so.
            if case .settle(let settlements) = call {
                forgets = settlements.contains { keyspace.jobs[$0.reference.id] == nil }
            }
            if !forgets { try same("14: the answer to a repeated \(call.name)", second.sameClass, first.sameClass) }
        }
        deliver(second, of: call)
    }

    /// Sends a call, applies it to the model, and compares answers and states.
    ///
    /// - Returns: the answer; nil where the call was refused, as it may be, and changed nothing.
    mutating func execute(_ call: Call, mayRefuse code: SpanQueueError.Code? = nil) async throws -> Answer? {
        let before = keyspace
        let answer: Answer
        do {
            answer = try await call.send(to: stage.engine, queue: Self.queue)
        } catch let error as SpanQueueError {
            keyspace = try await stage.read()
            try require(
                keyspace == before,
                "15: \(call.name) failed and changed \(keyspace.differences(from: before)): \(error.message)")
            // The engine's idea of the time is off after a jump, and it says until when a claim may run.
            let isLate = error.message.hasPrefix("LATE") && unlearnt > .minutes(4)
            try require(error.code == code || isLate, "\(call.name): \(error.code.rawValue), \(error.message)")
            if isLate { unlearnt = .zero }
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
        let expected = try call.apply(to: &world, at: now, nonce: nonce)
        try same("the answer to \(call.name)", answer, expected)
        keyspace = try await stage.read()
        try keyspace.checkInvariants(
            queue: Self.queue, maxReclaims: Self.maxReclaims, clockBehind: max(.zero, latest - now), &decoder)
        try keyspace.compare(with: world, &decoder)
        try checkMoves(of: call, from: states, to: world.states)
        if answer.isAllLost || call.isReading {
            try require(keyspace == before, "5: \(call.name) was lost and changed something")
        }
        if world.queue.wakeUps != wakeUps || call.wakesAnyway(world) {
            try require(!keyspace.wake.isEmpty, "\(call.name) wakes nobody")
        }
        if case .claimed(let reply) = answer, !reply.isPaused, !reply.hasMore, reply.nextDueIn == nil {
            try require(keyspace.wake.isEmpty, "a wake-up is left in an empty queue")
        }
        return answer
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
