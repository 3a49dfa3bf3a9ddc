// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization

/// One who watches. Of each topic one frame at most waits for it, however slowly it reads.
package final class LiveViewer: Sendable {
    /// What it is to be sent next.
    package enum Item: Sendable {
        case frame(LiveFrame)
        /// Nothing has happened for a while, and the connection is to be kept.
        case comment
    }

    private struct State {
        var pending: [LiveFrame] = []
        var wantsComment = false
        var isEnded = false
        /// Told once when there is something.
        var wake: (@Sendable () -> Void)?
        var lastTaken: ContinuousClock.Instant
    }

    package let filter: LiveFilter
    package let principal: String
    package let end: ContinuousClock.Instant
    /// Whether it would be let in now as it was.
    package let isAdmitted: @Sendable () -> Bool
    private let state: Mutex<State>

    package init(
        _ filter: LiveFilter, principal: String, until end: ContinuousClock.Instant, now: ContinuousClock.Instant,
        isAdmitted: @escaping @Sendable () -> Bool = { true }
    ) {
        self.filter = filter
        self.principal = principal
        self.end = end
        self.isAdmitted = isAdmitted
        state = Mutex(State(lastTaken: now))
    }

    package var isEnded: Bool { state.withLock { $0.isEnded } }

    package func offer(_ frame: LiveFrame) {
        guard filter.wants(frame.topic), !frame.isEmpty(for: filter.queues) else { return }
        change { state in
            let isAlone = frame.topic == .notice || frame.topic == .reset || frame.topic == .hello
            if !isAlone, let place = state.pending.firstIndex(where: { $0.topic == frame.topic }) {
                let earlier = state.pending.remove(at: place)
                state.pending.append(frame.after(earlier))
            } else {
                state.pending.append(frame)
            }
            // Notices are few; but a reader who never reads must not gather them.
            if state.pending.count > Self.mostPending { state.pending.removeFirst() }
        }
    }

    private static let mostPending = 32

    /// Keeps the connection where nothing was sent for so long.
    package func keepAlive(now: ContinuousClock.Instant, after silence: Duration) {
        guard state.withLock({ now - $0.lastTaken >= silence && $0.pending.isEmpty }) else { return }
        change { $0.wantsComment = true }
    }

    /// Lets it read what is there, and no more.
    package func finish() {
        change { $0.isEnded = true }
    }

    private func change(_ body: (inout State) -> Void) {
        let wake = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isEnded else { return nil }
            body(&state)
            defer { state.wake = nil }
            return state.wake
        }
        wake?()
    }

    /// What there is now, in order; nil at the end. Where there is nothing, `wake` is told when there is.
    package func take(now: ContinuousClock.Instant = .now, orWake wake: @escaping @Sendable () -> Void) -> [Item]? {
        state.withLock { state in
            if !state.pending.isEmpty || state.wantsComment {
                state.lastTaken = now
                let items = state.pending.isEmpty ? [Item.comment] : state.pending.map(Item.frame)
                state.pending = []
                state.wantsComment = false
                return items
            }
            if state.isEnded { return nil }
            state.wake = wake
            return []
        }
    }

    /// Waits for what comes next; nil at the end.
    package func next() async -> [Item]? {
        while true {
            let items = await withCheckedContinuation { continuation in
                let items = take(orWake: { continuation.resume(returning: [Item]?.some([])) })
                if items?.isEmpty != true { continuation.resume(returning: items) }
            }
            guard let items else { return nil }
            if !items.isEmpty { return items }
        }
    }
}
