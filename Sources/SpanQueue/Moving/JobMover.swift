// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What became of a packed job that was offered to an engine.
package enum AdoptOutcome: Sendable, Hashable {
    /// It is there now, in its state.
    case adopted
    /// The same job is there already, in this state and with this record of runs.
    case there(JobState, run: [UInt8]?)
    /// Another job has its id.
    case conflict
    /// This job holds the lock that it brings.
    case locked(by: JobID)
}

/// What became of a job that was to be forgotten.
package enum DropOutcome: Sendable, Hashable {
    /// It is gone, by this call.
    case dropped
    /// It was gone.
    case gone
    /// It is not what it was when it was read, and was left alone.
    case changed
}

/// What an engine has whose jobs can go to another store, or come from one.
package protocol JobMover: EngineCore {
    /// Stops claims from a queue. When it returns, no claim is under way that began before.
    ///
    /// - Parameter note: why, for those who find it paused. A queue that is not there is begun.
    /// - Throws: `.unsupported` where the queue uses features that this version does not know.
    func halt(_ queue: String, note: OperatorNote) async throws
    /// A page of the jobs of a queue in one state, any but `active`.
    ///
    /// - Parameter isForRemoval: whether they will be dropped: an engine may then put jobs where that costs little. Their order stays.
    func packed(_ request: ListRequest, isForRemoval: Bool) async throws -> PackedPage
    /// Adds records as they are, each with the lock that it holds: at most 100. Ready jobs stand behind those that are there.
    ///
    /// - Parameter pause: how the queue must be paused; else nothing is done.
    /// - Throws: `.invalidState` where it is not.
    func adopt(_ jobs: [PackedJob], into queue: String, under pause: PauseNote) async throws -> [AdoptOutcome]
    /// Forgets jobs that are still as they were read, with the locks that end with them: at most 100. A call whose answer is lost may have
    /// done it, and is not made again.
    ///
    /// - Parameter pause: how the queue must be paused; else nothing is done.
    /// - Throws: `.invalidState` where it is not.
    func drop(_ jobs: [PackedJob], from queue: String, under pause: PauseNote) async throws -> [DropOutcome]
    /// Locks of a queue that end by time and have not ended, in no order; perhaps one twice.
    ///
    /// - Parameter cursor: where the last page ended; nil for the first.
    func timedLocks(of queue: String, after cursor: String?) async throws -> (locks: [HeldLock], cursor: String?)
    /// Sets such locks where nobody holds one of the digest: at most 100.
    func adopt(_ locks: [HeldLock], into queue: String) async throws
    /// Adds groups of errors, with their counts and moments, that the queue does not have: at most 100.
    func adopt(_ groups: [ErrorGroup], into queue: String) async throws
}
