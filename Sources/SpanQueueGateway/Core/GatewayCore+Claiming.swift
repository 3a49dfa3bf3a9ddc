// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import Logging
import SpanQueue
import SpanQueueAdmin
import SpanQueueLoop
package import SpanQueueProto
import SpanQueueTelemetry

/// What is known of a queue that streams of this process serve, or unary calls have claimed from of late.
struct ServedQueue {
    var streams = 0
    var usedAt: ContinuousClock.Instant
    /// When its next scheduled or retrying job is due, as the latest claim told; nil for none.
    var dueAt: ContinuousClock.Instant?
    /// Before this moment it is not asked: it failed.
    var blockedUntil: ContinuousClock.Instant?
    var failures = 0
    var upkeep: QueueUpkeep
}

extension GatewayCore {
    /// How long is waited for work at most before it is looked for: where a wake-up was lost with the process that got it.
    private static let idleWait = Duration.seconds(2)
    private static let longestPause = Duration.seconds(5)

    // MARK: Queues

    func serve(_ name: String) {
        touch(name)
        queues[name]?.streams += 1
    }

    func leave(_ name: String) {
        queues[name]?.streams -= 1
        queues[name]?.usedAt = .now
    }

    func touch(_ name: String) {
        let now = ContinuousClock.now
        if queues[name] == nil {
            queues[name] = ServedQueue(
                usedAt: now,
                upkeep: QueueUpkeep(lease: StreamTerms.standardLease, at: now, random: .random(in: 0...1)))
        }
        queues[name]?.usedAt = now
    }

    // MARK: Claiming

    /// Sees to it that jobs are claimed for a stream that wants some.
    func claim(for stream: WorkStream) {
        guard !stream.isClaiming, stream.wantsJobs, !isDraining, stream.idleIn.isEmpty else { return }
        stream.isClaiming = true
        start { core in
            await core.claimAll(for: stream)
            stream.isClaiming = false
        }
    }

    private func claimAll(for stream: WorkStream) async {
        while stream.wantsJobs, !isDraining, let worker = stream.terms?.worker, let lease = stream.terms?.lease {
            guard stream.selector?.isAllEmpty == false else { return becomesIdle(stream) }
            stream.selector?.begin(probing: false)
            while stream.wantsJobs, !isDraining {
                let credits = stream.machine.credits
                guard let shares = stream.selector?.next(slots: credits, chunk: max(1, credits / 8)), !shares.isEmpty
                else { break }
                await claim(shares, for: stream, worker, lease)
            }
        }
    }

    private func claim(
        _ shares: [QueueSelector.Share], for stream: WorkStream, _ worker: String, _ lease: Duration
    ) async {
        guard let lanes = stream.terms?.selection.lanes else { return }
        let asked = shares.filter { !isBlocked(lanes[$0.lane].queue) }
        for share in shares where isBlocked(lanes[share.lane].queue) {
            stream.selector?.record(share.lane, hasMore: false)
        }
        guard !asked.isEmpty else { return }
        do throws(GatewayError) {
            for share in asked { try stream.caller.require(.work, lanes[share.lane].queue) }
        } catch {
            // Who may work here no more gets no more. The next in line looks instead.
            finish(stream, .error(error))
            for share in asked { wakeOne(lanes[share.lane].queue) }
            return
        }
        stream.machine.reserve(asked.reduce(0) { $0 + $1.limit })
        let start = SystemClock.now()
        let began = ContinuousClock.now
        let results = await claimEach(
            asked.map { ClaimRequest(queue: lanes[$0.lane].queue, limit: $0.limit, lease: lease, worker: worker) })
        let took = ContinuousClock.now - began
        for (share, result) in zip(asked, results) {
            let name = lanes[share.lane].queue
            var count = 0
            var hasMore = false
            if let reply = take(result, from: name, by: worker, start: start, took: took) {
                count = reply.jobs.count
                hasMore = reply.hasMore && !reply.isPaused
                hand(reply.jobs, to: stream, lease: lease, from: began)
            }
            stream.selector?.record(share.lane, hasMore: hasMore)
            perform(stream.machine.refund(share.limit - count), stream)
            if hasMore { wakeOne(name) }
        }
    }

