// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueLoop

/// What keeps the jobs, in five parts: what producers, workers, upkeep, readers and operators ask of it. `JobQueue` and `Worker` work
/// against these alone; the Redis engine, the in-memory engine for tests and any later one stand behind them, and one conformance
/// suite runs on each. A capability that only some engines have is a protocol of its own, found by `as?`.
///
/// Every call is one step that happens wholly or not at all, but for calls that take several queues or more than fits a batch: these
/// are one step for each queue and batch. Every deadline is judged by the engine's own clock. A call that is repeated after a lost
/// answer leaves the same state and gives the same class of answer. Calls throw `SpanQueueError`, and `CancellationError` where
/// their task was cancelled.
///
/// **Executors.** `extend`, `settle`, `claim`, `waitForWork`, `announce` and `now`, called on an actor whose executor is a thread of
/// its own, come back to it without the global pool, which blocking handlers may have filled: no task, no actor and no
/// `Task.sleep` is on their way. Cancellation ends the caller's wait and nothing else.
package protocol EngineCore: Sendable {
    /// What it is called in metrics: `redis`, `memory`.
    var name: String { get }
    /// The thread on which calls are answered, if there is one. A worker that runs on it too wakes nobody for a call. It runs until
    /// the engine has shut down, and after that for as long as somebody has something to do there.
    var thread: LoopThread? { get }

    /// Connects, and checks that what it finds can be worked with. Where it throws, the engine has let go of everything.
    func start() async throws
    /// Lets go of connections and threads. Calls afterwards throw `.closed`.
    func shutdown() async
    /// The present moment of the engine's clock.
    func now() async throws -> Timestamp
}

extension EngineCore {
    package var thread: LoopThread? { nil }
}

/// What producers ask for.
package protocol JobStore: EngineCore {
    /// Adds one job. The call may share its round trip with others.
    ///
    /// - Parameter deadline: the call has ended by then. An error without `mayHaveRun` means that the job was not added and never will
    ///   be.
    func enqueue(_ job: NewJob, until deadline: ContinuousClock.Instant) async throws -> EnqueueOutcome
    /// Adds jobs, of any mix of queues, and says for each in order what became of it.
    func enqueue(_ jobs: [NewJob], until deadline: ContinuousClock.Instant) async throws -> [EnqueueOutcome]
}

/// What workers ask for. The calls that take many answer for each: one queue that can't be worked with holds up no other.
package protocol JobSource: EngineCore {
    /// For each request promotes what is due in its queue, then takes up to its limit of ready jobs under a lease; all in one
    /// round trip. The replies are in the order of the requests.
    func claim(_ requests: [ClaimRequest]) async throws(CancellationError) -> [Result<ClaimReply, SpanQueueError>]
    /// Extends leases, and says which are lost and which jobs are to be cancelled; all in one round trip.
    func extend(_ batches: [LeaseBatch]) async throws(CancellationError) -> [Result<ExtendReply, SpanQueueError>]
    /// Ends attempts, of any mix of queues, and says for each in order whether it counted.
    func settle(_ settlements: [Settlement]) async throws(CancellationError) -> [Result<SettleOutcome, SpanQueueError>]
    /// Stores how far a running attempt says it has come. Returns false where the lease is lost.
    func report(_ progress: JobProgress, on job: ClaimedJob) async throws -> Bool
    /// Returns when one of the queues may have something to claim, or at `deadline`. It takes no job.
    func waitForWork(in queues: [String], until deadline: ContinuousClock.Instant) async throws
    /// Wakes one idle worker of each queue that has something to claim: called where a wake-up may have been swallowed, also in a
    /// task that was cancelled: it is passed on all the same.
    func passWakeUp(in queues: [String]) async
    /// Makes a worker known, until `lifetime` has passed without another call.
    func announce(_ worker: WorkerInfo, lifetime: Duration) async throws
    /// Forgets a worker.
    func retire(workerID: String) async throws
}

/// Upkeep, by whoever works: an engine whose server does it by itself has none.
package protocol JobKeeper: EngineCore {
    /// Reclaims up to `limit` jobs of a queue whose lease has run out.
    func reclaim(_ request: ReclaimRequest) async throws -> [ReclaimedJob]
    /// Drops finished jobs whose retention is over and locks that have run out: step by step until nothing is left of them or the
    /// time is up, and one step at least.
    func sweep(_ queue: String, within budget: Duration) async throws -> SweepReply
}

/// What readers ask for.
package protocol JobInspector: EngineCore {
    /// The names of the queues, in order.
    func queues() async throws -> [String]
    /// The workers that are known and have not lapsed.
    func workers() async throws -> [WorkerInfo]
    /// How many of them serve each queue; the same as counting in ``workers()``, which an engine may do for less.
    func workersByQueue() async throws -> WorkersByQueue
    /// Finds a job; `queue` spares the search through all queues.
    func job(_ id: JobID, in queue: String?) async throws -> JobRecord?
    /// A page of the jobs of a queue in one state.
    func list(_ request: ListRequest) async throws -> ListPage
    /// Counts of the named queues, at a cost that does not grow with their depth.
    func counts(of queues: [String]) async throws -> [QueueCounts]
}

/// What a person does.
package protocol JobOperator: EngineCore {
    /// Stops claims from a queue; what is running goes on.
    ///
    /// - Returns: false where there is no such queue; nothing was changed then.
    func pause(_ queue: String, note: OperatorNote) async throws -> Bool
    /// Lets claims go on.
    ///
    /// - Returns: false where there is no such queue.
    func resume(_ queue: String) async throws -> Bool
    /// Acts on one job.
    ///
    /// - Parameter by: who asked for it, for the job's history; nil where that is not known.
    func perform(_ action: JobAction, on id: JobID, in queue: String, by: String?) async throws -> ActionOutcome
    /// Removes or redrives up to `limit` jobs of a queue in one state, oldest first; call again until it did nothing.
    func performAll(_ request: BulkRequest) async throws -> BulkReply
    /// Forgets a queue without jobs: its totals, its locks, its pause.
    ///
    /// - Returns: false where there is no such queue.
    /// - Throws: `.invalidState` where it has jobs.
    func delete(_ queue: String) async throws -> Bool
}

/// What a `JobQueue` needs of an engine.
package typealias Engine = JobStore & JobSource & JobInspector & JobOperator

extension JobInspector {
    /// By reading all workers.
    package func workersByQueue() async throws -> WorkersByQueue {
        WorkersByQueue(try await workers().map(\.queues))
    }
}
