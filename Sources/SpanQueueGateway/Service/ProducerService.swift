// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import GRPCCore
import GRPCProtobuf
import ServiceContextModule
package import SpanQueue
import SpanQueueAdmin
package import SpanQueueProto
import SpanQueueTelemetry
import SwiftProtobuf

/// `spanqueue.v1.Producer`: jobs go into queues as those of any other client of a `JobQueue` do, with its spans and metrics.
struct ProducerService: Wire.Producer.ServiceProtocol {
    let queue: JobQueue

    /// In one batch.
    private static let most = 1000

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        typealias Method = Wire.Producer.Method
        router.serve(Method.Enqueue.descriptor, Method.Enqueue.Input.self) {
            try await enqueue(request: $0, context: $1)
        }
        router.serve(Method.EnqueueBatch.descriptor, Method.EnqueueBatch.Input.self) {
            try await enqueueBatch(request: $0, context: $1)
        }
        router.serve(Method.GetJob.descriptor, Method.GetJob.Input.self) { try await getJob(request: $0, context: $1) }
        router.serve(Method.CancelJob.descriptor, Method.CancelJob.Input.self) {
            try await cancelJob(request: $0, context: $1)
        }
    }

    func enqueue(
        request: ServerRequest<Wire.EnqueueRequest>, context: ServerContext
    ) async throws -> ServerResponse<Wire.EnqueueReply> {
        let caller = GatewayCaller.current
        let message = request.message
        let trace = Self.trace(of: message) ?? Self.trace(of: request.metadata)
        let name = message.queue.isEmpty ? queue.configuration.defaultQueue : message.queue
        let deadline = CallDeadline.of(request.metadata)
        let id = message.id.isEmpty ? nil : message.id
        let reply = try await Unary.run(context, until: deadline, queue: name, id: id) {
            try caller.require(.produce, name)
            let job = try EnqueueRequest(message)
            let receipt = try await ServiceContext.withValue(trace?.serviceContext()) {
                try await queue.enqueue(job, until: deadline)
            }
            return Wire.EnqueueReply(receipt)
        }
        return ServerResponse(message: reply)
    }

    func enqueueBatch(
        request: ServerRequest<Wire.EnqueueBatchRequest>, context: ServerContext
    ) async throws -> ServerResponse<Wire.EnqueueBatchReply> {
        let caller = GatewayCaller.current
        let jobs = request.message.jobs
        let parent = Self.trace(of: request.metadata)
        let deadline = CallDeadline.of(request.metadata)
        let reply = try await Unary.run(context, until: deadline) {
            guard (1...Self.most).contains(jobs.count) else {
                throw GatewayError.invalid("\(jobs.count) jobs in a batch: send 1 to \(Self.most)")
            }
            return try await outcomes(of: jobs, caller, parent, until: deadline)
        }
        return ServerResponse(message: reply)
    }

    private func outcomes(
        of jobs: [Wire.EnqueueRequest], _ caller: GatewayCaller, _ parent: TraceContext?,
        until deadline: ContinuousClock.Instant?
    ) async throws -> Wire.EnqueueBatchReply {
        var reply = Wire.EnqueueBatchReply()
        reply.outcomes = Array(repeating: Wire.EnqueueOutcome(), count: jobs.count)
        var places: [Int] = []
        var requests: [EnqueueRequest] = []
        for (place, message) in jobs.enumerated() {
            let name = message.queue.isEmpty ? queue.configuration.defaultQueue : message.queue
            do {
                try caller.require(.produce, name)
                var request = try EnqueueRequest(message)
                request.parent = Self.trace(of: message)
                places.append(place)
                requests.append(request)
            } catch {
                reply.outcomes[place].problem = GatewayError(error, queue: name).problem
            }
        }
        // One call, whatever the traces: jobs of one queue keep their order. It stands below the trace that all of them have.
        let isOneTrace = requests.dropFirst().allSatisfy { $0.parent == requests[0].parent }
        let shared = (isOneTrace ? requests.first?.parent : nil) ?? parent
        let results = try await ServiceContext.withValue(shared?.serviceContext()) { [requests] in
            try await enqueue(requests, until: deadline)
        }
        for (place, result) in zip(places, results) {
            switch result {
            case .success(let receipt): reply.outcomes[place].reply = Wire.EnqueueReply(receipt)
            case .failure(let error): reply.outcomes[place].problem = GatewayError(error).problem
            }
        }
        return reply
    }

    /// A failure of the whole is that of each.
    private func enqueue(
        _ jobs: [EnqueueRequest], until deadline: ContinuousClock.Instant?
    ) async throws -> [EnqueueResult] {
        do {
            // One alone shares its round trip with others.
            if jobs.count == 1 { return [.success(try await queue.enqueue(jobs[0], until: deadline))] }
            return jobs.isEmpty ? [] : try await queue.enqueue(jobs, until: deadline)
        } catch let error as SpanQueueError {
            return jobs.map { _ in .failure(error) }
        }
    }

    func getJob(
        request: ServerRequest<Wire.GetJobRequest>, context: ServerContext
    ) async throws -> ServerResponse<Wire.JobRecord> {
        let caller = GatewayCaller.current
        let message = request.message
        let record = try await Unary.run(context, queue: message.queue, id: message.id) {
            let record = try await find(message.id, message.queue, .read, caller)
            if message.withPayload { try caller.require(.payload, record.queue) }
            return Wire.JobRecord(record, withPayload: message.withPayload)
        }
        return ServerResponse(message: record)
    }

    func cancelJob(
        request: ServerRequest<Wire.CancelJobRequest>, context: ServerContext
    ) async throws -> ServerResponse<Wire.ActionReply> {
        let caller = GatewayCaller.current
        let message = request.message
        let reply = try await Unary.run(context, queue: message.queue, id: message.id) {
            let record = try await find(message.id, message.queue, .operate, caller)
            let state = try await queue.perform(
                .cancel(reason: message.reason), on: record.id, in: record.queue, by: caller.name)
            var reply = Wire.ActionReply()
            reply.outcome = state == .active ? .requested : .done
            reply.state = Wire.JobState(state ?? .cancelled)
            return reply
        }
        return ServerResponse(message: reply)
    }

    private func find(
        _ id: String, _ name: String, _ scope: Scope, _ caller: GatewayCaller
    ) async throws -> JobRecord {
        // Who may not look everywhere must say where; and what is in a queue of others is as if it were not there.
        try caller.require(scope, name.isEmpty ? nil : name)
        let id = try JobID(id)
        guard let record = try await queue.job(id, in: name.isEmpty ? nil : name) else {
            throw SpanQueueError(.notFound, "no job \(id): it never existed, or its record is no longer kept")
        }
        try caller.require(scope, record.queue)
        return record
    }

    // MARK: Traces

    private static func trace(of message: Wire.EnqueueRequest) -> TraceContext? {
        guard !message.traceparent.isEmpty else { return nil }
        return TraceContext(
            traceParent: message.traceparent, traceState: message.tracestate.isEmpty ? nil : message.tracestate,
            baggage: message.baggage.isEmpty ? nil : message.baggage)
    }

    private static func trace(of metadata: Metadata) -> TraceContext? {
        func text(_ key: String) -> String? { metadata[stringValues: key].first { _ in true } }
        guard let parent = text("traceparent") else { return nil }
        return TraceContext(traceParent: parent, traceState: text("tracestate"), baggage: text("baggage"))
    }
}