    func claimEach(_ requests: [ClaimRequest]) async -> [Result<ClaimReply, SpanQueueError>] {
        do throws(CancellationError) {
            return try await engine.claim(requests)
        } catch {
            return requests.map { _ in .failure(SpanQueueError(.closed, "the gateway has ended", mayHaveRun: true)) }
        }
    }

    /// Takes note of what a claim told of its queue.
    func take(
        _ result: Result<ClaimReply, SpanQueueError>, from name: String, by worker: String, start: UInt64,
        took: Duration
    ) -> ClaimReply? {
        let now = ContinuousClock.now
        switch result {
        case .success(let reply):
            if queues[name]?.failures ?? 0 > 0 { logger.notice("claiming again", metadata: ["queue": "\(name)"]) }
            clock = (reply.now, now)
            queues[name]?.failures = 0
            queues[name]?.blockedUntil = nil
            queues[name]?.dueAt = reply.nextDueIn.map { now + $0 }
            queues[name]?.upkeep.noted(lapseIn: reply.nextLapseIn, at: now)
            attempts.claimed(reply, from: name, by: worker, start: start, took: took)
            for job in reply.unreadable { settle(attempts.burial(of: job)) }
            return reply
        case .failure(let error):
            attempts.claimFailed(name, error)
            let failures = (queues[name]?.failures ?? 0) + 1
            queues[name]?.failures = failures
            let longest = min(Self.longestPause, .milliseconds(100) * (1 << min(failures, 6)))
            queues[name]?.blockedUntil = now + longest * Double.random(in: 0.5...1)
            if failures == 1 {
                logger.error(
                    "can't claim: trying again until it works", metadata: ["queue": "\(name)", "error": "\(error)"])
            }
            return nil
        }
    }

    private func isBlocked(_ name: String) -> Bool {
        queues[name]?.blockedUntil.map { $0 > .now } ?? false
    }

    /// Sends jobs to a stream, or gives them back where it has ended meanwhile.
    private func hand(
        _ jobs: [ClaimedJob], to stream: WorkStream, lease: Duration, from began: ContinuousClock.Instant
    ) {
        guard !jobs.isEmpty else { return }
        let known = jobs.map { keep($0, lease: lease, from: began, stream: stream.number) }
        guard stream.end == nil, !isDraining else {
            for claim in known { claim.stream = nil }
            perform(stream.machine.refund(jobs.count), stream)
            return release(known)
        }
        metrics.handed.child(jobs[0].reference.queue).increment(by: jobs.count)
        perform(
            stream.machine.claimed(
                jobs.map { ($0.reference, message(of: $0, lease: lease)) }), stream)
    }

    func keep(
        _ job: ClaimedJob, lease: Duration, from began: ContinuousClock.Instant, stream: Int?
    ) -> HeldClaim {
        let claim = HeldClaim(job, lapsesAt: began + lease, stream: stream)
        held[job.reference] = claim
        if let timeout = job.message.timeout { watch(claim, from: began, timeout) }
        return claim
    }

    func message(of job: ClaimedJob, lease: Duration) -> Wire.Job {
        let trace = attempts.trace(of: job)
        var message = Wire.Job()
        message.claim = .init(ClaimBytes.encode(job.reference))
        message.id = job.message.id.description
        message.queue = job.message.queue
        message.type = job.message.type
        message.payload = .init(job.message.payload)
        message.attempt = UInt32(clamping: job.attempt)
        message.maxAttempts = UInt32(clamping: job.message.maxAttempts)
        message.token = UInt64(bitPattern: job.reference.token.value)
        message.enqueuedAt = .init(job.message.enqueuedAt)
        message.leaseUntil = .init(job.claimedAt + lease)
        if let deadline = job.message.deadline { message.deadline = .init(deadline) }
        if let timeout = job.message.timeout { message.timeout = .init(timeout) }
        message.traceparent = trace.traceParent
        message.tracestate = trace.traceState ?? ""
        message.baggage = trace.baggage ?? ""
        message.tags = job.message.tags
        message.priority = UInt32(clamping: job.message.priority)
        return message
    }

