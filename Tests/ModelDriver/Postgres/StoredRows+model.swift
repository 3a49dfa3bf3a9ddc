// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue
import SpanQueueTesting

extension StoredRows {
    func checkInvariants(queue: String, maxReclaims: Int, clockBehind: Duration, _ decoder: inout Decoder) throws {
        let numbersOfRows = [jobs.count, jobs.count { $0.live != nil }, jobs.count { $0.done != nil }]
        try same("the numbers of rows", rows, numbersOfRows.map(Int64.init))
        var places: Set<Int64> = []
        for job in jobs {
            let id = job.id
            try require((job.live == nil) != (job.done == nil), "1: \(id) is in no state, or in two")
            if let live = job.live {
                let isActive = live.state == "a"
                let isClaimed = live.token != nil && live.worker != nil && live.nonce != nil
                try require(
                    isActive ? isClaimed : live.token == nil && live.worker == nil,
                    "2: \(id) is \(live.state) and has token \(live.token ?? 0), worker \(live.worker ?? "")")
                try require(isActive || live.cancel == nil, "2: \(id) is to be cancelled and not active")
                try require((live.token ?? 0) <= live.lastToken, "4: \(id) has a token that is not its last")
                if live.state == "r" { try require(places.insert(live.score).inserted, "8: two jobs have a place") }
            }
            let message = try decoder.message(id, head: job.message, payload: job.payload, enqueuedAt: job.enqueuedAt)
            try require(message.type == job.type && message.priority == job.priority, "the columns of \(id)")
            let run = try job.run.map { try decoder.run(id, $0, of: message) } ?? RunRecord()
            try require(run.attempts <= message.maxAttempts, "6: \(id) had \(run.attempts) of \(message.maxAttempts)")
            try require(run.reclaims <= maxReclaims, "6: \(id) was reclaimed \(run.reclaims) times")
            if job.done?.state == "d" { try require(run.endReason != nil, "6: \(id) is dead without a reason") }
        }
        try require(Int64(jobs.count) == counts[9] - counts[13], "3: \(jobs.count) jobs, \(counts[9]) − \(counts[13])")
        let numbers = Dictionary(uniqueKeysWithValues: jobs.map { ($0.nr, $0) })
        for (digest, lock) in locks where lock.until == nil {
            let owner = numbers[lock.nr]
            try require(owner?.live != nil && owner?.id == lock.owner, "7: the lock of \(lock.owner), which has ended")
            let message = try owner.map {
                try decoder.message($0.id, head: $0.message, payload: $0.payload, enqueuedAt: $0.enqueuedAt)
            }
            try require(message?.unique?.digest == digest, "7: \(lock.owner) holds a lock that is not its own")
        }
    }

    /// Compares every row with what the model says it must hold.
    func compare(with world: World, _ decoder: inout Decoder) throws {
        let queue = world.queue
        try same("the ids of jobs", ids, Set(queue.entries.keys))
        for job in jobs {
            guard let entry = queue.entries[job.id] else { continue }
            let message = try decoder.message(
                job.id, head: job.message, payload: job.payload, enqueuedAt: job.enqueuedAt)
            try same("the message of \(job.id)", message, entry.message)
            let run = try job.run.map { try decoder.run(job.id, $0, of: message) } ?? RunRecord()
            try same("the runs of \(job.id)", run, entry.run)
            try same("the place of \(job.id)", Self.place(of: job), Self.place(of: entry))
        }
        try compareLines(with: queue)
        try same(
            "locks", locks.mapValues { "\($0.until ?? 0):\($0.owner)" },
            queue.locks.mapValues { "\($0.expiresAt?.milliseconds ?? 0):\($0.owner)" })
        try same("pause", isPaused, queue.isPaused)
        let kept = queue[.completed].members.count { queue.entries[$0.id]?.place.isRetained == true }
        var numbers = [JobState.scheduled, .held, .ready, .active, .retrying].map { queue[$0].count }
        numbers += [queue[.completed].count - kept, kept, queue[.dead].count, queue[.cancelled].count]
        numbers += [queue.totals.enqueued, queue.totals.completed, queue.totals.dead, queue.totals.cancelled]
        numbers.append(queue.totals.removed)
        try same("what is counted", counts, numbers.map(Int64.init))
    }

    private func compareLines(with queue: MemoryQueue) throws {
        func line(_ letters: [String], _ order: (Job) -> (Int64, Int64)) -> [JobID] {
            letters.flatMap { letter in
                jobs.filter { ($0.live?.state ?? $0.done?.state) == letter }.sorted { order($0) < order($1) }.map(\.id)
            }
        }
        for (letter, state) in [("s", JobState.scheduled), ("r", .ready), ("a", .active), ("t", .retrying)] {
            try same(state.rawValue, line([letter]) { ($0.live?.score ?? 0, $0.nr) }, queue[state].members.map(\.id))
        }
        try same("completed", line(["k", "c"]) { ($0.done?.score ?? 0, $0.nr) }, queue[.completed].members.map(\.id))
        for (letter, state) in [("d", JobState.dead), ("x", .cancelled)] {
            let found = line([letter]) { ($0.done?.endedAt ?? 0, $0.done?.score ?? 0) }
            try same(state.rawValue, found, queue[state].members.map(\.id))
        }
    }

    /// All that tells where a job stands, but for its turn among others.
    private struct Whereabouts: Equatable {
        var state: String
        var moment: Int64?
        var level: Int64?
        var token: FencingToken?
        var worker: String?
        var cancel: CancelRequest?
    }

    private static func place(of job: Job) -> Whereabouts {
        if let live = job.live {
            var place = Whereabouts(state: live.state)
            if live.state == "r" { place.level = 9 - live.score >> 58 } else { place.moment = live.score }
            if let token = live.token {
                place.token = FencingToken(value: token, nonce: UInt32(truncatingIfNeeded: live.nonce ?? 0))
            }
            place.worker = live.worker
            place.cancel = live.cancel.map(RunPacking.cancelRequest)
            return place
        }
        guard let done = job.done else { return Whereabouts(state: "") }
        return Whereabouts(state: done.state, moment: done.state == "k" ? done.score : done.endedAt)
    }

    private static func place(of entry: MemoryQueue.Entry) -> Whereabouts {
        switch entry.place {
        case .scheduled(let due, _): Whereabouts(state: "s", moment: due.milliseconds)
        case .ready(let priority, _): Whereabouts(state: "r", level: Int64(priority))
        case .active(let claim):
            Whereabouts(
                state: "a", moment: claim.leaseExpiresAt.milliseconds, token: claim.token, worker: claim.worker,
                cancel: entry.cancelRequest)
        case .retrying(let due, _): Whereabouts(state: "t", moment: due.milliseconds)
        case .completed(let at, _): Whereabouts(state: "c", moment: at.milliseconds)
        case .retained(let until): Whereabouts(state: "k", moment: until.milliseconds)
        case .dead(let since): Whereabouts(state: "d", moment: since.milliseconds)
        case .cancelled(let since): Whereabouts(state: "x", moment: since.milliseconds)
        }
    }
}

extension Place {
    fileprivate var isRetained: Bool { if case .retained = self { true } else { false } }
}
