// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

/// What has just become of jobs of one queue, as told by whoever did it.
///
/// News and no record: it may be missed, or told twice. What counts is the job's own record.
package struct QueueEvent: Sendable, Hashable {
    /// What happened to a job. A later version may have words that this one does not know.
    package struct Kind: RawRepresentable, Sendable, Hashable {
        package let rawValue: String

        package init(rawValue: String) { self.rawValue = rawValue }

        /// A worker claimed it.
        package static let started = Kind(rawValue: "started")
        /// Its attempt ended, in one of the ways of ``AttemptOutcome``.
        package static let completed = Kind(rawValue: "completed")
        package static let retried = Kind(rawValue: "retried")
        package static let snoozed = Kind(rawValue: "snoozed")
        package static let buried = Kind(rawValue: "buried")
        package static let released = Kind(rawValue: "released")
        package static let cancelled = Kind(rawValue: "cancelled")
        /// Its lease ran out, and it is ready again.
        package static let lost = Kind(rawValue: "lost")
        /// A person made it ready.
        package static let redriven = Kind(rawValue: "redriven")
        /// A person had it forgotten.
        package static let removed = Kind(rawValue: "removed")
        /// A person asked for the end of a job that runs.
        package static let cancelRequested = Kind(rawValue: "cancel_requested")
    }

    /// What happened to one of the jobs.
    package struct Change: Sendable, Hashable {
        package var kind: Kind
        package var id: JobID
        /// Its type; nil where whoever told it does not know.
        package var type: String?
        /// The attempt that began or ended; nil where none did.
        package var attempt: Int?
        /// A short name of what went wrong.
        package var errorType: String?

        package init(kind: Kind, id: JobID, type: String? = nil, attempt: Int? = nil, errorType: String? = nil) {
            self.kind = kind
            self.id = id
            self.type = type
            self.attempt = attempt
            self.errorType = errorType
        }
    }

    /// The queue.
    package var queue: String
    /// When, by the engine's clock as far as whoever told it knew it.
    package var at: Timestamp
    /// How many jobs, by what happened to them.
    package var counts: [Kind: Int]
    /// Some of them, at most ``mostJobs``.
    package var jobs: [Change]

    /// The most jobs that an event names.
    package static let mostJobs = 16

    package init(queue: String, at: Timestamp, counts: [Kind: Int], jobs: [Change] = []) {
        self.queue = queue
        self.at = at
        self.counts = counts
        self.jobs = Array(jobs.prefix(Self.mostJobs))
    }

    /// An event that counts all of the jobs, and names the first of them.
    ///
    /// - Parameter most: how many it names.
    package init(queue: String, at: Timestamp, all jobs: [Change], most: Int = mostJobs) {
        var counts: [Kind: Int] = [:]
        for job in jobs { counts[job.kind, default: 0] += 1 }
        self.init(queue: queue, at: at, counts: counts, jobs: Array(jobs.prefix(most)))
    }

    /// Counts what another one counts as well, and names its jobs behind its own.
    package mutating func add(_ other: QueueEvent) {
        at = max(at, other.at)
        counts.merge(other.counts, uniquingKeysWith: +)
        jobs += other.jobs.prefix(Self.mostJobs - jobs.count)
    }
}

extension QueueEvent.Kind {
    /// How an attempt ended.
    fileprivate init(ended outcome: AttemptOutcome) { self.init(rawValue: outcome.rawValue) }
}

extension QueueEvent.Change {
    /// The start of an attempt.
    package init(claimed job: ClaimedJob) {
        self.init(kind: .started, id: job.reference.id, type: job.message.type, attempt: job.attempt)
    }

    /// The end of an attempt.
    package init(settled settlement: Settlement) {
        let job = settlement.job
        self.init(
            kind: QueueEvent.Kind(ended: settlement.verdict.outcome), id: job.reference.id,
            type: job.message.type, attempt: job.attempt, errorType: settlement.report.errorType)
    }

    /// The end of a lease.
    package init(reclaimed job: ReclaimedJob) {
        let kind: QueueEvent.Kind =
            switch job.state {
            case .dead: .buried
            case .cancelled: .cancelled
            default: .lost
            }
        self.init(kind: kind, id: job.reference.id, type: job.message?.type)
    }
}

extension QueueEvent {
    /// What a claim began.
    package static func started(_ claim: ClaimReply, in queue: String, most: Int) -> QueueEvent {
        QueueEvent(
            queue: queue, at: claim.now, counts: claim.jobs.isEmpty ? [:] : [.started: claim.jobs.count],
            jobs: claim.jobs.prefix(most).map(Change.init(claimed:)))
    }

