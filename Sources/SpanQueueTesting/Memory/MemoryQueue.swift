// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// One queue as a value: its jobs, locks and totals, and every move between its states, with the time as an argument.
///
/// An id stands in the line of its place and nowhere else, because `move(_:to:)`, `add` and `forget` are all that touch the
/// lines. The in-memory engine is a shell round it, and a model-based test can hold it against any other engine.
package struct MemoryQueue: Sendable {
    /// How long finished jobs are kept.
    package struct Keeping: Sendable, Hashable {
        /// For completed jobs with the standard retention, and for cancelled ones.
        package var standard = Duration.hours(1)
        /// How many completed jobs with the standard retention are kept at most.
        package var completedJobs = 10_000
        /// For dead letters; nil keeps them until a person acts.
        package var dead: Duration?

        package init() {}
    }

    /// Where the contract leaves a choice, an engine's follows from how it stores a queue.
    package enum Storage: Sendable {
        /// As Redis does, and the engine in memory. Equals stand in the order of their ids, due ones in that of their priorities before;
        /// tokens rise from claim to claim; what exceeds the number of completed jobs that are kept goes with the settlement.
        case keys
        /// As Postgres does. Equals stand in the order in which they came, or ended; a token rises from claim to claim of one job; what
        /// exceeds that number goes with a sweep; of jobs that are redriven together those with a lock come last; any completion by the
        /// claim that has completed a job is its repeat.
        case rows
    }

    /// All that is known of one job.
    package struct Entry: Sendable {
        /// The job as it was handed in, by which a repeat is told from a conflict.
        let submitted: NewJob
        package let message: JobMessage
        package internal(set) var place: Place
        package internal(set) var run = RunRecord()
        /// Who asked when and why to cancel an active job, once that was asked for.
        package internal(set) var cancelRequest: CancelRequest?
        /// Where it stands in the line of its state.
        fileprivate(set) var rank = Rank(major: 0)
        /// How many came before it.
        fileprivate(set) var arrival: Int64 = 0
        /// That of its latest claim.
        var lastToken: Int64 = 0
    }

    /// A unique lock that is held.
    package struct Lock: Sendable, Hashable {
        package var owner: JobID
        /// nil for a lock that its owner's start or end releases.
        package var expiresAt: Timestamp?

        func isHeld(at now: Timestamp) -> Bool { expiresAt.map { $0 > now } ?? true }
    }

    package let name: String
    package let keeping: Keeping
    package let storage: Storage
    /// While it is set, nothing is claimed.
    package var isPaused = false {
        didSet { if !isPaused { pause = nil } }
    }
    /// Since when, why and by whom.
    package internal(set) var pause: PauseNote?
    package internal(set) var totals = QueueTotals()
    /// Counts the moments at which an idle worker was to be woken.
    package private(set) var wakeUps: UInt64 = 0

    package internal(set) var entries: [JobID: Entry] = [:]
    package internal(set) var locks: [[UInt8]: Lock] = [:]
    package var lastToken: Int64 = 0
    private(set) var lines: [JobState: Line] = [:]
    private var lastTurn: Int64 = 0
    private var firstTurn: Int64 = 0

    package init(name: String, keeping: Keeping = Keeping(), storage: Storage = .keys) {
        self.name = name
        self.keeping = keeping
        self.storage = storage
    }

    package subscript(state: JobState) -> Line { lines[state] ?? Line() }

    /// The turn behind all others.
    mutating func nextTurn() -> Int64 {
        lastTurn += 1
        return lastTurn
    }

    /// The turn in front of all others.
    mutating func turnBeforeAll() -> Int64 {
        firstTurn -= 1
        return firstTurn
    }

    mutating func wake() { wakeUps += 1 }

    mutating func add(_ id: JobID, _ entry: Entry) {
        totals.enqueued += 1
        var entry = entry
        entry.arrival = Int64(totals.enqueued)
        stand(id, entry)
    }

    mutating func move(_ id: JobID, to place: Place) {
        guard var entry = entries[id] else { return }
        lines[entry.place.state]?.remove(Line.Member(rank: entry.rank, id: id))
        entry.place = place
        stand(id, entry)
    }

    mutating func forget(_ id: JobID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        lines[entry.place.state]?.remove(Line.Member(rank: entry.rank, id: id))
        totals.removed += 1
    }

    /// Puts a job into the line of its state.
    private mutating func stand(_ id: JobID, _ entry: Entry) {
        var entry = entry
        entry.rank = rank(of: entry)
        lines[entry.place.state, default: Line()].insert(Line.Member(rank: entry.rank, id: id))
        entries[id] = entry
    }

    private mutating func rank(of entry: Entry) -> Rank {
        var rank = entry.place.rank
        guard storage == .rows else { return rank }
        switch entry.place {
        case .scheduled, .retrying: rank = Rank(major: rank.major, tie: entry.arrival)
        case .active, .retained: rank.tie = entry.arrival
        case .dead, .cancelled: rank.tie = nextTurn()
        case .ready, .completed: break
        }
        return rank
    }

    /// Makes a job a dead letter.
    mutating func moveToDead(_ id: JobID, at now: Timestamp) {
        move(id, to: .dead(since: now))
        totals.dead += 1
    }

    /// Cancels a job.
    mutating func moveToCancelled(_ id: JobID, at now: Timestamp) {
        move(id, to: .cancelled(since: now))
        totals.cancelled += 1
    }
}

