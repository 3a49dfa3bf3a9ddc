// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What one look has seen.
struct TopData: Sendable {
    /// By the engine's clock.
    var at: Timestamp
    /// How far that is ahead of ours.
    var skew: Duration = .zero
    var queues: [QueueCounts] = []
    var workers: [WorkerInfo] = []

    /// How many live workers serve a queue.
    func servants(of queue: String) -> Int { workers.count { $0.queues.contains(queue) } }

    var busy: Int { workers.reduce(0) { $0 + $1.busy } }
    var slots: Int { workers.reduce(0) { $0 + $1.concurrency } }
    func sum(_ state: JobState) -> Int { queues.reduce(0) { $0 + $1[state] } }
    var oldest: Duration? { queues.compactMap(\.oldestReadyAge).max() }
}

/// How the figures of one queue have gone: rates are differences of its totals.
struct TopHistory: Sendable {
    private struct Sample: Sendable {
        var at: Timestamp
        var ready: Int
        var totals: QueueTotals
    }

    /// Over how long a rate is taken.
    private static let span = Duration.seconds(10)
    private static let mostSamples = 120

    private var samples: [Sample] = []

    mutating func add(_ counts: QueueCounts, at now: Timestamp) {
        // A total that went back is another queue of the same name.
        if let last = samples.last, counts.totals.enqueued < last.totals.enqueued { samples = [] }
        samples.append(Sample(at: now, ready: counts[.ready], totals: counts.totals))
        if samples.count > Self.mostSamples { samples.removeFirst() }
    }

    var ready: [Int] { samples.map(\.ready) }

    /// Jobs a second; nil where there are no two samples yet.
    private func rate(_ total: (QueueTotals) -> Int) -> Double? {
        guard let last = samples.last, let first = samples.first(where: { last.at - $0.at <= Self.span }) else {
            return nil
        }
        let seconds = Double((last.at - first.at).milliseconds) / 1000
        return seconds > 0 ? max(0, Double(total(last.totals) - total(first.totals)) / seconds) : nil
    }

    var arriving: Double? { rate(\.enqueued) }
    /// In any way.
    var leaving: Double? { rate { $0.completed + $0.dead + $0.cancelled } }
    var completing: Double? { rate(\.completed) }
    var dying: Double? { rate(\.dead) }

    /// When it is empty at this pace; nil where it does not get shorter, or that is not known.
    func drain(_ ready: Int) -> Duration? {
        guard ready > 0, let arriving, let leaving, leaving > arriving else { return nil }
        return .milliseconds(Int64(min(Double(ready) / (leaving - arriving) * 1000, 1e12)))
    }
}
