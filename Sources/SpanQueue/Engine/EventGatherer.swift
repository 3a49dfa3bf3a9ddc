// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Synchronization

/// Gathers what the calls of an engine do to a queue that is watched, so that to be watched costs some messages a second, however many jobs
/// a second it moves. What comes after a while of silence is told at once.
package final class EventGatherer: Sendable {
    /// For how long a message of a queue is the last one.
    package static let interval = Duration.milliseconds(20)

    /// What to do about something that was added.
    package enum Next: Sendable, Hashable {
        case tell(QueueEvent)
        /// Call ``take(_:at:)`` at that time.
        case wait(until: ContinuousClock.Instant)
        /// Somebody does that already.
        case nothing
    }

    private struct Slot {
        /// Until then nothing more is told.
        var until: ContinuousClock.Instant
        /// What was gathered meanwhile.
        var gathered: QueueEvent?

        mutating func gather(_ event: (_ most: Int) -> QueueEvent) {
            let more = event(QueueEvent.mostJobs - (gathered?.jobs.count ?? 0))
            guard !more.counts.isEmpty else { return }
            if gathered == nil { gathered = more } else { gathered?.add(more) }
        }
    }

    private let slots = Mutex<[String: Slot]>([:])

    package init() {}

    /// - Parameter event: makes the event; it is told how many jobs are to be named. Names cost more than counts.
    package func add(_ queue: String, at now: ContinuousClock.Instant, _ event: (_ most: Int) -> QueueEvent) -> Next {
        slots.withLock { slots in
            if let until = slots[queue]?.until, now < until || slots[queue]?.gathered != nil {
                let wasEmpty = slots[queue]?.gathered == nil
                slots[queue]?.gather(event)
                return wasEmpty && slots[queue]?.gathered != nil ? .wait(until: until) : .nothing
            }
            let event = event(QueueEvent.mostJobs)
            guard !event.counts.isEmpty else { return .nothing }
            // Names from outside must not fill the memory.
            if slots.count >= EventWatch.mostQueues { slots = slots.filter { $0.value.gathered != nil } }
            slots[queue] = Slot(until: now + Self.interval)
            return .tell(event)
        }
    }

    /// What was gathered, which is now to be told.
    package func take(_ queue: String, at now: ContinuousClock.Instant) -> QueueEvent? {
        slots.withLock { slots in
            guard let event = slots[queue]?.gathered else { return nil }
            slots[queue] = Slot(until: now + Self.interval)
            return event
        }
    }

    /// All that was gathered, which is told before the end.
    package func takeAll() -> [QueueEvent] {
        slots.withLock { slots in
            defer { slots = [:] }
            return slots.values.compactMap(\.gathered)
        }
    }
}
