// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import DequeModule
import SpanQueueLoop

/// What a worker keeps of one queue, beside what its `WorkerLife` counts: confined to the worker, as that is.
final class QueueLane {
    let index: Int
    let queue: String
    let metrics: QueueMetrics
    /// Ended attempts that the engine has not taken: new ones, those that were refused, and those that are on their way. Their leases are
    /// extended all the same.
    var fresh: Deque<Ending> = []
    var failed: Deque<Ending> = []
    var sent: [Ending] = []
    /// The errors that the engine is to be told of with the next heartbeat.
    var errors = ErrorTally()
    /// The attempts that it is to be told of with it.
    var history = HistoryTally()
    let settlementReady: Gate
    var settling: Task<Void, Never>?
    /// When the log last said that this version can't serve the queue; nil where it can.
    var unsupportedToldAt: ContinuousClock.Instant?

    init(_ index: Int, _ queue: String, _ metrics: QueueMetrics, on thread: LoopThread) {
        self.index = index
        self.queue = queue
        self.metrics = metrics
        self.settlementReady = Gate(on: thread)
    }

    /// The claims of all that is not settled.
    func appendUnsettled(to references: inout [ClaimReference]) {
        for ending in fresh { references.append(ending.settlement.reference) }
        for ending in failed { references.append(ending.settlement.reference) }
        for ending in sent { references.append(ending.settlement.reference) }
    }
}

/// A place where one task of an actor waits until another raises it. A raise that nobody waits for is kept, once.
///
/// Confined to the actor that made it, which must run on `thread`.
final class Gate {
    private let thread: LoopThread
    private var isRaised = false
    private var waiter: CheckedContinuation<Void, Never>?
    private var timer: LoopTimer?

    init(on thread: LoopThread) {
        self.thread = thread
    }

    func raise() {
        guard let waiter else {
            isRaised = true
            return
        }
        self.waiter = nil
        if let timer { thread.cancel(timer) }
        timer = nil
        waiter.resume()
    }

    /// Waits for a raise, or until the deadline.
    func wait(until deadline: ContinuousClock.Instant? = nil) async {
        if isRaised {
            isRaised = false
            return
        }
        await withCheckedContinuation { continuation in
            waiter = continuation
            guard let deadline else { return }
            timer = thread.schedule(at: deadline) { [unowned self] in
                timer = nil
                waiter?.resume()
                waiter = nil
            }
        }
    }
}
