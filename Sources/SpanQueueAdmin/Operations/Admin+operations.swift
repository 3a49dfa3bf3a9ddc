// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
import SpanQueue

extension Admin {
    /// Does something in somebody's name.
    ///
    /// - Throws: `AdminError` where they may not; `.notFound` where there is no such job or queue; what `JobQueue` throws.
    package func run(_ operation: Operation, as principal: Principal) async throws -> OperationResult {
        try principal.require(operation.scope)
        var facts: Logger.Metadata = [
            "action": "\(operation.word)", "by": "\(principal.name)", "way": "\(principal.way.rawValue)",
        ]
        facts["queue"] = operation.queue.map { "\($0)" }
        facts["job"] = operation.job.map { "\($0)" }
        // Before and after: a deed whose outcome nobody hears of is known to have been begun.
        logger.info("operation begins", metadata: facts)
        do {
            let result = try await perform(operation, as: principal)
            logger.notice("operation done", metadata: facts)
            return result
        } catch {
            facts["error"] = "\(error)"
            logger.warning("operation failed", metadata: facts)
            throw error
        }
    }

    private func perform(_ operation: Operation, as principal: Principal) async throws -> OperationResult {
        let by = principal.name
        switch operation {
        case .act(let action, let id, let name):
            return .job(JobActionView(id: id, state: try await queue.perform(action, on: id, in: name, by: by)))
        case .pause(let name, let reason):
            try await queue.pause(name, reason: reason, by: by)
            return .pause(PauseView(name: name, paused: true))
        case .resume(let name):
            try await queue.resume(name)
            return .pause(PauseView(name: name, paused: false))
        case .delete(let name):
            try await queue.deleteQueue(name)
            return .deletion(DeletionView(queue: name, deleted: true))
        case .purge(let name, let state):
            return .count(CountView(name, try await bulk(.remove, name, state, by)))
        case .redriveAll(let name):
            return .count(CountView(name, try await bulk(.redrive, name, .dead, by)))
        }
    }

    private func bulk(
        _ action: BulkRequest.Action, _ name: String, _ state: JobState, _ by: String
    ) async throws -> BulkReply {
        // A name that nobody knows was probably mistyped.
        _ = try await queues([name])
        return try await queue.performAll(action, queue: name, state: state, by: by)
    }
}

extension CountView {
    fileprivate init(_ queue: String, _ reply: BulkReply) {
        self.init(queue: queue, done: reply.done, skipped: reply.skipped)
    }
}
