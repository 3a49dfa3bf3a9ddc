// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueueTelemetry

/// When a new job is to run first.
package enum Schedule: Sendable, Hashable {
    /// As soon as a worker is free.
    case now
    /// This long after the engine accepts it.
    case after(Duration)
    /// At this moment; one in the past means now.
    case at(Timestamp)

    /// When that is for a job that the engine accepts at `now`; nil for at once.
    package func runAt(acceptedAt now: Timestamp) -> Timestamp? {
        switch self {
        case .now: nil
        case .after(let delay): delay > .zero ? now + delay : nil
        case .at(let moment): moment > now ? moment : nil
        }
    }
}

/// When a job stops being worth starting.
package enum Expiry: Sendable, Hashable {
    /// This long after the engine accepts it.
    case after(Duration)
    /// At this moment.
    case at(Timestamp)
}

/// A checked job on its way to the engine. Its moments are relative to the engine's clock, which fixes them.
package struct NewJob: Sendable, Hashable {
    /// The message, but for the moments that the engine fixes: `enqueuedAt`, `runAt` and `deadline`.
    package var message: JobMessage
    /// When it is to run first.
    package var schedule: Schedule
    /// When it stops being worth starting.
    package var expiry: Expiry?

    package init(message: JobMessage, schedule: Schedule = .now, expiry: Expiry? = nil) {
        self.message = message
        self.schedule = schedule
        self.expiry = expiry
    }

    /// The message as it reads once the engine has accepted it.
    package func message(acceptedAt now: Timestamp) -> JobMessage {
        var message = message
        message.enqueuedAt = now
        message.runAt = schedule.runAt(acceptedAt: now)
        switch expiry {
        case .after(let delay): message.deadline = now + delay
        case .at(let moment): message.deadline = moment
        case nil: message.deadline = nil
        }
        return message
    }
}

/// What a receipt tells of a job that was there before the call. All but the id is nil where its record is gone, as that of the owner of
/// a lock that is held for a time may be; all but id and state where a later version wrote it.
package struct ExistingJob: Sendable, Hashable {
    package var id: JobID
    package var state: JobState?
    package var dueAt: Timestamp?
    package var type: String?
    package var traceID: TraceID?
    package var enqueuedAt: Timestamp?

    package init(
        id: JobID, state: JobState? = nil, dueAt: Timestamp? = nil, type: String? = nil, traceID: TraceID? = nil,
        enqueuedAt: Timestamp? = nil
    ) {
        self.id = id
        self.state = state
        self.dueAt = dueAt
        self.type = type
        self.traceID = traceID
        self.enqueuedAt = enqueuedAt
    }
}

/// What became of one job of an enqueue. The rare cases are indirect: there is one for each of many jobs, and nearly all are accepted.
package enum EnqueueOutcome: Sendable, Hashable {
    /// It is in the queue; since an earlier sending of this very call, if it is a repeat.
    case accepted(enqueuedAt: Timestamp, runAt: Timestamp?, isRepeat: Bool)
    /// It was not added: an earlier call has added it, under the same id of the caller's and with the same content.
    indirect case present(ExistingJob)
    /// It was not added: this job holds the lock that it wanted.
    indirect case duplicate(of: ExistingJob)
    /// It was not added: its id is taken by a job with other content.
    case conflict
    /// It was not added, for this reason.
    indirect case refused(SpanQueueError)

    /// Whether two outcomes are the same; errors are compared by code and message.
    package static func == (left: EnqueueOutcome, right: EnqueueOutcome) -> Bool {
        switch (left, right) {
        case (.accepted(let a, let b, let c), .accepted(let d, let e, let f)): a == d && b == e && c == f
        case (.present(let a), .present(let b)), (.duplicate(let a), .duplicate(let b)): a == b
        case (.conflict, .conflict): true
        case (.refused(let a), .refused(let b)): a.code == b.code && a.message == b.message
        default: false
        }
    }

    /// Hashes what `==` compares.
    package func hash(into hasher: inout Hasher) {
        switch self {
        case .accepted(let enqueuedAt, let runAt, let isRepeat):
            hasher.combine(enqueuedAt)
            hasher.combine(runAt)
            hasher.combine(isRepeat)
        case .present(let job), .duplicate(let job): hasher.combine(job)
        case .conflict: hasher.combine(0)
        case .refused(let error): hasher.combine(error.code)
        }
    }
}

extension [NewJob] {
    /// The places of the jobs by their queues, in the order in which these come.
    package func placesByQueue() -> [(queue: String, places: [Int])] {
        var groups: [(queue: String, places: [Int])] = []
        var numbers: [String: Int] = [:]
        var latest = 0
        for place in indices {
            let queue = self[place].message.queue
            // Jobs of one call mostly go to one queue.
            if groups.isEmpty || groups[latest].queue != queue {
                latest = numbers[queue] ?? groups.count
                if latest == groups.count {
                    numbers[queue] = latest
                    groups.append((queue, []))
                    groups[latest].places.reserveCapacity(count)
                }
            }
            groups[latest].places.append(place)
        }
        return groups
    }
}