/// What decides an id's place in its line: the smaller comes first, and equal ranks stand in the order of their ids.
package struct Rank: Sendable, Hashable, Comparable {
    var major: Int64
    var minor: Int64 = 0
    var tie: Int64 = 0

    package static func < (left: Rank, right: Rank) -> Bool {
        (left.major, left.minor, left.tie) < (right.major, right.minor, right.tie)
    }
}

/// The ids that stand in one state, in order: a sorted array, as most changes are at its two ends.
package struct Line: Sendable {
    package struct Member: Sendable, Hashable, Comparable {
        var rank: Rank
        package var id: JobID

        package static func < (left: Member, right: Member) -> Bool {
            left.rank == right.rank ? left.id.description < right.id.description : left.rank < right.rank
        }
    }

    package private(set) var members: [Member] = []

    package var count: Int { members.count }
    package var first: Member? { members.first }

    /// How many members stand before the first that satisfies `isLater`, which no member may do that stands before one
    /// that doesn't.
    func count(before isLater: (Member) -> Bool) -> Int {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if isLater(members[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The ids of the first members whose rank's major part is at most `bound`.
    func ids(upTo bound: Int64, limit: Int) -> [JobID] {
        members.prefix(limit).prefix { $0.rank.major <= bound }.map(\.id)
    }

    mutating func insert(_ member: Member) {
        if let last = members.last, last < member {
            members.append(member)
        } else {
            members.insert(member, at: count { $0 >= member })
        }
    }

    mutating func remove(_ member: Member) {
        let index = count { $0 >= member }
        if index < members.count, members[index] == member { members.remove(at: index) }
    }
}

/// Where a job stands, with what its state needs: so nothing can be active without a claim, or wait without a due time.
package enum Place: Sendable, Hashable {
    case scheduled(due: Timestamp, priority: Int)
    /// `turn` is the order inside a priority: arrivals count upwards, returning jobs downwards.
    case ready(priority: Int, turn: Int64)
    case active(ActiveClaim)
    case retrying(due: Timestamp, priority: Int)
    /// Completed with the standard retention.
    case completed(at: Timestamp, turn: Int64)
    /// Completed with a retention of its own.
    case retained(until: Timestamp)
    case dead(since: Timestamp)
    case cancelled(since: Timestamp)

    package var state: JobState {
        switch self {
        case .scheduled: .scheduled
        case .ready: .ready
        case .active: .active
        case .retrying: .retrying
        case .completed, .retained: .completed
        case .dead: .dead
        case .cancelled: .cancelled
        }
    }

    /// Jobs whose retention is their own stand before those with the standard one.
    static let firstStandardCompletion: Int64 = 1

    var rank: Rank {
        switch self {
        case .scheduled(let due, let priority), .retrying(let due, let priority):
            Rank(major: due.milliseconds, minor: Int64(priority))
        case .ready(let priority, let turn): Rank(major: Int64(9 - priority), minor: turn)
        case .active(let claim): Rank(major: claim.leaseExpiresAt.milliseconds)
        case .completed(_, let turn): Rank(major: Self.firstStandardCompletion, minor: turn)
        case .retained(let until): Rank(major: 0, minor: until.milliseconds)
        case .dead(let since), .cancelled(let since): Rank(major: since.milliseconds)
        }
    }

    /// For a job that waits for its time, when that is.
    var dueAt: Timestamp? {
        switch self {
        case .scheduled(let due, _), .retrying(let due, _): due
        default: nil
        }
    }

    package var claim: ActiveClaim? {
        if case .active(let claim) = self { claim } else { nil }
    }
}