    /// What settlements ended.
    ///
    /// - Parameters:
    ///   - places: those that hold.
    ///   - settlements: among which they are; copying them costs more than counting them.
    package static func ended(
        _ places: some Collection<Int>, of settlements: [Settlement], in queue: String, at: Timestamp, most: Int
    ) -> QueueEvent {
        var counts: [AttemptOutcome: Int] = [:]
        for place in places { counts[settlements[place].verdict.outcome, default: 0] += 1 }
        return QueueEvent(
            queue: queue, at: at,
            counts: Dictionary(uniqueKeysWithValues: counts.map { (Kind(ended: $0), $1) }),
            jobs: places.prefix(most).map { Change(settled: settlements[$0]) })
    }

    /// What a person did to some jobs; nil where nothing was changed.
    package init?(
        _ action: JobAction, _ outcomes: [ActionOutcome], on ids: [JobID], in queue: String, at: Timestamp
    ) {
        let changes = zip(ids, outcomes).compactMap { id, outcome in
            Self.kind(of: action, outcome).map { Change(kind: $0, id: id) }
        }
        guard !changes.isEmpty else { return nil }
        self.init(queue: queue, at: at, all: changes)
    }

    private static func kind(of action: JobAction, _ outcome: ActionOutcome) -> Kind? {
        switch (action, outcome) {
        case (_, .requested): .cancelRequested
        case (.cancel, .done): .cancelled
        case (.redrive, .done): .redriven
        case (.bury, .done): .buried
        case (.remove, .done): .removed
        default: nil
        }
    }

    /// What a person did to many jobs; nil where it was none.
    package init?(_ request: BulkRequest, _ reply: BulkReply, at: Timestamp) {
        guard reply.done > 0 else { return nil }
        let kind: Kind = request.action == .remove ? .removed : .redriven
        self.init(queue: request.queue, at: at, counts: [kind: reply.done])
    }
}

/// What those who watch are told.
package enum EngineNews: Sendable, Hashable {
    /// Something happened to jobs.
    case event(QueueEvent)
    /// Events may have been missed: a connection was replaced, or too much happened at once.
    case missed
}

/// An engine that tells what becomes of jobs as it happens.
package protocol EventSource: JobInspector {
    /// What becomes of jobs from now on. To let go of the stream, or to cancel the task that reads it, is to stop watching. It ends
    /// when the engine shuts down.
    ///
    /// The default looks again and again, see ``PolledEvents``.
    ///
    /// - Parameter queues: nil for all that there are and come to be, up to ``EventWatch/mostQueues``.
    func watch(_ queues: [String]?) -> AsyncStream<EngineNews>
}

extension EventSource {
    package func watch(_ queues: [String]?) -> AsyncStream<EngineNews> { PolledEvents.stream(of: self, queues) }
}

extension JobInspector {
    /// What becomes of jobs from now on: told by the engine where it can, found by looking where it can't.
    package func news(of queues: [String]?) -> AsyncStream<EngineNews> {
        (self as? any EventSource)?.watch(queues) ?? PolledEvents.stream(of: self, queues)
    }
}

/// An engine that counts ready jobs by their priority.
package protocol PrioritySource: EngineCore {
    /// For each of the queues how many jobs are ready at level 0, 1 … 9, at a cost that does not grow with their number. Their sum is
    /// right; an engine may estimate how the jobs of levels that have very many divide between these.
    func readyByPriority(of queues: [String]) async throws -> [[Int]]
}

/// How engines watch.
package enum EventWatch {
    /// The most queues that are watched at a time.
    package static let mostQueues = 1000
    /// What is kept for a reader who is slow; what comes after that is missed.
    package static let mostPending = 1024
}

/// Where news go for one reader. What there is no room for is counted as missed, and the reader told.
package final class NewsSink: Sendable {
    private let continuation: AsyncStream<EngineNews>.Continuation
    private let hasMissed = NIOLockedValueBox(false)

    private init(_ continuation: AsyncStream<EngineNews>.Continuation) { self.continuation = continuation }

    /// A stream, and the work that fills it, which is cancelled when nobody reads any more.
    package static func stream(
        on executor: (any TaskExecutor)? = nil, _ work: @escaping @Sendable (NewsSink) async -> Void
    ) -> AsyncStream<EngineNews> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EngineNews.self, bufferingPolicy: .bufferingOldest(EventWatch.mostPending))
        let sink = NewsSink(continuation)
        let task = Task(executorPreference: executor) {
            await work(sink)
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    package func tell(_ event: QueueEvent) {
        if hasMissed.withLockedValue({ $0 }) {
            guard case .enqueued = continuation.yield(.missed) else { return }
            hasMissed.withLockedValue { $0 = false }
        }
        if case .dropped = continuation.yield(.event(event)) { hasMissed.withLockedValue { $0 = true } }
    }

    /// Ends the stream.
    package func finish() { continuation.finish() }

    package func tellMissed() {
        if case .dropped = continuation.yield(.missed) { hasMissed.withLockedValue { $0 = true } }
    }
}
