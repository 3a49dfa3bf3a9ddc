// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// What an engine has that remembers how attempts went, by minutes and by ten minutes. Workers add to it with their heartbeat, not with
/// each attempt.
package protocol HistoryStore: EngineCore {
    /// Adds to the present moment of a queue, and notes how many of its jobs are ready; at most ``AttemptTally/mostTypes`` and one types.
    func add(_ tallies: [AttemptTally], to queue: String) async throws
    /// What there is of the last slots of each of the queues, the oldest first. One in which no worker told of attempts is not there.
    ///
    /// - Parameters:
    ///   - count: how many slots back, the present one included; at most those that are kept.
    ///   - namesTypes: whether types are told apart.
    func history(
        of queues: [String], _ resolution: HistoryResolution, last count: Int, namesTypes: Bool
    ) async throws -> [[HistorySlot]]
}

/// How long the slots of a history are, and how many are kept.
package struct HistoryResolution: Sendable, Hashable {
    /// Its name in interfaces.
    package let name: String
    /// Of a slot.
    package let seconds: Int
    package let slots: Int

    /// The last three hours.
    package static let minute = HistoryResolution(name: "minute", seconds: 60, slots: 180)
    /// The last three days.
    package static let tenMinutes = HistoryResolution(name: "ten_minutes", seconds: 600, slots: 432)
    package static let all = [minute, tenMinutes]

    private init(name: String, seconds: Int, slots: Int) {
        self.name = name
        self.seconds = seconds
        self.slots = slots
    }

    /// The number of the slot that a moment is in, since 1970.
    package func epoch(at now: Timestamp) -> Int { Int(now.milliseconds / 1000) / seconds }

    /// When a slot begins.
    package func start(of epoch: Int) -> Timestamp { Timestamp(milliseconds: Int64(epoch) * Int64(seconds) * 1000) }
}

/// How many attempts ended how, and how long they took.
package struct AttemptSums: Sendable, Hashable {
    /// The upper bounds of the buckets of process times, in milliseconds; one more bucket is for what is longer.
    package static let bounds = (0..<25).map { [1, 2, 5][$0 % 3] * Self.power($0 / 3) }

    package var completed = 0
    /// Failed, and will be tried again.
    package var retried = 0
    package var dead = 0
    /// Snoozed, released or cancelled.
    package var other = 0
    /// Of all attempts together.
    package var processMilliseconds = 0
    /// From the moment at which a job could have been claimed to its claim, of all attempts together.
    package var waitMilliseconds = 0
    /// How many attempts took how long, by ``bounds``; none where it is not known.
    package var buckets: [Int] = []

    package init() {}

    package var attempts: Int { completed + retried + dead + other }

    /// Counts one attempt.
    package mutating func add(_ outcome: AttemptOutcome, process: Duration, wait: Duration) {
        switch outcome {
        case .completed: completed += 1
        case .retried: retried += 1
        case .buried: dead += 1
        default: other += 1
        }
        let milliseconds = Int(clamping: process.milliseconds)
        processMilliseconds += milliseconds
        waitMilliseconds += Int(clamping: wait.milliseconds)
        if buckets.isEmpty { buckets = [Int](repeating: 0, count: Self.bounds.count + 1) }
        buckets[Self.bounds.firstIndex { milliseconds <= $0 } ?? Self.bounds.count] += 1
    }

    package mutating func add(_ more: AttemptSums) {
        completed += more.completed
        retried += more.retried
        dead += more.dead
        other += more.other
        processMilliseconds += more.processMilliseconds
        waitMilliseconds += more.waitMilliseconds
        if buckets.isEmpty {
            buckets = more.buckets
        } else {
            for (place, count) in more.buckets.enumerated() { buckets[place] += count }
        }
    }

    /// The time below which that share of the attempts stayed, in milliseconds, as well as the buckets know it: the bound of the one that
    /// it is in. Nil where nothing is known, and for what is beyond the last bound.
    package func quantile(_ share: Double) -> Int? {
        let count = buckets.reduce(0, +)
        guard count > 0 else { return nil }
        var left = Int((share * Double(count)).rounded(.up))
        for (bucket, bound) in zip(buckets, Self.bounds) {
            left -= bucket
            if left <= 0 { return bound }
        }
        return nil
    }

    /// All of them, as an engine keeps them.
    package var numbers: [Int] { sums + buckets }
    /// Those before the buckets.
    package var sums: [Int] { [completed, retried, dead, other, processMilliseconds, waitMilliseconds] }

    /// Nil for what are none.
    package init?(_ numbers: [Int]) {
        guard numbers.count == 6 || numbers.count == 7 + Self.bounds.count, numbers.allSatisfy({ $0 >= 0 }) else {
            return nil
        }
        completed = numbers[0]
        retried = numbers[1]
        dead = numbers[2]
        other = numbers[3]
        processMilliseconds = numbers[4]
        waitMilliseconds = numbers[5]
        buckets = Array(numbers[6...])
    }

    private static func power(_ exponent: Int) -> Int { (0..<exponent).reduce(1) { power, _ in power * 10 } }
}

