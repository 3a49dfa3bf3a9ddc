// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// Does something in somebody's name, of which the journal tells.
    ///
    /// - Parameters:
    ///   - state: of a job that is acted on: nothing is done where it is in another one by then; nil for any.
    ///   - progress: is told how far an action on many jobs has come, and stops it.
    /// - Throws: `AdminError` where they may not; `.notFound` where there is no such job or queue; what `JobQueue` throws.
    package func run(
        _ operation: Operation, as principal: Principal, ifStill state: JobState? = nil,
        progress: BulkProgress = BulkProgress()
    ) async throws -> OperationResult {
        try principal.require(operation.scope)
        var operation = operation
        if case .act(let action, let id, nil) = operation {
            operation = .act(action, id, queue: try await record(id).message.queue)
        }
        if let queue = operation.queue { try principal.require(queue: queue) }
        let deed = JournalDeed(
            operation.word, queue: operation.queue, target: operation.target, reason: operation.reason, by: principal)
        return try await journaled(deed, count: \.count) {
            try await perform(operation, as: principal, ifStill: state, progress)
        }
    }

    private func perform(
        _ operation: Operation, as principal: Principal, ifStill state: JobState?, _ progress: BulkProgress
    ) async throws -> OperationResult {
        let by = principal.name
        switch operation {
        case .act(let action, let id, let name):
            let now = try await queue.perform(action, on: id, in: name, by: by, if: state)
            return .job(JobActionView(id: id, state: now))
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
        case .bulk(let order):
            try await perform(order, by: by, progress: progress)
            return .bulk(BulkCountsView(progress.counts))
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
