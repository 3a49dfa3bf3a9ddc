// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import DequeModule

/// The line of those who wait for a commit, as a value that does no I/O: who leaves with whom, who has waited for too long, and when
/// there is no room for more.
///
/// A commit leaves at once where none is under way. Meanwhile others gather; they leave when it is over, or before that, beside it,
/// where they fill a commit of their own. So few callers cost one commit after the other, as large as they come, and many keep
/// several under way.
struct CommitLine<Item: Sendable>: Sendable {
    struct Limits: Sendable {
        /// Of one commit. A single item may have more bytes.
        var items = 512
        var bytes = 8 << 20
        /// How many wait at least where a further commit leaves beside others: one call of the engine is full.
        var fullItems = 128
        var fullBytes = 4 << 20
        /// How many commits are under way at most.
        var commits = 4
        /// Of all that waits or is under way. A single item may have more bytes.
        var heldItems = 50_000
        var heldBytes = 64 << 20
    }

    /// A caller's place: numbers rise in the order of arrival.
    typealias Ticket = Int

    struct Waiting: Sendable {
        let ticket: Ticket
        let item: Item
        let bytes: Int
        let deadline: ContinuousClock.Instant
    }

    enum Arrival: Sendable, Equatable {
        /// Commit it now, alone; then call `ended`.
        case alone
        /// There is room for it: `join`, or `giveUp`.
        case wait
        /// There is no room.
        case overloaded
    }

    let limits: Limits
    private var line = Deque<Waiting?>()
    private var firstTicket = 0
    private(set) var waitingItems = 0
    private(set) var waitingBytes = 0
    private(set) var heldItems = 0
    private(set) var heldBytes = 0
    private(set) var commits = 0
    /// No later than the earliest deadline of those who wait.
    private var soonest: ContinuousClock.Instant?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// A caller comes with an item of so many bytes.
    mutating func arrive(bytes: Int) -> Arrival {
        guard heldItems == 0 || heldItems < limits.heldItems && heldBytes + bytes <= limits.heldBytes else {
            return .overloaded
        }
        heldItems += 1
        heldBytes += bytes
        guard commits == 0, waitingItems == 0 else { return .wait }
        commits = 1
        return .alone
    }

    /// It stands in the line from now on.
    mutating func join(_ item: Item, bytes: Int, deadline: ContinuousClock.Instant) -> Ticket {
        let ticket = firstTicket + line.count
        line.append(Waiting(ticket: ticket, item: item, bytes: bytes, deadline: deadline))
        waitingItems += 1
        waitingBytes += bytes
        soonest = min(soonest ?? deadline, deadline)
        return ticket
    }

    /// It arrived and does not join.
    mutating func giveUp(bytes: Int) {
        heldItems -= 1
        heldBytes -= bytes
    }

    /// Those who leave now, if any: call again until it is nil. The commit is then under way until `ended`.
    mutating func depart() -> [Waiting]? {
        let isFull = waitingItems >= limits.fullItems || waitingBytes >= limits.fullBytes
        guard waitingItems > 0, commits == 0 || commits < limits.commits && isFull else { return nil }
        var batch: [Waiting] = []
        var bytes = 0
        while let next = line.first {
            if let next {
                guard batch.count < limits.items, batch.isEmpty || bytes + next.bytes <= limits.bytes else { break }
                bytes += next.bytes
                batch.append(next)
            }
            line.removeFirst()
            firstTicket += 1
        }
        waitingItems -= batch.count
        waitingBytes -= bytes
        if waitingItems == 0 { soonest = nil }
        commits += 1
        return batch
    }

    /// A commit of this size is over: its callers have been answered, or stand in the line again.
    mutating func ended(items: Int, bytes: Int) {
        commits -= 1
        heldItems -= items
        heldBytes -= bytes
    }

    /// A caller gives up; nil where it does not wait any more: its commit is under way or over.
    mutating func leave(_ ticket: Ticket) -> Waiting? {
        let place = ticket - firstTicket
        guard line.indices.contains(place), let waiting = line[place] else { return nil }
        remove(waiting, at: place)
        trim()
        return waiting
    }

    /// Those whose time is up; they wait no longer.
    mutating func expire(at now: ContinuousClock.Instant) -> [Waiting] {
        var expired: [Waiting] = []
        for place in line.indices {
            guard let waiting = line[place], waiting.deadline <= now else { continue }
            expired.append(waiting)
            remove(waiting, at: place)
        }
        trim()
        soonest = line.lazy.compactMap { $0?.deadline }.min()
        return expired
    }

    /// When somebody's time may be up; nil where nobody waits.
    var nextDeadline: ContinuousClock.Instant? { waitingItems == 0 ? nil : soonest }

    private mutating func remove(_ waiting: Waiting, at place: Int) {
        line[place] = nil
        waitingItems -= 1
        waitingBytes -= waiting.bytes
        heldItems -= 1
        heldBytes -= waiting.bytes
    }

    /// Places that were given up at the ends.
    private mutating func trim() {
        while let first = line.first, first == nil {
            line.removeFirst()
            firstTicket += 1
        }
    }
}
