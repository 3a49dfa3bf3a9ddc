// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

extension Admin {
    /// Moves, or copies, the jobs of a queue to another store, of which the journals of both tell.
    ///
    /// - Parameters:
    ///   - target: the other store.
    ///   - patience: how long to wait for jobs that run.
    ///   - progress: told after each step.
    /// - Throws: as ``QueueTransfer/run(patience:)``; `.unsupported` for an engine whose jobs can't go elsewhere; `AdminError`.
    package func transfer(
        _ name: String, to target: Admin, isCopy: Bool, patience: Duration, as principal: Principal,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> TransferReport {
        try NameRule.queue.check(name)
        try principal.require(.admin)
        try principal.require(queue: name)
        let transfer = QueueTransfer(
            name, from: try await mover, to: try await target.mover, isCopy: isCopy, progress: progress)
        let word = isCopy ? "copy" : "transfer"
        let outgoing = JournalDeed(word, queue: name, target: "to another store", by: principal)
        let incoming = JournalDeed(word, queue: name, target: "from another store", by: principal)
        return try await journaled(outgoing, count: \.total) {
            try await target.journaled(incoming, count: \.total) { try await transfer.run(patience: patience) }
        }
    }

    /// The names of the queues that are visible, in order.
    package func queueNames() async throws -> [String] { try await names() }

    /// Counts of a queue.
    ///
    /// - Throws: `.notFound` where there is none.
    package func counted(_ name: String) async throws -> QueueCounts {
        guard try await names().contains(name) else {
            throw SpanQueueError(.notFound, "no queue \(name): a queue is created by its first job")
        }
        return try await counts(ofAny: name)
    }

    /// Counts of a queue, or of none by that name.
    package func counts(ofAny name: String) async throws -> QueueCounts {
        guard let counts = try await queue.counts(of: [name]).first else {
            throw SpanQueueError(.notFound, "no queue \(name)")
        }
        return counts
    }

    private var mover: any QueueTransfer.Mover {
        get async throws {
            let engine = try await queue.engine
            guard let mover = engine as? any QueueTransfer.Mover else {
                throw SpanQueueError(.unsupported, "jobs of the \(engine.name) engine can't go elsewhere")
            }
            return mover
        }
    }
}
