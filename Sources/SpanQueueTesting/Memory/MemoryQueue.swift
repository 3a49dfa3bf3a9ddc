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

    /// All that is known of one job.
    package struct Entry: Sendable {
        /// The job as it was handed in, by which a repeat is told from a conflict.
        let submitted: NewJob
        package let message: JobMessage
        package internal(set) var place: Place
        package internal(set) var run = RunRecord()
        /// Why an active job is to be cancelled, once that was asked for.
        package internal(set) var cancelReason: String?
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
    /// While it is set, nothing is claimed.
    package var isPaused = false
    package internal(set) var totals = QueueTotals()
    /// Counts the moments at which an idle worker was to be woken.
    package private(set) var wakeUps: UInt64 = 0

    package internal(set) var entries: [JobID: Entry] = [:]
    package internal(set) var locks: [[UInt8]: Lock] = [:]
    package var lastToken: Int64 = 0
    private(set) var lines: [JobState: Line] = [:]
    private var lastTurn: Int64 = 0
    private var firstTurn: Int64 = 0

    package init(name: String, keeping: Keeping = Keeping()) {
        self.name = name
        self.keeping = keeping
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
        entries[id] = entry
        lines[entry.place.state, default: Line()].insert(Line.Member(rank: entry.place.rank, id: id))
        totals.enqueued += 1
    }

    mutating func move(_ id: JobID, to place: Place) {
        guard let old = entries[id]?.place else { return }
        lines[old.state]?.remove(Line.Member(rank: old.rank, id: id))
        lines[place.state, default: Line()].insert(Line.Member(rank: place.rank, id: id))
        entries[id]?.place = place
    }

    mutating func forget(_ id: JobID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        lines[entry.place.state]?.remove(Line.Member(rank: entry.place.rank, id: id))
        totals.removed += 1
    }

    /// Makes a job a dead letter.
    mutating func moveToDead(_ id: JobID, at now: Timestamp) {
        move(id, to: .dead(since: now))
        totals.dead += 1
    }

    /// Calls a job off.
    mutating func moveToCancelled(_ id: JobID, at now: Timestamp) {
        move(id, to: .cancelled(since: now))
        totals.cancelled += 1
    }
}
