// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// How attempts went in the last while.
package struct HistoryView: Encodable, Sendable {
    /// Of a slot.
    package let seconds: Int
    /// The oldest first; those in which no attempt ended are not there.
    package let slots: [HistorySlotView]
    /// Of the whole time, those with most attempts first; null for all queues together.
    @OrNull package var types: [HistoryTypeView]?
    /// Of each queue, by name; null for one queue.
    @OrNull package var queues: [HistoryQueueView]?

    /// - Parameters:
    ///   - queues: the slots of each.
    ///   - isOfOne: whether it was asked for one queue, whose types are told apart.
    init(_ queues: [[HistorySlot]], of names: [String], _ resolution: HistoryResolution, isOfOne: Bool) {
        seconds = resolution.seconds
        let moments = Set(queues.joined().map(\.at)).sorted()
        var sums: [Timestamp: HistorySlot] = [:]
        var types: [String: AttemptSums] = [:]
        var trends: [HistoryQueueView] = []
        for (name, slots) in zip(names, queues) {
            let own = Dictionary(slots.map { ($0.at, $0) }) { first, _ in first }
            // Where nobody told of attempts, as many are ready as when somebody did.
            var ready: Int?
            var trend = HistoryQueueView(name: name)
            for moment in moments {
                let slot = own[moment]
                ready = slot?.ready ?? ready
                trend.ready.append(ready)
                sums[moment, default: HistorySlot(at: moment, ready: 0)].ready += ready ?? 0
                if let slot {
                    sums[moment]?.sums.add(slot.sums)
                    for (type, more) in slot.types { types[type, default: AttemptSums()].add(more) }
                }
            }
            trends.append(trend)
        }
        self.slots = moments.compactMap { sums[$0] }.map(HistorySlotView.init)
        let views = types.sorted { ($1.value.attempts, $0.key) < ($0.value.attempts, $1.key) }
            .map { HistoryTypeView($0.key, $0.value) }
        _types = OrNull(wrappedValue: isOfOne ? views : nil)
        _queues = OrNull(wrappedValue: isOfOne ? nil : trends)
    }
}

/// What is remembered of one of many queues.
package struct HistoryQueueView: Encodable, Sendable {
    package let name: String
    /// Its ready jobs in each of the slots; null before the first of its own.
    package var ready: [Int?] = []
}

/// What is remembered of one slot of time.
package struct HistorySlotView: Encodable, Sendable {
    /// When it begins.
    package let at: String
    /// How many jobs were ready when a worker told of attempts last.
    package let ready: Int
    package let completed: Int
    package let retried: Int
    package let dead: Int
    package let other: Int
    /// Means over its attempts.
    package let processSeconds: Double
    package let waitSeconds: Double

    private enum CodingKeys: String, CodingKey {
        case at, ready, completed, retried, dead, other
        case processSeconds = "process_seconds"
        case waitSeconds = "wait_seconds"
    }

    init(_ slot: HistorySlot) {
        at = slot.at.description
        ready = slot.ready
        (completed, retried, dead, other) = (slot.sums.completed, slot.sums.retried, slot.sums.dead, slot.sums.other)
        (processSeconds, waitSeconds) = slot.sums.means
    }
}

/// How attempts at jobs of one type went.
package struct HistoryTypeView: Encodable, Sendable {
    /// `*` for those of many types, which are not told apart.
    package let type: String
    package let completed: Int
    package let retried: Int
    package let dead: Int
    package let other: Int
    /// Means over its attempts.
    package let processSeconds: Double
    package let waitSeconds: Double
    /// Half of the attempts, and 99 of 100, took no longer; at most twice and a half of what is true.
    @OrNull package var p50Seconds: Double?
    @OrNull package var p99Seconds: Double?

    private enum CodingKeys: String, CodingKey {
        case type, completed, retried, dead, other
        case processSeconds = "process_seconds"
        case waitSeconds = "wait_seconds"
        case p50Seconds = "p50_seconds"
        case p99Seconds = "p99_seconds"
    }

    init(_ type: String, _ sums: AttemptSums) {
        self.type = type
        (completed, retried, dead, other) = (sums.completed, sums.retried, sums.dead, sums.other)
        (processSeconds, waitSeconds) = sums.means
        _p50Seconds = OrNull(wrappedValue: sums.quantile(0.5).map { Double($0) / 1000 })
        _p99Seconds = OrNull(wrappedValue: sums.quantile(0.99).map { Double($0) / 1000 })
    }
}

extension AttemptSums {
    /// Process and wait, in seconds.
    fileprivate var means: (Double, Double) {
        let count = Double(max(1, attempts)) * 1000
        return (Double(processMilliseconds) / count, Double(waitMilliseconds) / count)
    }
}
