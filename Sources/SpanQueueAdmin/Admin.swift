// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Logging
package import SpanQueue

/// What a person may ask of queues and do to them: the one contract behind the command line and every other interface.
///
/// What it shows are values that encode themselves (`JobView`, `QueueView` …, by `AdminJSON`). What it does is an `Operation` of a
/// `Principal`, whose name goes into the records of what was acted on.
package struct Admin: Sendable {
    let queue: JobQueue
    /// Others are as if they did not exist.
    var visible = QueuePatterns.all
    /// What is masked in what is shown: so it is not to be found by asking for it.
    package var redaction = Redaction()
    /// Told of each operation before and after it.
    var logger: Logger { queue.logger }

    package init(_ queue: JobQueue) {
        self.queue = queue
    }

    /// The same, for somebody who may see some of the queues only.
    package func visible(to principal: Principal) -> Admin {
        var admin = self
        admin.visible = principal.queues
        return admin
    }

    // MARK: Queues

    /// The names of those that are visible, in order. What is not the name of a queue was written by others: `spanq audit` tells of it.
    func names() async throws -> [String] {
        try await queue.queues().filter { NameRule.queue.allows($0) && visible.allow($0) }
    }

    /// All queues, by name.
    package func queues() async throws -> [QueueView] {
        try await views(queue.counts(of: names()))
    }

    /// The named queues.
    ///
    /// - Throws: `.notFound` for one that does not exist: its name was probably mistyped.
    package func queues(_ names: [String]) async throws -> [QueueView] {
        try await views(counts(of: names))
    }

    /// A page of the queues, by name.
    ///
    /// - Parameter cursor: the last name of the page before.
    package func queues(after cursor: String?, limit: Int) async throws -> QueuesPageView {
        let rest = try await names().filter { name in cursor.map { name > $0 } ?? true }
        let names = Array(rest.prefix(limit))
        let counts = try await queue.counts(of: names)
        return QueuesPageView(queues: try await views(counts), cursor: rest.count > limit ? names.last : nil)
    }

    /// All queues at a glance.
    ///
    /// - Parameter limit: how many of them are shown; the others are in the sums.
    package func stats(limit: Int = 240) async throws -> StatsView {
        let (counts, workers) = try await counts()
        return StatsView(Array(counts.prefix(limit)), rest: Array(counts.dropFirst(limit)), workers: workers)
    }

    private func views(_ counts: [QueueCounts]) async throws -> [QueueView] {
        let workers = try await queue.engine.workersByQueue()
        return counts.map { QueueView($0, workers: workers.serving[$0.queue] ?? 0) }
    }

    private func counts(of names: [String]) async throws -> [QueueCounts] {
        for name in names { try NameRule.queue.check(name) }
        let known = Set(try await self.names())
        if let name = names.first(where: { !known.contains($0) }) {
            throw SpanQueueError(.notFound, "no queue \(name): a queue is created by its first job")
        }
        return try await queue.counts(of: names)
    }

    // MARK: Jobs and workers

    /// A job's record.
    ///
    /// - Parameter queue: where it is; all are searched unless given.
    /// - Throws: `.notFound`.
    package func record(_ id: JobID, in queue: String? = nil) async throws -> JobRecord {
        guard redaction.shows(id.description), let record = try await find(id, in: queue),
            visible.allow(record.message.queue)
        else {
            throw SpanQueueError(.notFound, "no job \(id): it never existed, or its record is no longer kept")
        }
        return record
    }

    private func find(_ id: JobID, in queue: String?) async throws -> JobRecord? {
        guard queue == nil, !visible.isAll else { return try await self.queue.job(id, in: queue) }
        // Two queues may have a job of one id, of which one is hidden.
        for name in try await names() {
            if let record = try await self.queue.job(id, in: name) { return record }
        }
        return nil
    }

    /// A job's life up to now, made of its record alone.
    ///
    /// - Parameter traceWindow: that of the workers; `JobTelemetry.standard`'s where it is nil.
    package func trace(
        _ id: JobID, in queue: String? = nil, traceWindow: Duration? = nil
    ) async throws -> JobTrace {
        // The record first: what is in it then lies before `now`.
        let record = try await record(id, in: queue)
        return JobTrace(record, now: try await self.queue.engine.now(), traceWindow: traceWindow)
    }

    /// The live workers, by id.
    package func workers() async throws -> [WorkerView] {
        try await visibleWorkers().sorted { $0.id < $1.id }.map(WorkerView.init)
    }

    /// Those that serve a visible queue, with no others.
    func visibleWorkers() async throws -> [WorkerInfo] {
        let workers = try await queue.workers()
        guard !visible.isAll else { return workers }
        return workers.compactMap { worker in
            var worker = worker
            worker.queues = worker.queues.filter(visible.allow)
            return worker.queues.isEmpty ? nil : worker
        }
    }
}
