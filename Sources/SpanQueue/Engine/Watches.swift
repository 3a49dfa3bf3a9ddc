// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization

/// Which queues somebody watches, as an engine has heard it; and those who watch by this engine, each with a connection that listens.
package final class Watches<Listener: AnyObject & Sendable>: Sendable {
    private struct State {
        var until: [String: ContinuousClock.Instant] = [:]
        var watchers: [ObjectIdentifier: (listener: Listener, sink: NewsSink)] = [:]
        var nextLook: ContinuousClock.Instant?
        var isClosed = false
    }

    private let state = Mutex(State())
    /// Whether there may be one: every call asks.
    private let isAny = Atomic(false)

    package init() {}

    /// - Parameter time: how long that holds; nil where nobody watches.
    package func note(_ queue: String, for time: Duration?) {
        guard time != nil || isAny.load(ordering: .relaxed) else { return }
        state.withLock { state in
            // Names from outside must not fill the memory.
            if state.until.count >= EventWatch.mostQueues { state.until.removeAll() }
            state.until[queue] = time.map { .now + $0 }
            isAny.store(!state.until.isEmpty, ordering: .relaxed)
        }
    }

    /// These are all, and how long that holds.
    package func replace(with queues: [String: Duration]) {
        guard !queues.isEmpty || isAny.load(ordering: .relaxed) else { return }
        state.withLock { state in
            state.until = queues.mapValues { .now + $0 }
            isAny.store(!state.until.isEmpty, ordering: .relaxed)
        }
    }

    /// Whether it is time to ask who watches; then the caller does.
    package func isLookDue(every interval: Duration) -> Bool {
        state.withLock { state in
            let now = ContinuousClock.now
            if let next = state.nextLook, now < next { return false }
            state.nextLook = now + interval
            return true
        }
    }

    package func isWatched(_ queue: String) -> Bool {
        guard isAny.load(ordering: .relaxed) else { return false }
        return state.withLock { $0.until[queue].map { $0 > .now } ?? false }
    }

    /// - Returns: false where the engine has shut down.
    package func keep(_ listener: Listener, for sink: NewsSink) -> Bool {
        state.withLock { state in
            if !state.isClosed { state.watchers[ObjectIdentifier(listener)] = (listener, sink) }
            return !state.isClosed
        }
    }

    package func forget(_ listener: Listener) {
        state.withLock { $0.watchers[ObjectIdentifier(listener)] = nil }
    }

    /// Ends the streams; the connections are the caller's to close.
    package func close() -> [Listener] {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            state.isClosed = true
            return Array(state.watchers.values)
        }
        for (_, sink) in watchers { sink.finish() }
        return watchers.map(\.listener)
    }
}
