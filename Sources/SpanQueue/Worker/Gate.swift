// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueueLoop

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
