// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
package import SpanQueue
import SpanQueueProto
import SpanQueueTelemetry
import SwiftProtobuf

extension GatewayEngine {
    /// The most jobs and bytes of a batch.
    private static let mostJobs = 1000
    private static let mostBytes = 4 << 20

    package func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome {
        try await enqueue([job], until: deadline)[0]
    }

    /// One alone by `Enqueue`, several by `EnqueueBatch`.
    package func enqueue(
        _ jobs: [NewJob], until deadline: ContinuousClock.Instant
    ) async throws -> [EnqueueOutcome] {
        var outcomes: [EnqueueOutcome] = []
        for part in Self.parts(of: jobs) {
            tap.expect(part)
            let answer: Result<[Wire.EnqueueOutcome], any Error>
            do { answer = .success(try await send(part, until: deadline)) } catch { answer = .failure(error) }
            let behind = tap.outcomes(of: part)
            let told = try answer.get()
            guard told.count == part.count else { throw Self.wrong("how many jobs were sent: \(told.count)") }
            // Where nothing was taken, that is the failure of the call.
            if let problem = Self.failure(of: told) { throw SpanQueueError(problem) }
            for (place, job) in part.enumerated() {
                outcomes.append(try Self.outcome(told[place], of: job, behind[place]))
            }
        }
        return outcomes
    }

    private static func parts(of jobs: [NewJob]) -> [[NewJob]] {
        var parts: [[NewJob]] = []
        var bytes = 0
        for job in jobs {
            let size = job.message.payload.count + 512
            if parts.isEmpty || bytes + size > mostBytes || parts[parts.count - 1].count == mostJobs {
                parts.append([])
                bytes = 0
            }
            parts[parts.count - 1].append(job)
            bytes += size
        }
        return parts
    }

    private func send(_ jobs: [NewJob], until deadline: ContinuousClock.Instant) async throws -> [Wire.EnqueueOutcome] {
        var options = Self.options
        options.timeout = max(.milliseconds(1), deadline - ContinuousClock.now)
        let messages = jobs.map { Wire.EnqueueRequest($0) }
        guard messages.count == 1 else {
            let batch = Wire.EnqueueBatchRequest.with { $0.jobs = messages }
            return try await call { [options] in try await $0.producer.enqueueBatch(batch, options: options) }.outcomes
        }
        var outcome = Wire.EnqueueOutcome()
        do {
            outcome.reply = try await call { [options] in try await $0.producer.enqueue(messages[0], options: options) }
        } catch let error as SpanQueueError where error.code == .conflict {
            outcome.problem.reason = error.code.rawValue
        }
        return [outcome]
    }

    private static func failure(of outcomes: [Wire.EnqueueOutcome]) -> Wire.Problem? {
        let problems = outcomes.compactMap { outcome -> Wire.Problem? in
            guard case .problem(let problem)? = outcome.outcome, problem.reason != "conflict" else { return nil }
            return problem
        }
        return problems.count == outcomes.count ? problems.first : nil
    }

    /// - Parameter behind: what the engine has answered: a receipt does not tell a job that is there from one that has just come.
    private static func outcome(
        _ told: Wire.EnqueueOutcome, of job: NewJob, _ behind: EnqueueOutcome?
    ) throws -> EnqueueOutcome {
        switch told.outcome {
        case .problem(let problem)?:
            return problem.reason == "conflict" ? .conflict : .refused(SpanQueueError(problem))
        case .reply(let reply)?:
            guard reply.queue == job.message.queue else { throw wrong("the queue of \(job.message.id)") }
            if reply.isDuplicate { return .duplicate(of: ExistingJob(reply)) }
            guard reply.id == job.message.id.description else { throw wrong("the id of \(job.message.id)") }
            switch behind {
            case .accepted(_, _, let isRepeat)?:
                guard reply.type == job.message.type, reply.traceID == job.message.trace.traceID.description,
                    reply.state.state == (reply.hasRunAt ? .scheduled : .ready)
                else { throw wrong("what has become of \(job.message.id)") }
                return .accepted(
                    enqueuedAt: reply.enqueuedAt.moment, runAt: reply.hasRunAt ? reply.runAt.moment : nil,
                    isRepeat: isRepeat)
            case .present?: return .present(ExistingJob(reply))
            case .duplicate?, .conflict?, .refused?, nil: throw wrong("that \(job.message.id) was taken")
            }
        case nil: throw wrong("nothing of \(job.message.id)")
        }
    }
}

extension ExistingJob {
    fileprivate init(_ reply: Wire.EnqueueReply) {
        self.init(id: JobID(unchecked: reply.id))
        // Absent where its record is gone; type and trace are then those that were asked for.
        guard reply.hasEnqueuedAt else { return }
        state = reply.state.state
        dueAt = reply.hasRunAt ? reply.runAt.moment : nil
        type = reply.type
        traceID =
            TraceContext(
                traceParent: "00-\(reply.traceID)-0000000000000001-00", traceState: nil, baggage: nil)?.traceID
        enqueuedAt = reply.enqueuedAt.moment
    }
}

extension SpanQueueError {
    /// What the gateway says of one job of many.
    init(_ problem: Wire.Problem) {
        self.init(Code(rawValue: problem.reason), problem.message, mayHaveRun: problem.mayHaveRun)
    }
}

extension Wire.EnqueueRequest {
    fileprivate init(_ job: NewJob) {
        let message = job.message
        self.init()
        queue = message.queue
        type = message.type
        payload = Data(message.payload)
        id = message.id.description
        switch job.schedule {
        case .now: break
        case .after(let delay): self.delay = .init(delay)
        case .at(let moment): runAt = .init(moment)
        }
        priority = UInt32(message.priority)
        if let lock = message.unique {
            unique.key = lock.digest.hexadecimal
            switch lock.span.kind {
            case .untilStarted: unique.untilStarted = true
            case .untilFinished: unique.untilFinished = true
            case .duration(let span): unique.lasting = .init(span)
            }
        }
        switch job.expiry {
        case .after(let delay)?: expiresAfter = .init(delay)
        case .at(let moment)?: deadline = .init(moment)
        case nil: break
        }
        if let limit = message.timeout { timeout = .init(limit) }
        maxRetries = UInt32(message.maxRetries)
        switch message.backoff?.kind {
        case .exponential(let base, let cap)?:
            backoff.exponential.base = .init(base)
            backoff.exponential.cap = .init(cap)
        case .constant(let delay)?: backoff.constant = .init(delay)
        case .linear(let step, let cap)?:
            backoff.linear.step = .init(step)
            backoff.linear.cap = .init(cap)
        case nil: break
        }
        switch message.retention.kind {
        case .standard: break
        case .none: retention = .init(Duration.zero)
        case .duration(let span): retention = .init(span)
        }
        tags = message.tags
        traceparent = message.trace.traceParent
        tracestate = message.trace.traceState ?? ""
        baggage = message.trace.baggage ?? ""
    }
}
