// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import SpanQueue

/// What a call told.
enum Answer: Sendable, Hashable {
    case enqueued([EnqueueOutcome])
    case claimed(ClaimReply)
    case extended(ExtendReply)
    case settled([SettleOutcome])
    case reported(Bool)
    case reclaimed([ReclaimedJob])
    case swept(Int)
    case acted(ActionOutcome)
    case actedOnMany(BulkReply)
    case actedOnEach([ActionOutcome])
    case counted([QueueCounts])
    case listed([JobRecord])
    case found(JobRecord?)
    case nothing

    /// What a repeated call must answer alike: an enqueue that is recognised is as good as one that is accepted.
    var sameClass: Answer {
        switch self {
        case .enqueued(let outcomes):
            .enqueued(
                outcomes.map { outcome in
                    switch outcome {
                    case .accepted(let at, _, _): .accepted(enqueuedAt: at, runAt: nil, isRepeat: true)
                    case .present(let job):
                        job.enqueuedAt.map { .accepted(enqueuedAt: $0, runAt: nil, isRepeat: true) } ?? outcome
                    default: outcome
                    }
                })
        case .swept: .nothing
        default: self
        }
    }

    /// Without what it says of some of the ends that it is the answer to.
    func without(_ places: Set<Int>) -> Answer {
        guard case .settled(let outcomes) = self else { return self }
        return .settled(outcomes.enumerated().map { places.contains($0.offset) ? .lost : $0.element })
    }

    /// Whether all that it was about is answered as lost: then nothing may have changed.
    var isAllLost: Bool {
        switch self {
        case .settled(let outcomes): outcomes.allSatisfy { $0 == .lost }
        case .reported(let stored): !stored
        default: false
        }
    }
}

extension QueueCounts {
    /// Without what stands beside a pause.
    var withoutNote: QueueCounts {
        var counts = self
        counts.pause = nil
        return counts
    }
}