/// The attempts of jobs of one type that a worker has not told of yet.
package struct AttemptTally: Sendable, Hashable {
    /// The most types that are told apart at a time; the others are counted together.
    package static let mostTypes = 100
    /// The name of those; no type can have it.
    package static let others = "*"

    package var type: String
    package var sums: AttemptSums

    package init(type: String, sums: AttemptSums = AttemptSums()) {
        self.type = type
        self.sums = sums
    }
}

/// The attempts of one queue that a worker has not told of yet.
package struct HistoryTally: Sendable {
    private var tallies: [AttemptTally] = []
    /// The place of the type that was counted last: the next is likely to be the same.
    private var latest = 0

    package init() {}

    package var isEmpty: Bool { tallies.isEmpty }

    /// Counts an attempt that has ended.
    package mutating func add(_ settlement: Settlement, process: Duration) {
        let job = settlement.job
        add(job.message.type, settlement.verdict.outcome, process: process, wait: job.wait)
    }

    package mutating func add(_ type: String, _ outcome: AttemptOutcome, process: Duration, wait: Duration) {
        find(type)
        tallies[latest].sums.add(outcome, process: process, wait: wait)
    }

    /// Makes `latest` the place of a type.
    private mutating func find(_ type: String) {
        if latest < tallies.count, tallies[latest].type == type { return }
        if let place = tallies.firstIndex(where: { $0.type == type }) {
            latest = place
        } else if tallies.count < AttemptTally.mostTypes, NameRule.jobType.allows(type) {
            latest = tallies.count
            tallies.append(AttemptTally(type: type))
        } else if let place = tallies.firstIndex(where: { $0.type == AttemptTally.others }) {
            latest = place
        } else {
            latest = tallies.count
            tallies.append(AttemptTally(type: AttemptTally.others))
        }
    }

    /// What there is, which is then told.
    package mutating func take() -> [AttemptTally] {
        defer { (tallies, latest) = ([], 0) }
        return tallies
    }

    /// Puts back what could not be told.
    package mutating func add(_ untold: [AttemptTally]) {
        for one in untold {
            find(one.type)
            tallies[latest].sums.add(one.sums)
        }
    }
}

/// What is remembered of one slot of time.
package struct HistorySlot: Sendable, Hashable {
    /// When it begins.
    package var at: Timestamp
    /// How many jobs were ready when a worker told of attempts last.
    package var ready: Int
    package var sums: AttemptSums
    /// By type, where that was asked for.
    package var types: [String: AttemptSums]

    package init(at: Timestamp, ready: Int, sums: AttemptSums = AttemptSums(), types: [String: AttemptSums] = [:]) {
        self.at = at
        self.ready = ready
        self.sums = sums
        self.types = types
    }
}

/// A history in memory.
package struct HistoryRing: Sendable {
    /// By resolution, then by number of the slot.
    private var slots: [HistoryResolution: [Int: HistorySlot]] = [:]

    package init() {}

    package mutating func add(_ tallies: [AttemptTally], ready: Int, at now: Timestamp) {
        for resolution in HistoryResolution.all {
            let epoch = resolution.epoch(at: now)
            var slot = slots[resolution]?[epoch] ?? HistorySlot(at: resolution.start(of: epoch), ready: ready)
            slot.ready = ready
            for tally in tallies {
                slot.sums.add(tally.sums)
                slot.types[tally.type, default: AttemptSums()].add(tally.sums)
            }
            slots[resolution, default: [:]][epoch] = slot
            slots[resolution] = slots[resolution]?.filter { $0.key > epoch - resolution.slots }
        }
    }

    /// The last slots, the oldest first.
    package func last(_ count: Int, _ resolution: HistoryResolution, at now: Timestamp, namesTypes: Bool)
        -> [HistorySlot]
    {
        let epoch = resolution.epoch(at: now)
        let found = (slots[resolution] ?? [:]).filter { $0.key > epoch - count && $0.key <= epoch }
        return found.values.sorted { $0.at < $1.at }.map { slot in
            var slot = slot
            slot.sums.buckets = []
            if !namesTypes { slot.types = [:] }
            return slot
        }
    }
}