    // MARK: Waiting

    private func becomesIdle(_ stream: WorkStream) {
        guard let names = stream.terms?.selection.queues else { return }
        for name in names where stream.idleIn.insert(name).inserted { idle[name, default: []].append(stream.number) }
        if let waiting {
            let dueAt = names.compactMap { queues[$0]?.dueAt }.min()
            let isEarlier = dueAt.map { $0 < waiting.until } ?? false
            if isEarlier || !waiting.queues.isSuperset(of: names) { waiting.task.cancel() }
        }
        idleReady.raise()
    }

    /// Whether a stream is idle in a queue. Those that are so no more are taken out of the line.
    private func hasIdle(_ name: String) -> Bool {
        while let first = idle[name]?.first {
            if let stream = streams[first], stream.idleIn.contains(name), stream.wantsJobs { return true }
            streams[first]?.idleIn.remove(name)
            idle[name]?.removeFirst()
        }
        idle[name] = nil
        return false
    }

    /// Has the stream that is idle for longest look at a queue.
    ///
    /// - Returns: false where none is.
    @discardableResult
    func wakeOne(_ name: String) -> Bool {
        guard hasIdle(name), let number = idle[name]?.removeFirst(), let stream = streams[number] else { return false }
        // It stands in the lines of its other queues no more: it joins them anew when it is idle again.
        for other in stream.idleIn where other != name { idle[other]?.removeAll { $0 == number } }
        stream.idleIn = []
        if let lane = stream.terms?.selection.queues.firstIndex(of: name) {
            stream.selector?.record(lane, hasMore: true)
        }
        claim(for: stream)
        return true
    }

    /// Waits for work in all queues in which a stream is idle.
    func waitingLoop() async {
        var pause = Duration.milliseconds(100)
        while !isStopped {
            let names = Array(idle.keys).filter { hasIdle($0) }
            guard !names.isEmpty, !isDraining else {
                await idleReady.wait()
                continue
            }
            let now = ContinuousClock.now
            var until = now + Self.idleWait
            for name in names {
                if let dueAt = queues[name]?.dueAt { until = min(until, max(dueAt, now)) }
                if let blocked = queues[name]?.blockedUntil { until = min(until, max(blocked, now)) }
            }
            let deadline = until
            let task = Task(executorPreference: thread) { [engine] in
                try await engine.waitForWork(in: names, until: deadline)
            }
            waiting = (task, Set(names), deadline)
            let result = await task.result
            waiting = nil
            guard !isStopped else { break }
            if case .failure(let error) = result, !(error is CancellationError) {
                logger.debug("can't wait for work", metadata: ["error": "\(error)"])
                try? await thread.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
            } else {
                pause = .milliseconds(100)
            }
            // A wake-up of a queue without idle streams here is passed on to another process.
            let passed = names.filter { !wakeOne($0) }
            if !passed.isEmpty { start { await $0.engine.passWakeUp(in: passed) } }
        }
    }

    // MARK: Unary

    /// How many of the jobs, from the first on, fit into a message; one at least.
    private static func fitting(_ jobs: [ClaimedJob]) -> Int {
        var bytes = 0
        let tooMany = jobs.firstIndex { job in
            bytes += StreamMachine.size(ofPayload: job.message.payload.count)
            return bytes > StreamLimits.bytesPerMessage
        }
        return max(1, tooMany ?? jobs.count)
    }