extension EnqueueRequest {
    /// - Throws: `GatewayError`, `SpanQueueError` with `.invalidArgument`; what else may be wrong, the queue says.
    init(_ message: Wire.EnqueueRequest) throws {
        var options: [EnqueueOption] = [.priority(Int(message.priority)), .tags(message.tags)]
        if !message.queue.isEmpty { options.append(.queue(message.queue)) }
        if !message.id.isEmpty { options.append(.id(try JobID(message.id))) }
        switch message.schedule {
        case .delay(let delay)?: options.append(.delay(delay.value))
        case .runAt(let moment)?: options.append(.runAt(moment.value))
        case nil: break
        }
        switch message.expiry {
        case .expiresAfter(let delay)?: options.append(.deadline(after: delay.value))
        case .deadline(let moment)?: options.append(.deadline(moment.value))
        case nil: break
        }
        if message.hasTimeout { options.append(.timeout(message.timeout.value)) }
        if message.hasMaxRetries { options.append(.maxRetries(Int(message.maxRetries))) }
        if message.hasBackoff { options.append(.retryPolicy(try SpanQueue.RetryPolicy(message.backoff))) }
        if message.hasRetention { options.append(.retention(for: message.retention.value)) }
        if message.hasUnique {
            let key = message.unique.key.isEmpty ? nil : message.unique.key
            switch message.unique.span {
            case .untilStarted(true)?: options.append(.uniqueUntilStarted(key: key))
            case .untilFinished(true)?: options.append(.uniqueUntilFinished(key: key))
            case .lasting(let span)?: options.append(.unique(for: span.value, key: key))
            default: throw GatewayError.invalid("unique without until_started, until_finished or lasting")
            }
        }
        self.init(type: message.type, payload: [UInt8](message.payload), options: options)
    }
}

extension SpanQueue.RetryPolicy {
    fileprivate init(_ message: Wire.Backoff) throws(GatewayError) {
        switch message.kind {
        case .exponential(let waits)?: self = .exponential(base: waits.base.value, cap: waits.cap.value)
        case .constant(let wait)?: self = .constant(wait.value)
        case .linear(let waits)?: self = .linear(step: waits.step.value, cap: waits.cap.value)
        case nil: throw .invalid("a backoff that says nothing: use exponential, constant or linear")
        }
    }
}

extension Wire.EnqueueReply {
    init(_ receipt: EnqueueReceipt) {
        self.init()
        id = receipt.id.description
        type = receipt.type
        queue = receipt.queue
        if let at = receipt.enqueuedAt { enqueuedAt = .init(at) }
        if let at = receipt.runAt { runAt = .init(at) }
        isDuplicate = receipt.isDuplicate
        state = receipt.state.map { Wire.JobState($0) } ?? .unspecified
        traceID = "\(receipt.traceID)"
    }
}

extension Wire.JobRecord {
    /// - Parameter withPayload: whether the payload and the result are in it.
    package init(_ record: JobRecord, withPayload: Bool) {
        self.init()
        id = record.id.description
        queue = record.queue
        type = record.type
        state = Wire.JobState(record.state)
        priority = UInt32(clamping: record.priority)
        attempt = UInt32(clamping: record.attempt)
        maxAttempts = UInt32(clamping: record.maxAttempts)
        enqueuedAt = .init(record.enqueuedAt)
        if let at = record.dueAt { dueAt = .init(at) }
        if let at = record.message.deadline { deadline = .init(at) }
        if let limit = record.message.timeout { timeout = .init(limit) }
        lastError = record.lastError ?? ""
        endReason = record.endReason ?? ""
        if let fraction = record.progress { progress = fraction }
        progressNote = record.progressNote
        tags = record.tags
        reclaims = UInt32(clamping: record.reclaims)
        worker = record.worker ?? ""
        if let at = record.leaseExpiresAt { leaseUntil = .init(at) }
        cancelRequested = record.cancelRequested
        traceID = "\(record.traceID)"
        guard withPayload else { return }
        payload = .init(record.payload)
        if let bytes = record.resultBytes { result = .init(bytes) }
    }
}
