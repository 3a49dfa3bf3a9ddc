// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

/// Events of an engine that does not tell any: found by looking at the counts, at the jobs that run, and at the latest that ended. A job
/// that starts and ends between two looks is counted; it is named only where it ended dead or cancelled.
package enum PolledEvents {
    /// How often it is looked.
    package static let interval = Duration.seconds(1)
    /// How many jobs of a kind are looked at.
    static let mostJobs = 50

    package static func stream(
        of engine: any JobInspector, _ queues: [String]?, every interval: Duration = interval
    ) -> AsyncStream<EngineNews> {
        NewsSink.stream(on: engine.thread) { sink in await run(engine, queues, every: interval, sink) }
    }

    /// Looks until the task is cancelled or the engine has shut down.
    package static func run(
        _ engine: any JobInspector, _ queues: [String]?, every interval: Duration = interval, _ sink: NewsSink
    ) async {
        var views: [String: PolledQueue] = [:]
        var lastLook: Timestamp?
        while !Task.isCancelled {
            do {
                let now = try await engine.now()
                for event in try await look(at: engine, queues, &views, since: lastLook, now) { sink.tell(event) }
                lastLook = now
            } catch let error as SpanQueueError where error.code == .closed {
                return
            } catch {
                // It may be back by the next look; what happened meanwhile shows in the totals then.
            }
            do { try await engine.pause(for: interval) } catch { return }
        }
    }

    private static func look(
        at engine: any JobInspector, _ queues: [String]?, _ views: inout [String: PolledQueue],
        since lastLook: Timestamp?, _ now: Timestamp
    ) async throws -> [QueueEvent] {
        let names: [String]
        if let queues { names = queues } else { names = try await engine.queues() }
        var events: [QueueEvent] = []
        for counts in try await engine.counts(of: Array(names.prefix(EventWatch.mostQueues))) {
            let queue = counts.queue
            // One that was not there at the last look has begun since.
            var view = views[queue] ?? PolledQueue(queue, totals: lastLook.map { _ in QueueTotals() }, at: lastLook)
            guard view.isFirst || view.mayHaveMoved(counts) else { continue }
            let active = try await engine.list(ListRequest(queue: queue, state: .active, limit: mostJobs)).jobs
            var ended: [JobRecord] = []
            if !view.isFirst {
                for id in view.gone(from: active) {
                    if let record = try await engine.job(id, in: queue) { ended.append(record) }
                }
                for state in view.statesThatGrew(counts) {
                    let request = ListRequest(queue: queue, state: state, limit: QueueEvent.mostJobs, newestFirst: true)
                    ended += try await engine.list(request).jobs
                }
            }
            if let event = view.look(counts, active: active, ended: ended, at: now) {
                events.append(event)
            }
            views[queue] = view
        }
        return events
    }
}

extension EngineCore {
    /// Sleeps on the engine's thread, where it has one.
    fileprivate func pause(for time: Duration) async throws {
        if let thread { try await thread.sleep(for: time) } else { try await Task.sleep(for: time) }
    }
}

/// What the last look at a queue has seen, and what the next one makes of it. It does no I/O.
struct PolledQueue: Sendable {
    private let queue: String
    private var totals: QueueTotals?
    /// The claims under which jobs ran: one that was released and claimed again may have the same number of attempts.
    private var running: [JobID: FencingToken?] = [:]
    /// The latest moment at which an attempt was seen to have ended or something done.
    private var latest: Timestamp?

    /// - Parameter totals: what is known of its past; nil for a queue of which nothing is.
    init(_ queue: String, totals: QueueTotals? = nil, at now: Timestamp? = nil) {
        self.queue = queue
        self.totals = totals
        latest = now
    }

    /// Whether nothing is known to compare with.
    var isFirst: Bool { totals == nil }

    func mayHaveMoved(_ counts: QueueCounts) -> Bool {
        counts.totals != totals || counts[.active] > 0 || !running.isEmpty
    }

    /// The jobs that ran at the last look and do not any more; as many as an event names.
    func gone(from active: [JobRecord]) -> [JobID] {
        let still = Set(active.map(\.message.id))
        return running.keys.filter { !still.contains($0) }.sorted { $0.description < $1.description }
            .prefix(QueueEvent.mostJobs).map(\.self)
    }

    /// Of the states whose latest jobs can be read.
    func statesThatGrew(_ counts: QueueCounts) -> [JobState] {
        guard let totals else { return [] }
        return (counts.totals.dead > totals.dead ? [.dead] : [])
            + (counts.totals.cancelled > totals.cancelled ? [.cancelled] : [])
    }

    /// Takes what a look has found, and says what happened since the last; nil where nothing did, and for the first.
    ///
    /// - Parameter ended: jobs that may have ended an attempt since.
    mutating func look(
        _ counts: QueueCounts, active: [JobRecord], ended: [JobRecord], at now: Timestamp
    ) -> QueueEvent? {
        defer {
            totals = counts.totals
            running = Dictionary(active.map { ($0.message.id, $0.claim?.token) }) { first, _ in first }
            latest = now
        }
        guard let totals, let latest else { return nil }
        var jobs: [QueueEvent.Change] = []
        var seen: Set<JobID> = []
        for record in ended where seen.insert(record.message.id).inserted {
            guard let last = record.run.history.last, last.at >= latest || running[record.message.id] != nil else {
                continue
            }
            let kind = QueueEvent.Kind(rawValue: last.attempt?.outcome.rawValue ?? last.kind)
            jobs.append(
                QueueEvent.Change(
                    kind: kind, id: record.message.id, type: record.message.type, attempt: last.attempt?.number,
                    errorType: last.attempt?.errorType))
        }
        for record in active where running[record.message.id] != .some(record.claim?.token) {
            jobs.append(
                QueueEvent.Change(
                    kind: .started, id: record.message.id, type: record.message.type, attempt: record.attempt))
        }
        var event = QueueEvent(queue: queue, at: now, all: jobs)
        // Of these the totals know all.
        for (kind, before, after) in [
            (QueueEvent.Kind.completed, totals.completed, counts.totals.completed),
            (.buried, totals.dead, counts.totals.dead), (.cancelled, totals.cancelled, counts.totals.cancelled),
        ] { event.counts[kind] = max(event.counts[kind] ?? 0, after - before) }
        event.counts = event.counts.filter { $0.value > 0 }
        return event.counts.isEmpty ? nil : event
    }
}