    /// Claims for a caller without a stream.
    ///
    /// - Parameter deadline: when the caller gives up; nothing is claimed for it from then on. Nil where it has not said.
    package func claim(
        _ request: Wire.ClaimRequest, _ caller: GatewayCaller, until deadline: ContinuousClock.Instant? = nil
    ) async throws -> Wire.Jobs {
        guard !isDraining else { throw StreamMachine.ending }
        let worker = try StreamTerms.worker(request.worker)
        let selection = try StreamTerms.selection(request.lanes, isStrict: request.strictOrder)
        let lease = try StreamTerms.lease(request.hasLease ? request.lease.value : nil)
        guard (1...ClaimRequest.maximumBatch).contains(Int(request.limit)) else {
            throw GatewayError.invalid("limit \(request.limit): use 1 to \(ClaimRequest.maximumBatch)")
        }
        let wait = request.hasWait ? request.wait.value : .zero
        guard (.zero)...(.seconds(20)) ~= wait else { throw GatewayError.invalid("wait \(wait): use 0 to 20 s") }
        for name in selection.queues {
            try caller.require(.work, name)
            touch(name)
        }
        let patience = ContinuousClock.now + wait
        let end = deadline.map { min($0, patience) } ?? patience
        func isOver() -> Bool { Task.isCancelled || isDraining || deadline.map { $0 <= .now } ?? false }
        var selector = QueueSelector(selection)
        while true {
            var claimed: [ClaimedJob] = []
            selector.begin(probing: true)
            var failure: SpanQueueError?
            var dueIn: Duration?
            while claimed.count < request.limit, !isOver() {
                let shares = selector.next(slots: Int(request.limit) - claimed.count)
                guard !shares.isEmpty else { break }
                let start = SystemClock.now()
                let began = ContinuousClock.now
                let requests = shares.map {
                    ClaimRequest(
                        queue: selection.lanes[$0.lane].queue, limit: $0.limit, lease: lease, worker: worker,
                        notAfter: deadline)
                }
                // In a task of its own: a caller that gives up must not leave jobs behind that nobody knows of.
                let results = await Task(executorPreference: thread) { await self.claimEach(requests) }.value
                for (share, result) in zip(shares, results) {
                    let name = selection.lanes[share.lane].queue
                    if case .failure(let error) = result { failure = error }
                    let reply = take(
                        result, from: name, by: worker, start: start, took: ContinuousClock.now - began)
                    selector.record(share.lane, hasMore: reply?.hasMore ?? false)
                    for job in reply?.jobs ?? [] { _ = keep(job, lease: lease, from: began, stream: nil) }
                    claimed += reply?.jobs ?? []
                    if let next = reply?.nextDueIn { dueIn = min(dueIn ?? next, next) }
                }
            }
            if isOver() {
                release(claimed.compactMap { held[$0.reference] })
                throw isDraining ? StreamMachine.ending : GatewayError(CancellationError())
            }
            if !claimed.isEmpty {
                // What is beyond a message goes back to the head: to a client that can't take the reply, all of it would be lost.
                let count = Self.fitting(claimed)
                release(claimed[count...].compactMap { held[$0.reference] })
                for job in claimed[..<count] { metrics.handed.child(job.reference.queue).increment() }
                var jobs = Wire.Jobs()
                jobs.jobs = claimed[..<count].map { message(of: $0, lease: lease) }
                return jobs
            }
            if let failure { throw GatewayError(failure) }
            let now = ContinuousClock.now
            guard now < end else { return Wire.Jobs() }
            let next = min(end, now + Self.idleWait, now + max(dueIn ?? Self.idleWait, .milliseconds(1)))
            do {
                try await engine.waitForWork(in: selection.queues, until: next)
            } catch is CancellationError {
                await engine.passWakeUp(in: selection.queues)
                throw GatewayError(CancellationError())
            }
        }
    }
}
