// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

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
    private static func reason(_ reason: String, by: String?) -> String {
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
        let keys = keys(queue)
        let (word, reason, isIdempotent) =
            switch action {
            case .cancel(let reason): ("cancel", reason, true)
            case .redrive: ("redrive", "", true)
            case .bury(let reason): ("bury", reason, true)
            // A second one would say that there is no such job.
            case .remove: ("remove", "", false)
            }
        let reply = try await call(
            RedisScriptCall(
                scripts.act,
                keys: [
                    keys.jobs, keys.runs, keys.scheduled, keys.retrying, keys.active, keys.priority, keys.dead,
                    keys.cancelled, keys.retained, keys.completed, keys.leases, keys.cancelling, keys.ready,
                    keys.unique,
                    keys.meta, keys.wake,
                ]
            ) { arguments in
                arguments.append(word)
                arguments.append(id.description)
                arguments.append(Self.reason(reason, by: by))
            }, idempotent: isIdempotent)
        do {
            var cursor = RESPCursor(reply)
            try cursor.nextArray(of: 2)
            let kind = try cursor.nextString()
            let detail = try cursor.nextString()
            switch kind {
            case "done": return .done(detail.isEmpty ? nil : JobState(rawValue: detail))
            case "requested": return .requested
            case "missing": return .notFound
            case "duplicate": return .duplicate(of: JobID(unchecked: detail))
            default: return .invalidState(JobState(rawValue: detail))
            }
        } catch {
            throw SpanQueueError.unexpectedReply("act", error)
        }
    }

    func performAll(_ request: BulkRequest) async throws -> BulkReply {
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
