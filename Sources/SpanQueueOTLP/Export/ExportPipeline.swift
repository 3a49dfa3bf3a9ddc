// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import NIOConcurrencyHelpers

/// One signal on its way out: a queue or a collection, and the exporter behind it.
package protocol ExportPipeline: Sendable {
    /// Exports in the background until its task is cancelled or the pipeline shut down.
    func run() async

    /// Exports what is there now.
    ///
    /// - Parameter limit: it is given up then.
    func flush(within limit: Duration) async -> FlushResult

    /// Takes no more, and exports what is there. What is not done in time is dropped and counted. Calls after the first one
    /// have nothing to do.
    func shutdown(within limit: Duration) async -> FlushResult

    /// What it has done so far.
    var statistics: ExportStatistics { get }
}

/// How a flush or a shutdown went.
package enum FlushResult: Sendable, Hashable, CaseIterable {
    /// All that was there has been exported.
    case ok
    /// Some of it was not taken.
    case failed
    /// It was not done in time.
    case timedOut

    /// The worse of two.
    func merged(with other: FlushResult) -> FlushResult {
        if self == .timedOut || other == .timedOut { return .timedOut }
        return self == .failed || other == .failed ? .failed : .ok
    }
}

/// Sends batches somewhere. A ``BatchProcessor`` calls it with one batch at a time.
package protocol BatchExporter<Batch>: Sendable {
    /// What is exported.
    associatedtype Batch: ItemBatch & Sendable

    /// Sends a batch, and comes back by the deadline, or soon after its task is cancelled, whatever the other side does.
    func export(_ batch: Batch, by deadline: ContinuousClock.Instant) async -> ExportOutcome
}

/// What became of a batch.
package enum ExportOutcome: Sendable, Hashable {
    /// The other side took it, but for `rejected` items, which it does not want again.
    case exported(rejected: Int)
    /// It was dropped; `errorType` is a word or a status code that is fit for a metric's label.
    case failed(errorType: String)

    /// Whether the other side took all of it.
    package var isSuccess: Bool { self == .exported(rejected: 0) }
}

/// Lets one task export at a time, in the order in which they asked. A task that is cancelled stops waiting.
final class ExportTurn: Sendable {
    private struct State: Sendable {
        var isTaken = false
        var lastID: UInt64 = 0
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    private let state = NIOLockedValueBox(State())

    /// Waits for the turn.
    ///
    /// - Returns: whether the caller has it, and must give it back; false where its task was cancelled.
    func take() async -> Bool {
        let id = state.withLockedValue { state in
            state.lastID += 1
            return state.lastID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Cancelled before or after the handler below looked: one of the two sees it.
                let answer: Bool? = state.withLockedValue { state in
                    if Task.isCancelled { return false }
                    guard state.isTaken else {
                        state.isTaken = true
                        return true
                    }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = state.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiting.remove(at: index).continuation
            }
            continuation?.resume(returning: false)
        }
    }

    /// Gives the turn to the next one.
    func give() {
        let next = state.withLockedValue { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume(returning: true)
    }
}

/// What one signal's way out has done: the source of `otel.sdk.processor.*` and `otel.sdk.exporter.*`.
package struct ExportStatistics: Sendable, Hashable {
    /// How many items wait.
    package var queueSize: Int
    /// How many may wait.
    package var queueCapacity: Int
    /// How many items left the processor, by error type; empty for those that went to the exporter, `queue_full` for those
    /// that found no room, `shutdown` for those that came or were left after the end.
    package var processed: [String: Int] = [:]
    /// How many items left the exporter, by error type; empty for those that the collector took. A status code, a word for
    /// what went wrong on the way, or `rejected`.
    package var exported: [String: Int] = [:]
    /// How long exports took, retries included, by error type; empty for success.
    package var operations: [String: DurationTally] = [:]

    /// Makes statistics without anything done.
    package init(queueSize: Int = 0, queueCapacity: Int) {
        self.queueSize = queueSize
        self.queueCapacity = queueCapacity
    }

    /// How many items were dropped before they reached the exporter.
    package var droppedItems: Int { processed.reduce(0) { $1.key.isEmpty ? $0 : $0 + $1.value } }

    /// How many items the exporter could not deliver.
    package var failedItems: Int { exported.reduce(0) { $1.key.isEmpty ? $0 : $0 + $1.value } }

    mutating func count(_ outcome: ExportOutcome, of items: Int, after duration: Duration) {
        switch outcome {
        case .exported(let rejected):
            // A collector may claim to have rejected more than it was sent.
            let rejected = min(max(0, rejected), items)
            if items > rejected { exported["", default: 0] += items - rejected }
            if rejected > 0 { exported["rejected", default: 0] += rejected }
            operations[rejected > 0 ? "rejected" : "", default: DurationTally()].add(duration)
        case .failed(let errorType):
            exported[errorType, default: 0] += items
            operations[errorType, default: DurationTally()].add(duration)
        }
    }
}

/// Durations counted in buckets.
package struct DurationTally: Sendable, Hashable {
    /// The upper bounds of the buckets in seconds.
    package static let boundsSeconds: [Double] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    /// How many fell into each bucket, not cumulative; the last one, beyond the bounds, is for the rest.
    package private(set) var buckets = [UInt64](repeating: 0, count: boundsSeconds.count + 1)
    /// How many there are.
    package private(set) var count: UInt64 = 0
    /// All together.
    package private(set) var sumSeconds = 0.0

    /// Makes a tally of nothing.
    package init() {}

    mutating func add(_ duration: Duration) {
        let (whole, fraction) = duration.components
        let seconds = Double(whole) + Double(fraction) * 1e-18
        buckets[Self.boundsSeconds.firstIndex { seconds <= $0 } ?? Self.boundsSeconds.count] += 1
        count += 1
        sumSeconds += seconds
    }
}
