// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HiredisClient
import SpanQueue

extension RedisEngine {
    func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        let reply = try await call(
            RedisScriptCall(scripts.pause, keys: [keys(queue).meta]) { arguments in
                arguments.append(Self.reason(note.reason, by: note.by))
            })
        return try reply.integer() == 1
    }

    func resume(_ queue: String) async throws -> Bool {
        let keys = keys(queue)
        return try await call(RedisScriptCall(scripts.resume, keys: [keys.meta, keys.wake])).integer() == 1
    }

    /// A reason as it is stored: behind a NUL comes who gave it, if that is known.
    static func reason(_ reason: String, by: String?) -> String {
        by.map { "\(reason)\0\($0)" } ?? reason
    }

    /// Deletes a queue that is empty; false where there is none.
    func delete(_ queue: String) async throws -> Bool {
        let reply: RESPReply
        do {
            reply = try await client.run(RedisScriptCall(scripts.delete, keys: keys(queue).all), idempotent: true)
        } catch let error as RedisError where error.code == .other("STATE") {
            let jobs = error.message.split(separator: " ").last ?? ""
            throw SpanQueueError(.invalidState, "the queue \(queue) has \(jobs) jobs: purge it first")
        } catch let error as RedisError {
            throw SpanQueueError(error)
        }
        forget(queue)
        let listed = try await all([RedisKeys.queues, RedisKeys.Old.queues].map { RESPCommand("SREM", $0, queue) })
        return try reply.integer() == 1 || listed.contains { try $0.integer() == 1 }
    }

    func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome {
        let watch = askWhetherWatched(queue)
        let outcome = try await act(action, on: id, in: queue, by: by)
        await publish("act", watch, QueueEvent(action, [outcome], on: [id], in: queue, at: Timestamp(.now)))
        return outcome
    }

    private func act(_ action: JobAction, on id: JobID, in queue: String, by: String?) async throws -> ActionOutcome {
        while true {
            // A second removal would say that there is no such job.
            let call = actCall(action, on: id, in: queue, if: nil, by: by)
            switch try Self.read(try await self.call(call, idempotent: action != .remove)) {
            case .known(let outcome): return outcome
            case .deep(let state): try await raise(id, state, in: queue)
            }
        }
    }

    /// - Parameter state: the one in which the job must be; nil for any.
    func actCall(
        _ action: JobAction, on id: JobID, in queue: String, if state: JobState?, by: String?
    ) -> RedisScriptCall {
        let keys = keys(queue)
        let reason =
            switch action {
            case .cancel(let reason), .bury(let reason): reason
            case .redrive, .remove: ""
            }
        return RedisScriptCall(
            scripts.act,
            keys: [
                keys.jobs, keys.runs, keys.scheduled, keys.retrying, keys.active, keys.priority, keys.dead,
                keys.cancelled, keys.retained, keys.completed, keys.leases, keys.cancelling, keys.ready, keys.unique,
                keys.meta, keys.wake,
            ]
        ) { arguments in
            arguments.append(action.word)
            arguments.append(id.description)
            arguments.append(Self.reason(reason, by: by))
            arguments.append(state?.rawValue ?? "")
            arguments.append(options.nearEntries)
        }
    }

    /// What `act` answers.
    enum ActReply {
        case known(ActionOutcome)
        /// The job stands too deep in the list of its state; nothing was done.
        case deep(JobState)
    }

    static func read(_ reply: RESPReply) throws -> ActReply {
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            let kind = try cursor.nextString()
            let detail = try cursor.nextString()
            switch kind {
            case "done": return .known(.done(detail.isEmpty ? nil : JobState(rawValue: detail)))
            case "requested": return .known(.requested)
            case "missing": return .known(.notFound)
            case "duplicate": return .known(.duplicate(of: JobID(unchecked: detail)))
            case "deep": return .deep(JobState(rawValue: detail))
            default: return .known(.invalidState(JobState(rawValue: detail)))
            }
        } catch {
            throw SpanQueueError.unexpectedReply("act", error)
        }
    }

    func performAll(_ request: BulkRequest) async throws -> BulkReply {
        let watch = askWhetherWatched(request.queue)
        let reply = try await actOnAll(request)
        await publish("bulk", watch, QueueEvent(request, reply, at: Timestamp(.now)))
        return reply
    }

    private func actOnAll(_ request: BulkRequest) async throws -> BulkReply {
        guard request.state != .active, request.action == .remove || request.state == .dead else {
            throw SpanQueueError(
                .invalidArgument,
                "\(request.state.rawValue) jobs can't be \(request.action == .remove ? "removed" : "redriven") in bulk")
        }
        let keys = keys(request.queue)
        guard let (set, list) = keys.places(of: request.state) else { return BulkReply(done: 0, skipped: 0) }
        let reply = try await call(
            RedisScriptCall(
                scripts.bulk,
                keys: [
                    keys.jobs, keys.runs, set, list ?? set, keys.ready, keys.priority, keys.unique, keys.meta,
                    keys.wake,
                ]
            ) { arguments in
                arguments.append(request.action == .remove ? "remove" : "redrive")
                arguments.append(max(1, min(request.limit, 100)))
                if let notAfter = request.notAfter {
                    arguments.append(notAfter.milliseconds)
                } else {
                    arguments.append("")
                }
                arguments.append(request.skip)
                arguments.append(Self.reason("", by: request.by))
            }, idempotent: false)
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            return BulkReply(done: Int(try cursor.nextInteger()), skipped: Int(try cursor.nextInteger()))
        } catch {
            throw SpanQueueError.unexpectedReply("bulk", error)
        }
    }
}
