// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization

/// How many workers use a queue, so that the queue is not closed under them.
final class RunningWorkers: Sendable {
    private let count = Mutex(0)

    func begin() {
        count.withLock { $0 += 1 }
    }

    func end() {
        count.withLock { $0 -= 1 }
    }

    /// Looks every few milliseconds: this happens once, at the end of a process.
    func waitUntilNone(within limit: Duration) async {
        let deadline = ContinuousClock.now + limit
        while count.withLock({ $0 }) > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
