/// A worker's request for jobs of one queue.
public struct ClaimRequest: Sendable, Hashable {
    /// The queue.
    public var queue: String
    /// The most jobs wanted; at most `maximumBatch` are given.
    public var limit: Int
    /// How long the claims hold unless they are extended.
    public var lease: Duration
    /// Who claims.
    public var worker: String

    /// The most jobs one claim gives.
    public static let maximumBatch = 128

    package init(queue: String, limit: Int, lease: Duration, worker: String) {
        self.queue = queue
        self.limit = limit
        self.lease = lease
        self.worker = worker
    }
}

/// A claim, as the calls that depend on it name it.
public struct ClaimReference: Sendable, Hashable {
    /// The job.
    public var id: JobID
    /// Its queue.
    public var queue: String
    /// The claim's token.
    public var token: FencingToken
    /// The worker that holds it.
    public var worker: String

    package init(id: JobID, queue: String, token: FencingToken, worker: String) {
        self.id = id
        self.queue = queue
        self.token = token
        self.worker = worker
    }
}

/// A job in the hands of a worker.
///
/// A class: it goes through many hands, and to copy all that a job has is to retain a dozen objects.
public final class ClaimedJob: Sendable, Hashable {
    /// What the enqueue fixed.
    public let message: JobMessage
    /// What had happened to it before this claim.
    public let run: RunRecord
    /// The claim.
    public let reference: ClaimReference
    /// When it was claimed.
    public let claimedAt: Timestamp

    package init(message: JobMessage, run: RunRecord, reference: ClaimReference, claimedAt: Timestamp) {
        self.message = message
        self.run = run
        self.reference = reference
        self.claimedAt = claimedAt
    }

    /// Whether two claims are of the same job with the same record, under the same token.
    public static func == (left: ClaimedJob, right: ClaimedJob) -> Bool {
        left.reference == right.reference && left.claimedAt == right.claimedAt && left.message == right.message
            && left.run == right.run
    }

    /// Hashes the claim, which no other shares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(reference)
    }

    /// The number of the attempt that this claim is for, from 1.
    public var attempt: Int { run.attempts + 1 }

    /// The earliest moment at which this claim could have been made.
    public var eligibleAt: Timestamp { run.eligibleAt ?? message.eligibleAt }

    /// How long it waited for this claim; never negative.
    public var wait: Duration { max(.zero, claimedAt - eligibleAt) }
}

/// A claimed job whose record can't be read. It is the worker's to bury.
public struct UnreadableJob: Sendable, Hashable {
    /// The claim.
    public var reference: ClaimReference
    /// When it was claimed.
    public var claimedAt: Timestamp
    /// What is wrong with the record, in words.
    public var problem: String

    package init(reference: ClaimReference, claimedAt: Timestamp, problem: String) {
        self.reference = reference
        self.claimedAt = claimedAt
        self.problem = problem
    }
}

/// What a claim gave.
public struct ClaimReply: Sendable, Hashable {
    /// The claimed jobs, in the order in which they are to start.
    public var jobs: [ClaimedJob] = []
    /// Claimed jobs that can't be read.
    public var unreadable: [UnreadableJob] = []
    /// Ids that stood in the queue without a record and were taken out of it.
    public var vanished: [JobID] = []
    /// How many due jobs the claim made ready.
    public var promoted = 0
    /// Whether ready jobs are left.
    public var hasMore = false
    /// Whether the queue is paused: then nothing was claimed.
    public var isPaused = false
    /// How long until the next scheduled or retrying job of the queue is due; nil when there is none, and where it does not matter
    /// yet: when more is ready, or the queue is paused.
    public var nextDueIn: Duration?
    /// How long until the earliest lease of the queue lapses, zero when one has; nil when nothing is active.
    public var nextLapseIn: Duration?
    /// The engine's clock at the claim.
    public var now: Timestamp

    package init(now: Timestamp) {
        self.now = now
    }
}

/// Leases of one queue that are to be extended by the same time.
package struct LeaseBatch: Sendable, Hashable {
    /// The queue.
    package var queue: String
    /// The claims, all of this queue.
    package var claims: [ClaimReference]
    /// How long they hold from now on.
    package var lease: Duration

    package init(queue: String, claims: [ClaimReference], lease: Duration) {
        self.queue = queue
        self.claims = claims
        self.lease = lease
    }
}

/// What extending leases told.
public struct ExtendReply: Sendable, Hashable {
    /// The jobs that are no longer this worker's.
    public var lost: Set<JobID> = []
    /// The jobs whose cancel was asked for.
    public var cancelRequested: Set<JobID> = []

    package init() {}
}
