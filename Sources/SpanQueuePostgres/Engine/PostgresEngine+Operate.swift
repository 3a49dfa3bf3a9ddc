// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import PostgresClient
import SpanQueue

extension PostgresEngine {
    func pause(_ queue: String, note: OperatorNote) async throws -> Bool {
        let rows = try await call(
            PostgresCall("pause", statements.pause, [.text(queue), .text(note.reason), .text(note.by)]))
        return try read { () throws(PostgresError) in try rows.bool(0, 0) }
    }

    func resume(_ queue: String) async throws -> Bool {
        let rows = try await call(PostgresCall("resume", statements.resume, [.text(queue)]))
        let isDone = try read { () throws(PostgresError) in try rows.bool(0, 0) }
        // Delayed jobs, too: who waits does not know when they are due.
        if isDone { wakeOne(queue) }
        return isDone
    }

    func delete(_ queue: String) async throws -> Bool {
        let rows = try await call(PostgresCall("delete", statements.delete, [.text(queue)]))
        switch try read({ () throws(PostgresError) in try rows.text(0, 0) }) {
        case "d": return true
        case "j":
            throw SpanQueueError(.invalidState, "the queue \(queue) has jobs: purge it first, finished ones included")
        default: return false
        }
    }

    func perform(
        _ action: JobAction, on id: JobID, in queue: String, by: String?
    ) async throws -> ActionOutcome {
        let (word, reason, isIdempotent) = action.call
        let rows = try await call(
            PostgresCall(
                "act", statements.act,
                [.text(queue), .text(word), .text(id.description), .text(reason), .text(by)]), idempotent: isIdempotent)
        return try read { () throws(PostgresError) in
            if try rows.bool(0, 3) { wakeOne(queue) }
            let outcome = try Self.outcome(rows, 0, columns: (word: 0, state: 1, owner: 2))
            publish("act", QueueEvent(action, [outcome], on: [id], in: queue, at: Timestamp(.now)))
            return outcome
        }
    }

    func performAll(_ request: BulkRequest) async throws -> BulkReply {
        guard request.state != .active, request.action == .remove || request.state == .dead else {
            throw SpanQueueError(
                .invalidArgument,
                "\(request.state.rawValue) jobs can't be \(request.action == .remove ? "removed" : "redriven") in bulk")
        }
        guard request.notAfter == nil || request.state == .dead || request.state == .cancelled else {
            throw SpanQueueError(.invalidArgument, "only dead and cancelled jobs can be chosen by the time they ended")
        }
        let rows = try await call(
            PostgresCall(
                "bulk", statements.bulk,
                [
                    .text(request.queue), .texts(request.state.stored), .text(request.action == .remove ? "r" : "v"),
                    .int4(max(1, min(request.limit, 100))), .int8(request.notAfter?.milliseconds), .int4(request.skip),
                    .text(request.by),
                ]), idempotent: false)
        return try read { () throws(PostgresError) in
            let reply = BulkReply(done: Int(try rows.integer(0, 0)), skipped: Int(try rows.integer(0, 1)))
            if request.action == .redrive, reply.done > 0 { wakeOne(request.queue) }
            publish("bulk", QueueEvent(request, reply, at: Timestamp(.now)))
            return reply
        }
    }
}
